using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.Queries;

public sealed class LeafExecutorTests
{
    private const long HourStartMs = TestState.StartMs / 3_600_000 * 3_600_000;

    [Fact]
    public async Task AnAnswerThatNeedsTooMuchMemoryIsRefusedAndGivesBackWhatItHeld()
    {
        using var test = Filled();
        var memory = new QueryMemory(20_000);
        using var gate = new ScanGate(1) { Memory = memory };
        var refused = await LeafExecutor.ExecuteAsync(Plan(0, 7_200, ["route", "n"]), QuerySource.Auto, test.State.Snapshot(), gate, CancellationToken.None);
        Assert.Null(refused.Result);
        Assert.Contains("--memory", refused.Refusal, StringComparison.Ordinal);
        Assert.Equal(0, memory.HeldBytes);

        var answered = await LeafExecutor.ExecuteAsync(Plan(0, 7_200, ["route"]), QuerySource.Auto, test.State.Snapshot(), gate, CancellationToken.None);
        Assert.InRange(memory.HeldBytes, answered.Result!.MemoryBytes, 20_000);
        answered.Result.Memory!.Dispose();
        Assert.Equal(0, memory.HeldBytes);
    }

    [Fact]
    public void AllSourcesAgreeOnWhatEachHoldsAlone()
    {
        using var test = Filled();
        var window = test.State.Snapshot();
        var auto = Count(window, QuerySource.Auto, 0, 7200);
        Assert.Equal(Total(test), auto);
        Assert.Equal(auto, Count(window, QuerySource.Aggregates, 0, 7200));
        Assert.Equal(auto, Add(Count(window, QuerySource.Recent, 0, 7200), Count(window, QuerySource.Blocks, 0, 7200)));
        Assert.NotEmpty(Count(window, QuerySource.Recent, 0, 7200));
        Assert.NotEmpty(Count(window, QuerySource.Blocks, 0, 7200));

        test.Tick(60_000);
        test.Pump();
        var decided = test.State.Snapshot();
        Assert.Equal(auto, Count(decided, QuerySource.Blocks, 0, 7200));
        Assert.Empty(Count(decided, QuerySource.Recent, 0, 7200));
        Assert.Equal(auto, Count(decided, QuerySource.Aggregates, 0, 7200));
    }

    [Theory]
    [InlineData(3, 1847)]
    [InlineData(0, 1801)]
    [InlineData(17, 18)]
    [InlineData(599, 1800)]
    [InlineData(605, 609)]
    public void EdgesThatCutCellsAreAnsweredFromRows(int fromSeconds, int toSeconds)
    {
        using var test = Filled();
        var expected = Rows(Total(test, e => e.TimeMs >= HourStartMs + (fromSeconds * 1000L) && e.TimeMs < HourStartMs + (toSeconds * 1000L)));

        Assert.Equal(expected, Rows(Count(test.State.Snapshot(), QuerySource.Auto, fromSeconds, toSeconds)));
        Assert.Equal(expected, Rows(Count(test.State.Snapshot(), QuerySource.Aggregates, fromSeconds, toSeconds)));
    }

    [Fact]
    public void WhatAggregatesCannotAnswerIsRefusedByThemAndAnsweredFromRows()
    {
        using var test = Filled();
        var plan = Plan(0, 7200, ["route", "n"]);
        var refused = LeafExecutor.Execute(plan, QuerySource.Aggregates, test.State.Snapshot(), CancellationToken.None);
        Assert.Null(refused.Result);
        Assert.Contains("route", refused.Refusal, StringComparison.Ordinal);

        var answered = LeafExecutor.Execute(plan, QuerySource.Auto, test.State.Snapshot(), CancellationToken.None).Result!;
        Assert.Equal(test.Log.Records.Sum(r => r.Events.Count), answered.Groups);
        Assert.False(answered.UsedAggregates);
    }

