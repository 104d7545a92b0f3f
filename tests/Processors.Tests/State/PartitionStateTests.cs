using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.State;

public sealed class PartitionStateTests
{
    private static readonly SimulatedRule KeepErrors = new(RuleSubject.Error, 0, "", 1);
    private static readonly SimulatedRule DropRest = new(RuleSubject.Any, 0, "", 0);

    [Theory]
    [InlineData(4)]
    [InlineData(12)]
    [InlineData(32)]
    public void FirstFoldsOfPartitionsThatFillAlikeAreSpreadOverTheRows(int partitions)
    {
        long[] rows = [.. Enumerable.Range(0, partitions).Select(partition => PartitionState.FirstFoldRows(partition, 32_768)).Order()];
        Assert.All(rows, row => Assert.InRange(row, 1, 32_768));
        Assert.Equal(32_768, rows[^1]);

        // Never many at one moment: neighbours lie half an even share apart at least, and two and a half at most.
        var share = 32_768d / partitions;
        Assert.All(rows.Zip(rows.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, share / 2, share * 2.5));
    }

    [Fact]
    public void TheFirstFoldOfAPartitionComesAfterAPartOfTheRows()
    {
        Assert.Equal((1, 1), (PartitionState.FirstFoldRows(0, 1), PartitionState.FirstFoldRows(1, 1)));
        Assert.Equal(100, PartitionState.FirstFoldRows(0, 100));
        Assert.Equal(38, PartitionState.FirstFoldRows(1, 100));
    }

    [Fact]
    public void RowsOfAnOldHeadBlockFollowTheirDecisionAfterARestartHoweverOldItIs()
    {
        // The head block stays open while the late-span retention passes: a recovery decides its rows anew.
        using var test = new TestState(TestState.Default with { LateSpanRetentionMs = 20_000, BlockRows = 1_000_000, FoldRows = 1_000_000 });
        test.SetPolicy(1, KeepErrors, DropRest);
        for (var minute = 0; minute < 8; minute++)
        {
            for (var trace = 0; trace < 1_500; trace += 500)
            {
                test.Append([.. Enumerable.Range(trace, 500).Select(t => test.Event(TestState.TraceId((minute * 10_000) + t + 1), isError: t % 10 == 0))]);
            }

            test.Tick(61_000);
            test.Pump();
            test.Cut();
        }

        var kept = test.Kept();
        test.Crash();
        test.Pump();

        Assert.Equal(8 * 150, kept.Count);
        Assert.Equal(kept, test.Kept());
    }

    [Fact]
    public void MergedFoldsAnswerAsTheFoldsDidAndTheirRoomIsGivenBack()
    {
        using var test = new TestState(TestState.Default with { MergeFolds = 4 });
        var disk = new List<long>();
        for (var step = 0; step < 400; step++)
        {
            test.Append([.. Enumerable.Range(0, 100).Select(i => test.Event(TestState.TraceId((step * 100) + i), route: $"/route/{i}", durationMs: i))]);
            test.Tick(5_000);
            test.Pump();
            if (step % 20 == 19)
            {
                test.Cut();
                disk.Add(test.State.Store.Aggregates.LogBytes);
            }
        }

        var folds = test.State.Snapshot().Folds;
        Assert.InRange(folds.Count(fold => !fold.IsMerged), 0, 3);
        Assert.InRange(folds.Count, 100, 104);
        Assert.Equal(40_000, folds.Sum(fold => fold.Rows));
        Assert.True(disk[^1] <= disk[5] + (256 << 10), $"the store of folds grew from {disk[5]} to {disk[^1]} bytes");
        var before = LeafQueries.Count(test.State.Snapshot());
        Assert.Equal(40_000, before);
        test.Crash();
        test.Pump();
        Assert.Equal(before, LeafQueries.Count(test.State.Snapshot()));
        Assert.Contains(test.State.Snapshot().Folds, fold => fold.IsMerged);
    }

    [Fact]
    public void WhileFoldsAreMergedTheHeadGoesOnAndNothingIsCountedTwice()
    {
        using var test = new TestState(TestState.Default with { FoldRows = 100, MergeFolds = 4 }) { MergesAtOnce = false };
        Append(0, 4);
        var merge = test.State.TakeMerge()!;
        Assert.Equal(4, merge.Parts.Count);

        // The head goes on, cuts are made, nobody begins a second merge.
        Append(4, 10);
        test.Cut();
        Assert.Null(test.State.TakeMerge());
        Assert.Equal(1_000, LeafQueries.Count(test.State.Snapshot()));
        merge.Run(CancellationToken.None);
        Assert.Equal(1_000, LeafQueries.Count(test.State.Snapshot()));

        test.State.Complete(merge);
        var folds = test.State.Snapshot().Folds;
        Assert.Equal([merge.Id, .. folds.Skip(1).Select(fold => fold.Id).Order()], folds.Select(fold => fold.Id));
        Assert.True(folds[0].IsMerged);
        Assert.Equal((400, 7), (folds[0].Rows, folds.Count));
        Assert.Equal(1_000, LeafQueries.Count(test.State.Snapshot()));

        // A crash while another one is under way: the parts are still there.
        var lost = test.State.TakeMerge()!;
        test.Cut();
        lost.Run(CancellationToken.None);
        test.Crash();
        test.Pump();
        Assert.Equal(1_000, LeafQueries.Count(test.State.Snapshot()));
        Assert.Equal(6, test.State.TakeMerge()!.Parts.Count);

        void Append(int from, int to)
        {
            for (var step = from; step < to; step++)
            {
                test.Append([.. Enumerable.Range(0, 100).Select(i => test.Event(TestState.TraceId((step * 100) + i), route: $"/route/{i % 7}", durationMs: i))]);
                test.Tick(1_000);
                test.Pump();
            }
        }
    }

