using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Processors.Queries;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.Queries;

public sealed class BubbleUpExecutorTests
{
    private const long HourStartMs = TestState.StartMs / 3_600_000 * 3_600_000;
    private static readonly QuerySpec Everything = new();
    private static readonly ScanGate Gate = new(1);
    private static readonly BubbleUpSelection Pay = BubbleUpSelection.Group([new("route", FieldValue.Of("/pay"))]);

    [Fact]
    public async Task BothSidesTogetherAreEveryRowOfBlocksHeadAndWindow()
    {
        using var test = Filled();
        var snapshot = test.State.Snapshot();
        Assert.NotEmpty(snapshot.Blocks);
        Assert.NotEmpty(snapshot.Recent);
        var result = await Execute(snapshot);
        Assert.Equal(test.Log.Records.SelectMany(record => record.Events).Count(e => e.Route == "/pay"), result.Selection.Rows);
        Assert.Equal(test.Log.Records.SelectMany(record => record.Events).Count(e => e.Route != "/pay"), result.Baseline.Rows);
        Assert.True(result is { UsedBlocks: true, UsedRecent: true, HasUncountedDrops: false });

        test.Tick(60_000);
        test.Pump();
        var decided = await Execute(test.State.Snapshot());
        Assert.Equal((result.Selection.Rows, result.Baseline.Rows, false), (decided.Selection.Rows, decided.Baseline.Rows, decided.UsedRecent));
    }

    [Fact]
    public async Task OnlyTheRangeIsLookedAt()
    {
        using var test = Filled();
        var result = await Execute(test.State.Snapshot(), 100, 161);
        var events = test.Log.Records.SelectMany(record => record.Events).Where(e => e.TimeMs >= HourStartMs + 100_000 && e.TimeMs < HourStartMs + 161_000).ToList();
        Assert.NotEmpty(events);
        Assert.Equal((events.Count(e => e.Route == "/pay"), events.Count(e => e.Route != "/pay")), (result.Selection.Rows, result.Baseline.Rows));
    }

    [Fact]
    public async Task DroppedRowsMakeItAtLeast()
    {
        using var test = new TestState();
        test.SetPolicy(1, new SimulatedRule(RuleSubject.RootRoute, 0, "/health", 0));
        test.Append(test.Event(route: "/health"), test.Event(route: "/pay"));
        test.Tick(30_000);
        test.Pump();
        var result = await BubbleUpExecutor.ExecuteAsync(Plan(0, 36_000), Pay, test.State.Snapshot(), Gate, CancellationToken.None);
        Assert.True(result.HasUncountedDrops);
        Assert.Equal((1, 0), (result.Selection.Rows, result.Baseline.Rows));
    }

    [Fact]
    public async Task QuestionAndAnswerComeBackFromTheirBytes()
    {
        using var test = Filled();
        using var system = ActorSystem.Create("bubble-up");
        var wire = new WireSerializer((ExtendedActorSystem)system);
        var spec = new QuerySpec { Where = new Condition.Match("duration_ms", FilterOp.GreaterOrEqual, [FieldValue.Of(3)]), UsageMode = true };
        var selection = new BubbleUpSelection(1_790_000_000_123_456_789, null, Pay.Where);
        var asked = new LeafBubbleUp(3, 9, "shop", spec, 5, long.MaxValue / 2, selection);
        var read = Assert.IsType<LeafBubbleUp>(wire.FromBinary(wire.ToBinary(asked), wire.Manifest(asked)));
        Assert.Equal((asked.Partition, asked.QueryId, asked.Dataset, asked.StartNs, asked.EndNs), (read.Partition, read.QueryId, read.Dataset, read.StartNs, read.EndNs));
        Assert.Equal((selection.StartNs, selection.EndNs), (read.Selection.StartNs, read.Selection.EndNs));
        Assert.Equal(["route"], read.Selection.Fields);
        Assert.True(read.Spec.UsageMode);

        var expected = await BubbleUpExecutor.ExecuteAsync(new(asked.Dataset, spec, new(5, long.MaxValue / 2, int.MaxValue)), selection, test.State.Snapshot(), Gate, CancellationToken.None);
        Assert.NotEqual(0, expected.Baseline.Rows);
        var answer = await Leaf.AnswerAsync(read, test.State.Snapshot(), Gate, CancellationToken.None);
        Assert.Equal((LeafStatus.Answered, 9L), (answer.Status, answer.QueryId));
        var merged = new BubbleUpResult();
        Assert.IsType<LeafAnswer>(wire.FromBinary(wire.ToBinary(answer), wire.Manifest(answer))).Result!.AddTo(merged);
        Assert.Equal((expected.Selection.Rows, expected.Baseline.Rows), (merged.Selection.Rows, merged.Baseline.Rows));
        answer.Result!.AddTo(merged);
        Assert.Equal((expected.Selection.Rows * 2, expected.Baseline.Rows * 2), (merged.Selection.Rows, merged.Baseline.Rows));
        await system.Terminate();
    }

    [Fact]
    public async Task ACancelledComparisonStops()
    {
        using var test = Filled();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => BubbleUpExecutor.ExecuteAsync(Plan(0, 7_200), Pay, test.State.Snapshot(), Gate, cancelled.Token));
    }

    /// <summary>Half an hour of events, the newest of them still between the cursors; blocks of 100 rows.</summary>
    private static TestState Filled()
    {
        var test = new TestState { NowMs = HourStartMs };
        for (var second = 0; second < 1_800; second += 4)
        {
            test.NowMs = HourStartMs + (second * 1_000L) + 137;
            test.Append(test.Event(TestState.TraceId(second + 1), route: second % 12 == 0 ? "/pay" : "/cart", durationMs: second % 50), test.Event(route: "/"));
        }

        test.Pump();
        return test;
    }

    private static LeafPlan Plan(int fromSeconds, int toSeconds) => new(
        LeafPlan.AllDatasets, Everything, new((HourStartMs + (fromSeconds * 1000L)) * 1_000_000, (HourStartMs + (toSeconds * 1000L)) * 1_000_000, int.MaxValue));

    private static Task<BubbleUpResult> Execute(PartitionSnapshot snapshot, int fromSeconds = 0, int toSeconds = 7_200) =>
        BubbleUpExecutor.ExecuteAsync(Plan(fromSeconds, toSeconds), Pay, snapshot, Gate, CancellationToken.None);
}