    [Fact]
    public void ADropRuleMakesRowsUncountedAndLeavesAggregatesExact()
    {
        using var test = new TestState();
        test.SetPolicy(1, new SimulatedRule(RuleSubject.RootRoute, 0, "/health", 0));
        test.Append(test.Event(route: "/health"), test.Event(route: "/cart"));
        test.Tick(30_000);
        test.Pump();
        var blocks = LeafExecutor.Execute(Plan(0, 36_000, ["route"]), QuerySource.Blocks, test.State.Snapshot(), CancellationToken.None).Result!;
        var aggregates = LeafExecutor.Execute(Plan(0, 36_000, ["route"]), QuerySource.Aggregates, test.State.Snapshot(), CancellationToken.None).Result!;

        Assert.True(blocks.HasUncountedDrops);
        Assert.Equal(1, blocks.Groups);
        Assert.False(aggregates.HasUncountedDrops);
        Assert.Equal(2, aggregates.Groups);
    }

    [Theory]
    [InlineData(600, 1200)]
    [InlineData(0, 300)]
    [InlineData(1700, 1900)]
    public void ConcurrencyCountsSpansOfAllRowsAndThoseThatBeganBefore(int fromSeconds, int toSeconds)
    {
        using var test = Filled(durationUnitMs: 1_000);
        long from = HourStartMs + (fromSeconds * 1000L), to = HourStartMs + (toSeconds * 1000L);
        var spec = new QuerySpec { Calculations = [new(CalculationOp.Concurrency)] };
        var plan = new LeafPlan(LeafPlan.AllDatasets, spec, new(from * 1_000_000, to * 1_000_000, 10));
        var result = LeafExecutor.Execute(plan, QuerySource.Auto, test.State.Snapshot(), CancellationToken.None).Result!;
        var concurrency = (ConcurrencyAccumulator)result.Accumulators[plan.AccumulatorOf[0]];

        var covered = test.Log.Records.SelectMany(record => record.Events).Sum(e => Math.Max(0, Math.Min(to, e.TimeMs + e.DurationMs) - Math.Max(from, e.TimeMs)));
        Assert.True(covered > 0);
        Assert.Equal(covered * 1e6, Enumerable.Range(0, result.Cells).Sum(concurrency.All), 0);
        Assert.False(result.UsedAggregates);
        Assert.Contains("CONCURRENCY", LeafExecutor.Execute(plan, QuerySource.Aggregates, test.State.Snapshot(), CancellationToken.None).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void UnweightedNumbersAreAboutStoredEvents()
    {
        using var test = new TestState();
        test.SetPolicy(1, new SimulatedRule(RuleSubject.RootRoute, 0, "/health", 0));
        test.Append(test.Event(route: "/health"), test.Event(route: "/cart"));
        test.Tick(30_000);
        test.Pump();
        var plan = Plan(0, 36_000, []);
        var unweighted = new LeafPlan(LeafPlan.AllDatasets, plan.Spec with { UsageMode = true }, plan.Time);
        var snapshot = test.State.Snapshot();
        Assert.Equal(2, LeafExecutor.Execute(plan, QuerySource.Auto, snapshot, CancellationToken.None).Result!.Count.Rows(0));
        Assert.Equal(1, LeafExecutor.Execute(unweighted, QuerySource.Auto, snapshot, CancellationToken.None).Result!.Count.Rows(0));
        Assert.Contains("usage_mode", LeafExecutor.Execute(unweighted, QuerySource.Aggregates, snapshot, CancellationToken.None).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AComparisonIsOverBothRangesOfOneSnapshotAndCrossesProcesses()
    {
        using var test = Filled();
        var spec = new QuerySpec { CompareOffsetSeconds = 1800 };
        var time = new ResolvedTime((HourStartMs + 1_800_000) * 1_000_000, (HourStartMs + 3_600_000) * 1_000_000, 60);
        var system = ActorSystem.Create("wire");
        var serializer = new WireSerializer((ExtendedActorSystem)system);
        var query = Send(new LeafQuery(0, 7, LeafPlan.AllDatasets, spec, time, QuerySource.Auto));
        using var gate = new ScanGate(1);
        var answer = Send(await Leaf.AnswerAsync(query, test.State.Snapshot(), gate, CancellationToken.None));
        await system.Terminate();
        PartialResult now = new(new(LeafPlan.AllDatasets, spec, time)), before = new(new(LeafPlan.AllDatasets, spec, time.Earlier(1800)));
        answer.Result!.AddTo(now);
        answer.Earlier!.AddTo(before);
        Assert.Equal(0, now.Cells);
        Assert.Equal(test.Log.Records.Sum(record => record.Events.Count), Enumerable.Range(0, before.Cells).Sum(before.Count.Rows));

        T Send<T>(T message)
            where T : notnull => (T)serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message));
    }

    [Fact]
    public void HeavyValuesAnswerWhereRowsAreSampled()
    {
        using var test = new TestState(TestState.Default with { FoldRows = 2_000, BlockRows = 500 });
        test.NowMs = HourStartMs;
        for (var i = 0; i < 4_000; i++)
        {
            test.Append(test.Event(TestState.TraceId(i + 1), route: i % 4 == 0 ? "/heavy" : $"/{i}"));
        }

        test.Pump();
        var plan = new LeafPlan(
            LeafPlan.AllDatasets, new QuerySpec { Breakdowns = ["route"], Calculations = [Calculation.Count] }, new(HourStartMs * 1_000_000, (HourStartMs + 3_600_000) * 1_000_000, 3_600));
        var rows = LeafExecutor.Execute(plan, QuerySource.Auto, test.State.Snapshot(), CancellationToken.None).Result!;
        Assert.Equal((false, 0.0, 3_001), (rows.UsedAggregates, rows.LeftOutMax, rows.Groups));

        var heavy = LeafExecutor.Execute(plan, QuerySource.Aggregates, test.State.Snapshot(), CancellationToken.None).Result!;
        Assert.True(heavy.UsedAggregates);
        Assert.InRange(heavy.LeftOutMax, 1, 100);
        Assert.Equal(1_000, CountOf(heavy, "/heavy"));
        Assert.Equal(4_000, Enumerable.Range(0, heavy.Cells).Sum(heavy.Count.Weight));

        // The same question once the sampler has left rows out in its range.
        test.SetPolicy(1, new SimulatedRule(RuleSubject.RootRoute, 0, "/heavy", 2));
        test.NowMs += 1_000;
        for (var i = 0; i < 40; i++)
        {
            test.Append(test.Event(TestState.TraceId(i + 5_000), route: "/heavy"));
        }

        test.Tick(30_000);
        test.Pump();
        var sampled = LeafExecutor.Execute(plan, QuerySource.Auto, test.State.Snapshot(), CancellationToken.None).Result!;
        Assert.True(sampled.UsedAggregates);
        Assert.False(sampled.UsedBlocks);
        Assert.Equal(1_040, CountOf(sampled, "/heavy"));
    }

    private static double CountOf(PartialResult result, string route) => Enumerable.Range(0, result.Cells)
        .Where(cell => result.GroupValues(result.CellOf(cell).Group) is { } values && values[0].AsString == route).Sum(result.Count.Weight);

    [Fact]
    public void ACancelledQueryStops()
    {
        using var test = Filled();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => LeafExecutor.Execute(Plan(0, 7200, ["route"]), QuerySource.Auto, test.State.Snapshot(), cancelled.Token));
    }

    [Fact]
    public async Task ManyLanesFindWhatOneFindsAndGiveTheirPlacesBack()
    {
        using var test = Filled();
        var snapshot = test.State.Snapshot();
        Assert.True(snapshot.Blocks.Count > 4);
        using var gate = new ScanGate(3);
        foreach (var source in (QuerySource[])[QuerySource.Auto, QuerySource.Blocks, QuerySource.Recent])
        {
            var plan = Plan(3, 1787, ["route", "n"]);
            var alone = LeafExecutor.Execute(plan, source, snapshot, CancellationToken.None);
            var outcome = await LeafExecutor.ExecuteAsync(plan, source, snapshot, gate, CancellationToken.None);
            Assert.Equal(Cells(alone.Result!), Cells(outcome.Result!));
            Assert.Equal(alone.Result!.RowsRead, outcome.Result!.RowsRead);
            Assert.Equal((alone.Explanation.BlocksRead, alone.Explanation.BlockRows, alone.Explanation.RecentRows), (outcome.Explanation.BlocksRead, outcome.Explanation.BlockRows, outcome.Explanation.RecentRows));
        }

        await EventuallyIdleAsync(gate, 3);
    }

    /// <summary>A thread is idle a moment after its last piece's task has ended.</summary>
    private static async Task EventuallyIdleAsync(ScanGate gate, int threads)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (gate.IdleThreads < threads)
        {
            await Task.Yield();
            patience.Token.ThrowIfCancellationRequested();
        }

        Assert.Equal(threads, gate.IdleThreads);
    }