    [Fact]
    public void AMergeThatIsCancelledGivesItsPlaceBack()
    {
        var gate = new SealGate(1);
        using var test = new TestState(TestState.Default with { MergeFolds = 2, FoldRows = 1, Merges = gate }) { MergesAtOnce = false };
        for (var step = 0; step < 3; step++)
        {
            test.Append(test.Event(TestState.TraceId(step)));
            test.Tick(1_000);
            test.Pump();
        }

        var merge = test.State.TakeMerge()!;
        Assert.False(gate.TryEnter());
        Assert.Throws<OperationCanceledException>(() => merge.Run(new CancellationToken(true)));
        Assert.True(gate.TryEnter());
    }

    [Fact]
    public void ALateSpanOfATraceFromBeforeAllRulesIsKept()
    {
        using var test = new TestState(TestState.Default with { BlockRows = 1 });
        var first = test.Event(TestState.TraceId(1));
        test.Append(first);
        test.Tick(30_000);
        test.Pump();
        test.SetPolicy(1, DropRest);
        test.Tick(30_000);
        test.SetPolicy(2, DropRest, KeepErrors);
        test.Tick(30_000);
        test.Append(test.Event(TestState.TraceId(3)));      // moves the sealed place on, past the versions before
        test.Tick(30_000);
        test.Pump();
        var late = test.Event(TestState.TraceId(1));
        test.Append(late, test.Event(TestState.TraceId(2)));
        test.Tick(30_000);
        test.Pump();

        Assert.Equal([first.Number, late.Number], test.Kept());
    }

    [Fact]
    public void ATraceWhoseFirstRowsTheLogLostFollowsThePolicyThatItBeganUnder()
    {
        // The head saw the first row, but the log lost it before the trailing cursor came by: nothing is recorded of the trace when policy 1 is long superseded.
        using var test = new TestState(TestState.Default with { BlockRows = 1 });
        test.SetPolicy(1, DropRest);
        test.Append(test.Event(TestState.TraceId(1)));
        test.Pump();
        test.Cut();
        test.Log.TruncateBefore(test.Log.End);
        test.Crash();
        test.SetPolicy(2, KeepErrors);
        test.Tick(30_000);
        var between = test.Event();
        test.Append(between);       // moves the sealed place on, past policy 1
        test.Tick(30_000);
        test.Pump();
        var other = test.Event(TestState.TraceId(2));
        test.Append(test.Event(TestState.TraceId(1)), other);
        test.Tick(30_000);
        test.Pump();

        Assert.Equal([between.Number, other.Number], test.Kept());
    }

    [Fact]
    public void ATraceWhoseFirstRowsWereLostBeforeTheirRereadFollowsThePolicyThatItBeganUnder()
    {
        using var test = new TestState(TestState.Default with { RecentBytes = 1, FoldRows = 1, BlockRows = 1 });
        test.SetPolicy(1, DropRest);
        test.Append(test.Event(TestState.TraceId(3)));      // the oldest batch is always held
        test.Append(test.Event(TestState.TraceId(1)));
        test.SetPolicy(2, KeepErrors);
        test.Pump();
        GC.Collect();
        test.Tick(30_000);
        test.Pump();
        Assert.True(test.State.NeedsReread(out var wanted));
        test.Log.TruncateBefore(test.Log.End);
        test.State.Refill(test.Log.Read(wanted, 1));
        var between = test.Event();
        test.Append(between);       // moves the sealed place on, past policy 1
        test.Tick(30_000);
        test.Pump();
        var other = test.Event(TestState.TraceId(2));
        test.Append(test.Event(TestState.TraceId(1)), other);
        test.Tick(30_000);
        test.Pump();

        Assert.Equal([between.Number, other.Number], test.Kept());
    }

    [Fact]
    public void ARowThatNamesAParentButNoTraceIsARootOfItsOwn()
    {
        using var test = new TestState();
        test.SetPolicy(1, new SimulatedRule(RuleSubject.RootRoute, 0, "/pay", 1), DropRest);
        var orphan = test.Event(isRoot: false, route: "/pay");
        test.Append(orphan, test.Event(isRoot: false, route: "/cart"));
        test.Tick(30_000);
        test.Pump();

        Assert.Equal([orphan.Number], test.Kept());
    }

