using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>What a partition's state needs to know. The same for all partitions of a cluster, except memory.</summary>
public sealed record PartitionSettings
{
    /// <summary>The decision window until a policy sets another, milliseconds.</summary>
    public required long WindowMs { get; init; }

    /// <summary>How many partitions there are: a goal for the whole cluster is shared among them.</summary>
    public required int Partitions { get; init; }

    /// <summary>How long decisions are kept for late spans, milliseconds of log time after the window.</summary>
    public required long LateSpanRetentionMs { get; init; }

    /// <summary>Dimensions whose values have quantile sketches in aggregates.</summary>
    public required IReadOnlyList<string> SketchDimensions { get; init; }

    /// <summary>Bytes of compressed batches held between the cursors.</summary>
    public required long RecentBytes { get; init; }

    /// <summary>Bytes of decoded columns held for queries.</summary>
    public long ColumnCacheBytes { get; init; } = Limits.ColumnCacheBytes;

    /// <summary>Bytes of numbered texts held for queries.</summary>
    public long TextNumberBytes { get; init; } = Limits.TextNumberBytes;

    /// <summary>Bytes of decoded aggregate blocks held for queries.</summary>
    public long AggregateCacheBytes { get; init; } = Limits.AggregateCacheBytes;

    /// <summary>Decoded bytes after which the head block is sealed although it has fewer rows than <see cref="BlockRows"/>.</summary>
    public long BlockBytes { get; init; } = Limits.BlockBytes;

    /// <summary>Decoded bytes after which the waiting batches are folded although they have fewer rows than <see cref="FoldRows"/>.</summary>
    public long FoldBytes { get; init; } = Limits.FoldBytes;

    /// <summary>Rows after which the head block is sealed, from 1.</summary>
    public int BlockRows { get; init; } = Limits.BlockRows;

    /// <summary>Bounds sealing: then at most one block is sealed by a step, and only with a place at the gate. Null = as many as are full, at once.</summary>
    public SealGate? Seals { get; init; }

    /// <summary>Bounds merging of folds: a merge needs a place at the gate. Null = no bound.</summary>
    public SealGate? Merges { get; init; }

    /// <summary>Rows after which the waiting batches are folded into aggregates, from 1.</summary>
    public int FoldRows { get; init; } = Limits.FoldRows;

    /// <summary>Rows in folds that are not merged at which they are merged, from 1.</summary>
    public long MergeRows { get; init; } = AggregationLimits.MergeRows;

    /// <summary>Folds at which they are merged however few rows they have, from 2.</summary>
    public int MergeFolds { get; init; } = AggregationLimits.MergeFolds;

    /// <summary>Traces of undecided epochs whose keys are held, where samplers decide by epoch, from 1.</summary>
    public int PendingTracesHeld { get; init; } = Limits.PendingTracesHeld;

    /// <summary>Groups of rows without a trace of decided epochs past which rows are sealed although they are few, from 0.</summary>
    public int DecidedGroupsMax { get; init; } = Limits.DecidedGroupsMax;

    /// <summary>Lines that must be the same when a folder is opened again.</summary>
    public static string Fingerprint(int partition, int partitions) =>
        $"partition={partition}\npartitions={partitions}\nsummary-layout={TraceSummary.LayoutVersion}\ncut-payload={CutPayload.Version}";
}