    [Fact]
    public async Task AGatesWorkIsDoneInItsOrderAndWhatItThrowsIsItsTasks()
    {
        using var gate = new ScanGate(1);
        using var held = new ManualResetEventSlim();
        var done = new List<int>();
        var holding = gate.RunAsync(held.Wait, CancellationToken.None);
        var failing = gate.RunAsync(() => throw new IOException("damaged"), CancellationToken.None);
        Task[] pieces = [.. Enumerable.Range(0, 50).Select(i => gate.RunAsync(() => done.Add(i), CancellationToken.None))];
        Assert.Equal(0, gate.IdleThreads);
        held.Set();
        await Task.WhenAll([holding, .. pieces]);
        await Assert.ThrowsAsync<IOException>(() => failing);
        Assert.Equal(Enumerable.Range(0, 50), done);
    }

    [Fact]
    public async Task AGateThatIsClosedDoesNotDoWhatWaits()
    {
        var gate = new ScanGate(1);
        using var begun = new ManualResetEventSlim();
        using var held = new ManualResetEventSlim();
        var holding = gate.RunAsync(() => { begun.Set(); held.Wait(); }, CancellationToken.None);
        begun.Wait();
        var waiting = gate.RunAsync(() => Assert.Fail("done after the end"), CancellationToken.None);
        var closing = Task.Run(gate.Dispose);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        held.Set();
        await closing;
        await holding;
        Assert.Throws<ObjectDisposedException>(() => { _ = gate.RunAsync(() => { }, CancellationToken.None); });
    }