    [Fact]
    public void BatchesThatTheLogLostBeforeTheirRereadAreToldAsLostAndPassed()
    {
        using var test = new TestState(TestState.Default with { RecentBytes = 1, FoldRows = 1 });
        var numbers = new List<long>();
        for (var batch = 0; batch < 4; batch++)
        {
            var e = test.Event();
            numbers.Add(e.Number);
            test.Append(e);
        }

        test.Pump();
        GC.Collect();
        test.Tick(30_000);
        test.Pump();
        Assert.True(test.State.NeedsReread(out var wanted));
        var gone = test.Log.Records[2].Offset;
        test.Log.TruncateBefore(gone);
        test.State.Refill(test.Log.Read(wanted, 1));
        while (test.State.NeedsReread(out var next))
        {
            Assert.True(next >= gone);
            test.State.Refill(test.Log.Read(next, 1));
        }

        // The oldest is always held; the second was only in the log.
        Assert.Equal([numbers[0], numbers[2], numbers[3]], test.Kept());
        var lost = Assert.Single(test.State.Snapshot().Lost);
        Assert.True(lost.From <= test.Log.Records[1].Offset && lost.To == gone);
    }

    [Fact]
    public void WhatARecoveryMissesBelowTheCutsHeadIsToldAsLost()
    {
        using var test = new TestState();
        test.Append(test.Event());
        test.Append(test.Event());
        test.Pump();
        test.Cut();
        test.Log.TruncateBefore(test.Log.Records[1].Offset);
        test.Crash();
        test.Pump();

        var lost = Assert.Single(test.State.Snapshot().Lost);
        Assert.Equal(new LostOffsets(0, test.Log.Records[1].Offset), lost);
    }

    [Fact]
    public void SealedBytesAreThoseOfTheBlocksBeforeAndAfterARecovery()
    {
        using var test = new TestState();
        for (var i = 0; i < 250; i++)
        {
            test.Append(test.Event());
        }

        test.Tick(60_000);
        test.Pump();
        var blocks = test.State.Snapshot().Blocks;
        Assert.True(blocks.Count > 1);
        var bytes = blocks.Sum(block => block.Bytes + (block.Chunks * (long)StreamObserve.Storage.Limits.RecordOverheadBytes));
        Assert.Equal(bytes, test.State.SealedBytes);

        test.Cut();
        test.Crash();
        Assert.Equal(bytes, test.State.SealedBytes);
    }

    [Fact]
    public void NoCutIsTakenWhileTheLogIsReplayed()
    {
        using var test = new TestState();
        test.Append(test.Event());
        test.Pump();
        test.Cut();
        test.Crash();

        Assert.True(test.State.IsReplaying);
        Assert.Throws<InvalidOperationException>(test.State.BeginCut);
    }

    [Fact]
    public void ABatchAtExactlyTheTrailingLimitWaits()
    {
        using var test = new TestState();
        test.NowMs = TestState.StartMs / 10_000 * 10_000;
        test.Append(test.Event());
        test.Tick(9_999);
        test.Pump();
        Assert.Single(test.State.Snapshot().Recent);

        // Epochs are as long as the window, 5 s: this one ends after 5 s and is decided 5 s later.
        test.Tick(1);
        test.Pump();
        Assert.Empty(test.State.Snapshot().Recent);
        Assert.Single(test.Kept());
    }

    [Fact]
    public void ASnapshotDoesNotChangeWithLaterBatches()
    {
        using var test = new TestState();
        test.Append([.. Enumerable.Range(0, 150).Select(_ => test.Event())]);
        test.Append([.. Enumerable.Range(0, 50).Select(_ => test.Event())]);
        test.Pump();
        var before = test.State.Snapshot();
        var seen = (before.Recent.Count, before.Unfolded.Count, before.Folds.Count, before.Blocks.Count, before.HeadBlock.Count, before.Head, before.TrailingOffset);
        test.Append([.. Enumerable.Range(0, 150).Select(_ => test.Event())]);
        test.Tick(60_000);
        test.Append(test.Event());
        test.Pump();
        var after = test.State.Snapshot();

        Assert.Equal(seen, (before.Recent.Count, before.Unfolded.Count, before.Folds.Count, before.Blocks.Count, before.HeadBlock.Count, before.Head, before.TrailingOffset));
        Assert.NotSame(before, after);
        Assert.True(after.Blocks.Count > before.Blocks.Count && after.Folds.Count > before.Folds.Count);
        var reader = new Core.Columns.EventBatchReader();
        Assert.Equal(200, before.Recent.Sum(entry => entry.Batch(reader)!.Rows));
    }

    private static class LeafQueries
    {
        public static long Count(PartitionSnapshot snapshot)
        {
            var plan = new LeafPlan(LeafPlan.AllDatasets, new() { Breakdowns = ["route"] }, new(0, TestState.StartMs * 2_000_000, 3_600));
            var result = LeafExecutor.Execute(plan, QuerySource.Aggregates, snapshot, CancellationToken.None).Result!;
            return Enumerable.Range(0, result.Cells).Sum(result.Count.Rows);
        }
    }
}
