using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class AnswerBuilderTests
{
    private static readonly ResolvedTime Time = new(0, 60_000_000_000, 60);

    [Fact]
    public void AHeatmapsCellsSumToTheCount()
    {
        var events = new EventMaker(3).Many(200).FindAll(e => e["duration_ms"].IsNumber);
        var spec = new QuerySpec { Calculations = [Calculation.Count, new(CalculationOp.Heatmap, "duration_ms"), new(CalculationOp.Heatmap, "size")] };
        var time = new ResolvedTime(EventMaker.StartNs, EventMaker.StartNs + 601_000_000_000, 3600);
        var answer = Build(PartialResultState.Scan(new LeafPlan(LeafPlan.AllDatasets, spec, time), Batches.Of(events)[0]));
        var cells = answer.Results[0].Cells;
        Assert.Equal(cells[0].Value.AsDouble, cells[1].Heatmap!.Sum(bucket => bucket.Count), 6);
        Assert.All(cells[1].Heatmap!.Zip(cells[1].Heatmap!.Skip(1)), pair => Assert.True(pair.First.Max <= pair.Second.Min));
        Assert.InRange(cells[2].Heatmap!.Count, 1, AnswerBuilder.HeatmapCellsMax + 1);
    }

    [Theory]
    [InlineData(false, false, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Bounded)]
    [InlineData(true, false, LabelKind.Estimated, LabelKind.Estimated, LabelKind.AtLeast, LabelKind.AtLeast, LabelKind.Estimated)]
    [InlineData(true, true, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Bounded)]
    public void LabelsSayWhatSamplingLeftOut(bool sampled, bool usage, LabelKind count, LabelKind sum, LabelKind max, LabelKind distinct, LabelKind quantile)
    {
        var spec = new QuerySpec
        {
            UsageMode = usage,
            Calculations = [Calculation.Count, new(CalculationOp.Sum, "v"), new(CalculationOp.Max, "v"), new(CalculationOp.CountDistinct, "v"), new(CalculationOp.P50, "v")],
        };
        var batch = new EventBatch([1, 2], [10, 10], [0, 0], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfIntegers(2, null, [3, 4]))], sampled);
        var answer = Build(PartialResultState.Scan(new LeafPlan("d", spec, Time), [batch]));
        Assert.Equal([count, sum, max, distinct, quantile], answer.Labels.Select(label => label.Kind));
        Assert.Equal(usage ? 2 : 20, answer.Results[0].Cells[0].Value.AsDouble);
        Assert.Equal(usage ? 7 : 70, answer.Results[0].Cells[1].Value.AsDouble);
    }

    [Fact]
    public void ASumPastTheRangeOfAFloatIsNoNumberAndNoFailure()
    {
        var spec = new QuerySpec { Calculations = [new(CalculationOp.Sum, "v"), new(CalculationOp.Avg, "v"), new(CalculationOp.Max, "v")] };
        var batch = new EventBatch([1, 2], null, [0, 0], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfFloats(2, null, [1.5e308, 1.5e308]))]);
        var cells = Build(PartialResultState.Scan(new LeafPlan("d", spec, Time), [batch])).Results[0].Cells;
        Assert.Equal([FieldKind.Absent, FieldKind.Absent, FieldKind.Float], cells.Select(cell => cell.Value.Kind));
    }

    private static QueryAnswer Build(PartialResult result) =>
        AnswerBuilder.Build(result, new() { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] });
}