    [Fact]
    public async Task AScanWaitsAtTheGateAndStopsThereWhenCancelled()
    {
        using var test = Filled();
        using var gate = new ScanGate(1);
        using var cancelled = new CancellationTokenSource();
        using var held = new ManualResetEventSlim();
        var holding = gate.RunAsync(held.Wait, CancellationToken.None);
        var waiting = LeafExecutor.ExecuteAsync(Plan(0, 7200, ["route", "n"]), QuerySource.Auto, test.State.Snapshot(), gate, cancelled.Token);
        var second = LeafExecutor.ExecuteAsync(Plan(0, 7200, ["route", "n"]), QuerySource.Auto, test.State.Snapshot(), gate, CancellationToken.None);
        Assert.False(waiting.IsCompleted);

        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.False(second.IsCompleted);
        held.Set();
        await holding;
        Assert.NotNull((await second).Result);
        await EventuallyIdleAsync(gate, 1);
    }

    [Fact]
    public void TheExplanationSaysWhatWasReadAndWhy()
    {
        using var test = Filled();
        var snapshot = test.State.Snapshot();
        var aggregates = LeafExecutor.Execute(Plan(0, 3600, ["route"]), QuerySource.Auto, snapshot, CancellationToken.None).Explanation;
        Assert.Empty(aggregates.RowsBecause);
        Assert.Equal((snapshot.Folds.Count, 0), (aggregates.FoldsUsed, aggregates.BlocksConsidered));
        Assert.Equal(snapshot.Unfolded.Sum(batch => batch.Rows), aggregates.UnfoldedRows);

        var rows = LeafExecutor.Execute(Plan(0, 3600, ["route", "n"]), QuerySource.Auto, snapshot, CancellationToken.None);
        Assert.Contains("route and n", Assert.Single(rows.Explanation.RowsBecause), StringComparison.Ordinal);
        Assert.Equal((snapshot.Blocks.Count, snapshot.Blocks.Count), (rows.Explanation.BlocksConsidered, rows.Explanation.BlocksRead));
        Assert.Equal(snapshot.Blocks.Sum(block => block.Rows), rows.Explanation.BlockRows);
        Assert.Equal(snapshot.HeadBlock.Sum(batch => batch.Rows), rows.Explanation.HeadRows);
        Assert.Equal(snapshot.Recent.Sum(entry => entry.Rows), rows.Explanation.RecentRows);
        Assert.Equal(rows.Result!.RowsRead, rows.Explanation.BlockRows + rows.Explanation.HeadRows + rows.Explanation.RecentRows);
        Assert.True(rows.Explanation.ColumnsDecoded >= 3 * snapshot.Blocks.Count);
        Assert.True(rows.Explanation.BytesDecoded > 0);

        var again = LeafExecutor.Execute(Plan(0, 3600, ["route", "n"]), QuerySource.Auto, snapshot, CancellationToken.None).Explanation;
        Assert.Equal((0, 0), (again.ColumnsDecoded, again.BytesDecoded));

        var edge = LeafExecutor.Execute(Plan(0, 5, ["route", "n"]), QuerySource.Blocks, snapshot, CancellationToken.None).Explanation;
        Assert.Equal(edge.BlocksConsidered, edge.BlocksRead + edge.BlocksSkippedByTime);
        Assert.True(edge.BlocksSkippedByTime > 0);
        var cut = LeafExecutor.Execute(Plan(3, 1787, ["route"]), QuerySource.Auto, snapshot, CancellationToken.None).Explanation;
        Assert.Contains("cuts a slot", Assert.Single(cut.RowsBecause), StringComparison.Ordinal);
    }

