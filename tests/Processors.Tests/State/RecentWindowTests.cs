using System.Runtime.CompilerServices;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Processors.State;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.State;

public sealed class RecentWindowTests
{
    private static readonly byte[] Bytes = Batch();

    [Fact]
    public void TheOldestIsAlwaysHeldAndTheNewestIsLetGoOf()
    {
        var window = Filled(budget: Bytes.Length * 2, count: 4);

        Assert.Equal([true, true, false, false], window.Snapshot().Select(entry => entry.IsHeld));
        Assert.Equal(Bytes.Length * 2, window.HeldBytes);
        Assert.Equal(4, window.Rows);
        Assert.True(Filled(budget: 1, count: 2).Oldest!.IsHeld);
    }

    [Fact]
    public void RefillStopsAtTheBudgetButTakesTheOldest()
    {
        var window = Filled(budget: Bytes.Length * 2, count: 5);
        window.RemoveOldest();

        Assert.True(window.Refill(2, Bytes));
        Assert.False(window.Refill(3, Bytes));
        Assert.True(window.Refill(2, Bytes));       // held already
        Assert.True(window.Refill(77, Bytes));      // not of this window
        Assert.Equal(Bytes.Length * 2, window.HeldBytes);

        var tight = Filled(budget: 1, count: 3);
        tight.RemoveOldest();
        Assert.True(tight.Refill(1, Bytes));
        Assert.True(tight.Oldest!.IsHeld);
        Assert.False(tight.Refill(2, Bytes));
    }

    [Fact]
    public void BytesAndRowsAreThoseOfTheEntries()
    {
        var window = Filled(budget: Bytes.Length * 2, count: 4);
        while (window.Count > 0)
        {
            Assert.Equal(window.Snapshot().Sum(entry => (long)entry.HeldBytes), window.HeldBytes);
            Assert.Equal(window.Snapshot().Sum(entry => (long)entry.Rows), window.Rows);
            window.RemoveOldest();
        }

        Assert.Equal((0, 0), (window.HeldBytes, window.Rows));
        Assert.Null(window.Oldest);
    }

    [Fact]
    public void OnlyUnheldBatchesBelowTheLossAreRemoved()
    {
        var window = Filled(budget: Bytes.Length * 2, count: 5);

        Assert.Equal(2, window.RemoveUnheldBelow(4));
        Assert.Equal([0L, 1, 4], window.Snapshot().Select(entry => entry.Offset));
        Assert.Equal(3, window.Rows);
        Assert.Equal(0, window.RemoveUnheldBelow(4));
    }

    [Fact]
    public void ASnapshotStaysAsItWas()
    {
        var window = Filled(budget: 1 << 20, count: 3);
        var before = window.Snapshot();
        window.RemoveOldest();

        Assert.Equal(3, before.Count);
        Assert.Equal(2, window.Snapshot().Count);
    }

    [Fact]
    public void AQueryScansTheRecordInPlaceOnceTheBatchIsGone()
    {
        var window = Filled(budget: 1 << 20, count: 2);
        var entries = Undecoded(window);
        using var reader = new EventBatchReader();
        Assert.Equal([1L], SegmentRows.NumbersOf(Assert.IsType<EventBatchView>(entries[0].Scan(reader))));
        Assert.Equal([1L], SegmentRows.NumbersOf(Assert.IsType<EventBatchView>(entries[1].Scan(reader))));
        Assert.Equal([1L], SegmentRows.NumbersOf(entries[0].Batch(reader)!));

        entries[0].Release();
        window = null;
        GC.Collect();
        Assert.Null(entries[0].Scan(reader));
    }

    /// <summary>The entries, once nobody holds what they were decoded to.</summary>
    private static IReadOnlyList<RecentEntry> Undecoded(RecentWindow window)
    {
        GC.Collect();
        return window.Snapshot();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static RecentWindow Filled(long budget, int count)
    {
        var window = new RecentWindow(budget);
        for (var offset = 0; offset < count; offset++)
        {
            window.Add(new(offset, offset, 0, new EventBatchReader().Read(Bytes), Bytes));
        }

        return window;
    }

    private static byte[] Batch() => Assert.Single(SimulatedLog.Encode(new EventRouter(1), [new(1, "shop", null, true, "/", false, 1, 1, TestState.StartMs)])).Value;
}
