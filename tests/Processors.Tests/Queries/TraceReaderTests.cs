using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Processors.Queries;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.Queries;

public sealed class TraceReaderTests
{
    [Theory]
    [InlineData("route", "/pay", 20)]
    [InlineData("route", "/none", 0)]
    [InlineData("duration_ms", "17", 10)]       // a number, written as text in a path
    [InlineData("duration_ms", "17.5", 0)]
    [InlineData("error", "true", 10)]
    [InlineData("nothing", "1", 0)]
    public async Task RowsAreFoundByAnyFieldInBlocksAndInTheRecentWindow(string field, string value, int rows)
    {
        using var test = new TestState(TestState.Default with { BlockRows = 20 });
        for (var minute = 0; minute < 5; minute++)
        {
            for (var i = 0; i < 4; i++)
            {
                test.Append(
                    test.Event(TestState.TraceId((minute * 10) + i), route: "/pay"), test.Event(route: "/cart", durationMs: i < 2 ? 17 : 18), test.Event(isError: i < 2));
            }

            test.Tick(minute < 4 ? 20_000 : 1_000);
            test.Pump();
        }

        var found = await FindAsync(test, field, value);
        Assert.Equal(rows, found.Rows.Count);
        Assert.Equal((-1, null, false), (found.Arrived, found.Kept, found.MayLackDropped));
        Assert.NotEmpty(test.State.Snapshot().Blocks);
        Assert.NotEmpty(test.State.Snapshot().Recent);
    }

    [Fact]
    public async Task WhereSamplingHasDroppedRowsAnotherFieldMayLackSome()
    {
        using var test = new TestState();
        test.SetPolicy(1, new SimulatedRule(RuleSubject.Error, 0, "", 1), new SimulatedRule(RuleSubject.Any, 0, "", 0));
        test.Append(test.Event(TestState.TraceId(1), route: "/pay", isError: true), test.Event(TestState.TraceId(2), route: "/pay"));
        test.Tick(20_000);
        test.Pump();

        var byRoute = await FindAsync(test, "route", "/pay");
        Assert.Single(byRoute.Rows);
        Assert.True(byRoute.MayLackDropped);
        var dropped = await FindAsync(test, ColumnBlockWriter.TraceIdField, TestState.TraceId(2));
        Assert.Equal((0, 1, false, false), (dropped.Rows.Count, dropped.Arrived, dropped.Kept, dropped.MayLackDropped));
    }

    [Fact]
    public async Task PastItsBoundAnAnswerSaysThatThereMayBeMore()
    {
        using var test = new TestState(TestState.Default with { BlockRows = 4_000, FoldRows = 100_000 });
        for (var batch = 0; batch < 3; batch++)
        {
            test.Append([.. Enumerable.Range(0, 4_000).Select(_ => test.Event(route: "/pay"))]);
            test.Tick(20_000);
            test.Pump();
        }

        var found = await FindAsync(test, "route", "/pay");
        Assert.Equal(10_000, found.Rows.Count);
        Assert.Contains("more than the 10000 rows", found.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MessagesCrossProcesses()
    {
        var system = ActorSystem.Create("trace-wire");
        var serializer = new WireSerializer((ExtendedActorSystem)system);
        Assert.Equal(new TraceLookup(2, 9, "order_id", "o-17"), Send(new TraceLookup(2, 9, "order_id", "o-17")));
        foreach (var found in (TraceFound[])[
            new(3, 7, [(5, [1, 2])], 4, false, "drop_rule", "why", null), new(3, 7, [], -1, null, "", null, null) { MayLackDropped = true }, new(0, 1, [], 9, true, "keep_rule", null, null) { MayLackDropped = true, IsInWindow = true }])
        {
            var read = Send(found);
            Assert.Equal(found with { Rows = [] }, read with { Rows = [] });
            Assert.Equal(found.Rows.Select(row => (row.TimeNs, Convert.ToHexString(row.Json))), read.Rows.Select(row => (row.TimeNs, Convert.ToHexString(row.Json))));
        }

        await system.Terminate();

        T Send<T>(T message)
            where T : notnull => (T)serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message));
    }

    private static async Task<TraceFound> FindAsync(TestState test, string field, string value)
    {
        using var gate = new ScanGate(1);
        return await TraceReader.FindAsync(new(0, 1, field, value), test.State.Snapshot(), test.State.Traces, gate);
    }
}