    [Fact]
    public void ColumnsAreHeldWithinTheBudgetThoseUsedMostOften()
    {
        using var ample = Filled();
        var plan = Plan(0, 3600, ["route", "n"]);
        var expected = LeafExecutor.Execute(plan, QuerySource.Blocks, ample.State.Snapshot(), CancellationToken.None);
        var all = ample.State.Snapshot().BlockReader.HeldBytes;
        var blocks = (int)expected.Explanation.BlocksRead;
        Assert.True(blocks > 4 && all > 0);

        // Room for some of the blocks. What is held after one pass serves the next, though each pass uses all of them.
        using var tight = Filled(TestState.Default with { ColumnCacheBytes = all * 2 / blocks * 11 / 10 });
        var snapshot = tight.State.Snapshot();
        var first = LeafExecutor.Execute(plan, QuerySource.Blocks, snapshot, CancellationToken.None);
        Assert.Equal(Cells(expected.Result!), Cells(first.Result!));
        Assert.InRange(snapshot.BlockReader.HeldBytes, 1, all * 2 / blocks * 11 / 10);
        var held = snapshot.BlockReader.HeldBytes;
        snapshot.BlockReader.Trim();
        Assert.Equal(held, snapshot.BlockReader.HeldBytes);

        for (var pass = 0; pass < 5; pass++)
        {
            var next = LeafExecutor.Execute(plan, QuerySource.Blocks, snapshot, CancellationToken.None).Explanation;
            Assert.InRange(next.ColumnsDecoded, 1, first.Explanation.ColumnsDecoded * (blocks - 1) / blocks);
        }

        // A question that comes again and again gets room at the expense of those that don't.
        var last = snapshot.Blocks[^1];
        var newest = new LeafPlan(plan.Dataset ?? LeafPlan.AllDatasets, plan.Spec, new(last.MinTimeNs, last.MaxTimeNs + 1, 36_000));
        var asked = 0;
        while (LeafExecutor.Execute(newest, QuerySource.Blocks, snapshot, CancellationToken.None).Explanation is var again && again.ColumnsDecoded > 0)
        {
            Assert.Equal(1, again.BlocksRead);
            Assert.True(++asked < 100);
        }
    }

