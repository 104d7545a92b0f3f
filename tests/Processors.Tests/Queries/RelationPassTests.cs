using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Querying.Relations;
using StreamObserve.Processors.Queries;

namespace StreamObserve.Processors.Tests.Queries;

public sealed class RelationPassTests
{
    private static readonly string Trace = TestState.TraceId(7_000);

    [Fact]
    public void ARootInABlockIsSeenFromAChildInTheRecentWindow()
    {
        using var test = RootInABlock();
        var childMs = test.NowMs;
        test.Append(test.Event(Trace, isRoot: false, route: "/db", isError: true));
        test.Pump();
        var snapshot = test.State.Snapshot();
        Assert.NotEmpty(snapshot.Blocks);
        Assert.NotEmpty(snapshot.Recent);

        Assert.Equal(1, Count(snapshot, "WHERE root.route = \"/pay\" AND route = \"/db\""));
        Assert.Equal(2, Count(snapshot, "WHERE any.error = true AND any2.route = \"/pay\""));
        Assert.Equal(249, Count(snapshot, "WHERE none.error = true"));
        Assert.Equal(0, Count(snapshot, "WHERE root.route = \"/pay\" AND route = \"/db\"", QuerySource.Recent));
        Assert.Equal(0, Count(snapshot, "WHERE any.error = true", QuerySource.Blocks));

        // Asked about the child's second alone, its root of half a minute before is still seen.
        Assert.Equal(1, Count(snapshot, "WHERE root.route = \"/pay\"", QuerySource.Auto, childMs, childMs + 1_000));
    }

    [Fact]
    public void ASpanFurtherFromTheRangeThanTheSlackIsNotSeen()
    {
        using var test = RootInABlock();
        test.NowMs = TestState.StartMs + (RelationLimits.SlackSeconds * 1_000L) + 5_000;
        test.Append(test.Event(Trace, isRoot: false, route: "/db"));
        test.Pump();
        var snapshot = test.State.Snapshot();

        Assert.Equal(0, Count(snapshot, "WHERE root.route = \"/pay\"", QuerySource.Auto, test.NowMs, test.NowMs + 1_000));
        Assert.Equal(1, Count(snapshot, "WHERE root.route = \"/pay\"", QuerySource.Auto, test.NowMs - 5_000, test.NowMs + 1_000));
    }

    [Fact]
    public void ABreakdownByTheRootHasItsValue()
    {
        using var test = RootInABlock();
        test.Append(test.Event(Trace, isRoot: false, route: "/db", isError: true));
        test.Pump();
        var result = Execute(test.State.Snapshot(), "WHERE error = true GROUP BY root.route, place DEFINE place AS \"CONCAT($route, '!')\"", QuerySource.Auto, 0, long.MaxValue / 2_000_000).Result!;

        Assert.Equal(["/pay", "/db!"], Enumerable.Range(0, result.Groups).Select(result.GroupValues).Single()!.Select(value => value.ToString()));
    }

    [Theory]
    [InlineData("WHERE any.error = true", "related spans")]
    [InlineData("GROUP BY r DEFINE r AS \"1\"", "r is a calculated field")]
    [InlineData("SUM(m) DEFINE m AS \"$duration_ms\"", "m is a calculated field")]
    public void AggregatesSayWhyTheyCannotAnswer(string text, string reason)
    {
        using var test = RootInABlock();
        var outcome = Execute(test.State.Snapshot(), text, QuerySource.Aggregates, 0, long.MaxValue / 2_000_000);
        Assert.Null(outcome.Result);
        Assert.Contains(reason, outcome.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void ACalculatedFieldThatIsNotUsedLeavesTheQuestionToAggregates()
    {
        using var test = RootInABlock();
        Assert.True(Execute(test.State.Snapshot(), "COUNT DEFINE m AS \"$duration_ms\"", QuerySource.Aggregates, 0, long.MaxValue / 2_000_000).Result!.UsedAggregates);
    }

    [Fact]
    public void TooManyRelatedSpansAreRefusedWithTheReason()
    {
        using var test = new TestState();
        test.Append([.. Enumerable.Range(1, (RelationLimits.EntriesMax / QueryLimits.FiltersMax) + 1).Select(i => test.Event(TestState.TraceId(i)))]);
        test.Pump();
        var conditions = string.Join(" OR ", Enumerable.Range(0, QueryLimits.FiltersMax).Select(i => $"any.route != \"{i}\""));
        var outcome = Execute(test.State.Snapshot(), "WHERE " + conditions, QuerySource.Auto, 0, long.MaxValue / 2_000_000);

        Assert.Null(outcome.Result);
        Assert.StartsWith("any. speaks of too much", outcome.Refusal, StringComparison.Ordinal);
    }

    /// <summary>A root and 249 other rows, most of them sealed; half a minute later.</summary>
    private static TestState RootInABlock()
    {
        var test = new TestState();
        test.Append(test.Event(Trace, route: "/pay"));
        test.Append([.. Enumerable.Range(1, 249).Select(i => test.Event(TestState.TraceId(i)))]);
        test.Tick(30_000);
        test.Pump();
        return test;
    }

    private static long Count(PartitionSnapshot snapshot, string text, QuerySource source = QuerySource.Auto, long fromMs = 0, long toMs = long.MaxValue / 2_000_000)
    {
        var result = Execute(snapshot, text, source, fromMs, toMs).Result!;
        return Enumerable.Range(0, result.Cells).Sum(result.Count.Rows);
    }

    private static LeafOutcome Execute(PartitionSnapshot snapshot, string text, QuerySource source, long fromMs, long toMs)
    {
        var parsed = QueryText.Parse(text);
        Assert.True(parsed.Ok, string.Join("; ", parsed.Errors));
        var plan = new LeafPlan(LeafPlan.AllDatasets, parsed.Value, new(fromMs * 1_000_000, toMs * 1_000_000, 2_000_000_000));
        return LeafExecutor.Execute(plan, source, snapshot, CancellationToken.None);
    }
}
