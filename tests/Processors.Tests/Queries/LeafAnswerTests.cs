using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Tests.Queries;

public sealed class LeafAnswerTests
{
    [Fact]
    public void AnAnswerThatIsWrittenAgainSaysTheSame()
    {
        var spec = new QuerySpec { Calculations = [Calculation.Count, new(CalculationOp.P99, "duration_ms"), new(CalculationOp.CountDistinct, "name")] };
        var plan = new LeafPlan(LeafPlan.AllDatasets, spec, new(0, 10_000_000_000, 10));
        var result = new PartialResult(plan);
        result.Cell(result.Group(default(ReadOnlySpan<byte>)), 0);
        result.Count.Add(0, 3, 3);
        var answer = new LeafAnswer(2, 7, LeafStatus.Answered, "", new LeafResult(result), new LeafCoverage(1, 1, 1, null, null, [])) { Explanation = new() };

        ByteWriter first = new(), second = new();
        answer.Write(first);
        answer.Write(second);

        Assert.Equal(first.Written.ToArray(), second.Written.ToArray());
        var merged = new PartialResult(plan);
        answer.Result!.AddTo(merged);
        Assert.Equal(3, merged.Count.Rows(0));
    }
}