    private static List<string> Cells(PartialResult result)
    {
        var sums = (MeasureAccumulator)result.Accumulators[1];
        return [.. Enumerable.Range(0, result.Cells)
            .Select(cell => $"{string.Join('|', result.GroupValues(result.CellOf(cell).Group)!)} {result.CellOf(cell).Bucket} {result.Count.Rows(cell)} {sums.Sum(cell)}")
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>Half an hour of events, the newest of them still between the cursors; folds and blocks of 100 rows.</summary>
    private static TestState Filled(PartitionSettings? settings = null, long durationUnitMs = 1)
    {
        var test = new TestState(settings) { NowMs = HourStartMs };
        for (var second = 0; second < 1_800; second += 4)
        {
            test.NowMs = HourStartMs + (second * 1_000L) + 137;
            test.Append(test.Event(TestState.TraceId(second + 1), route: second % 12 == 0 ? "/pay" : "/cart", durationMs: second % 50 * durationUnitMs), test.Event(route: "/"));
        }

        test.Pump();
        return test;
    }

    private static Dictionary<string, (long Rows, double Sum)> Total(TestState test, Func<SimulatedEvent, bool>? which = null) => test.Log.Records
        .SelectMany(record => record.Events).Where(which ?? (_ => true)).GroupBy(e => e.Route)
        .ToDictionary(group => group.Key, group => ((long)group.Count(), (double)group.Sum(e => e.DurationMs)));

    private static LeafPlan Plan(int fromSeconds, int toSeconds, IReadOnlyList<string> breakdowns) => new(
        LeafPlan.AllDatasets, new QuerySpec { Breakdowns = breakdowns, Calculations = [Calculation.Count, new(CalculationOp.Sum, "duration_ms")] },
        new((HourStartMs + (fromSeconds * 1000L)) * 1_000_000, (HourStartMs + (toSeconds * 1000L)) * 1_000_000, 36_000));

    private static Dictionary<string, (long Rows, double Sum)> Count(PartitionSnapshot snapshot, QuerySource source, int fromSeconds, int toSeconds)
    {
        var plan = Plan(fromSeconds, toSeconds, ["route"]);
        var result = LeafExecutor.Execute(plan, source, snapshot, CancellationToken.None).Result!;
        var sums = (MeasureAccumulator)result.Accumulators[plan.AccumulatorOf[1]];
        var counts = new Dictionary<string, (long Rows, double Sum)>();
        for (var cell = 0; cell < result.Cells; cell++)
        {
            var route = result.GroupValues(result.CellOf(cell).Group)![0].AsString;
            var before = counts.GetValueOrDefault(route);
            counts[route] = (before.Rows + result.Count.Rows(cell), before.Sum + sums.Sum(cell));
        }

        return counts;
    }

    private static Dictionary<string, (long Rows, double Sum)> Add(Dictionary<string, (long Rows, double Sum)> a, Dictionary<string, (long Rows, double Sum)> b) =>
        a.Keys.Union(b.Keys).ToDictionary(key => key, key => (a.GetValueOrDefault(key).Rows + b.GetValueOrDefault(key).Rows, a.GetValueOrDefault(key).Sum + b.GetValueOrDefault(key).Sum));

    private static IEnumerable<(string, long, double)> Rows(Dictionary<string, (long Rows, double Sum)> counts) =>
        counts.Where(p => p.Value.Rows > 0).Select(p => (p.Key, p.Value.Rows, p.Value.Sum)).OrderBy(p => p.Key, StringComparer.Ordinal);
}
