using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.Queries;

/// <summary>
/// What a partition holds at one moment between two batches: a query reads all of it from one snapshot. Immutable; taken by the actor, used by any thread.
/// Aggregates and rows (blocks + head + recent) each speak of every event below the head offset.
/// </summary>
public sealed record PartitionSnapshot
{
    /// <summary>Which partition.</summary>
    public required int Partition { get; init; }

    /// <summary>The head cursor: next offset, log time.</summary>
    public required LogPlace Head { get; init; }

    /// <summary>Next offset of the trailing cursor.</summary>
    public required long TrailingOffset { get; init; }

    /// <summary>Log time, unix milliseconds, before which all traces that began have had their window.</summary>
    public required long TrailingLimitMs { get; init; }

    /// <summary>Folded aggregates.</summary>
    public required IReadOnlyList<FoldDirectory> Folds { get; init; }

    /// <summary>Batches not folded yet: they stand beside the folds.</summary>
    public required IReadOnlyList<EventBatch> Unfolded { get; init; }

    /// <summary>Sealed blocks.</summary>
    public required IReadOnlyList<BlockInfo> Blocks { get; init; }

    /// <summary>Blocks of dropped rows that were brought back: for reading a trace, and for no calculation.</summary>
    public required IReadOnlyList<BlockInfo> Promoted { get; init; }

    /// <summary>Kept rows of the head block.</summary>
    public required IReadOnlyList<EventBatch> HeadBlock { get; init; }

    /// <summary>Batches between the cursors.</summary>
    public required IReadOnlyList<RecentEntry> Recent { get; init; }

    /// <summary>True when rows were dropped for which no kept row stands.</summary>
    public required bool HasUncountedDrops { get; init; }

    /// <summary>
    /// Earliest and latest event time, unix nanoseconds, of the rows that the sampler dropped or kept with a weight; null when there are none. Within it rows behind the
    /// trailing cursor make estimates.
    /// </summary>
    public required (long FromNs, long ToNs)? SampledTimes { get; init; }

    /// <summary>Offsets that were gone from the log before they could be read.</summary>
    public required IReadOnlyList<LostOffsets> Lost { get; init; }

    /// <summary>Reads sealed blocks.</summary>
    public required BlockReader BlockReader { get; init; }

    /// <summary>Reads folds.</summary>
    public required AggregateReader AggregateReader { get; init; }

    /// <summary>Earliest and latest event time of what is held, unix nanoseconds; null when nothing is.</summary>
    public (long From, long To)? Times()
    {
        long from = long.MaxValue, to = long.MinValue;
        foreach (var fold in Folds)
        {
            (from, to) = (Math.Min(from, fold.MinTimeNs), Math.Max(to, fold.MaxTimeNs));
        }

        foreach (var batch in Unfolded)
        {
            (from, to) = (Math.Min(from, batch.MinTimeNs), Math.Max(to, batch.MaxTimeNs));
        }

        return from > to ? null : (from, to);
    }
}
