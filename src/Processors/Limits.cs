namespace StreamObserve.Processors;

/// <summary>Bounds of a partition's work. Each says its unit, its reason and what happens past it.</summary>
public static class Limits
{
    /// <summary>Rows after which the head block is sealed: large enough to compress, small enough to skip by its statistics.</summary>
    public const int BlockRows = 65_536;

    /// <summary>Decoded bytes after which the head block is sealed although it has fewer rows: very wide events. A smaller share of the memory budget takes its place.</summary>
    public const long BlockBytes = 48L << 20;

    /// <summary>Rows after which the waiting batches are folded into aggregates: what a query may have to scan for the newest events.</summary>
    public const int FoldRows = 32_768;

    /// <summary>Decoded bytes after which the waiting batches are folded. A smaller share of the memory budget takes its place.</summary>
    public const long FoldBytes = 24L << 20;

    /// <summary>Milliseconds of log time after which waiting batches are folded although they are few.</summary>
    public const long FoldAgeMs = 60_000;

    /// <summary>Milliseconds of log time without a new fold after which the folds that are there are merged although they are few.</summary>
    public const long QuietMs = 60_000;

    /// <summary>Milliseconds of log time for which folds stay stored after a merged one took their place: queries under way may still read them, for 30 s at most.</summary>
    public const long ReplacedFoldsKeptMs = 60_000;

    /// <summary>Traces of epochs that are not decided yet whose keys a partition holds (16 bytes each), where samplers decide by epoch. Past it, longer lists go to the store.</summary>
    public const int PendingTracesHeld = 65_536;

    /// <summary>Groups of rows without a trace of undecided epochs, over all of them, where samplers decide by epoch. Past it further keys of a rule are one.</summary>
    public const int PendingGroupsHeld = 16_384;

    /// <summary>Groups of rows of decided epochs that wait to be sealed. Past it they are sealed although they are few.</summary>
    public const int DecidedGroupsMax = 16_384;

    /// <summary>Texts of traces' keys that are not put together anew for each trace.</summary>
    public const int KeyTextsHeld = 4_096;

    /// <summary>Rows that one promotion brings back in a partition, and traces that it looks for. Past it the answer says that there are more.</summary>
    public const int PromotedRowsMax = 100_000;

    /// <summary>Bytes of decoded rows that one promotion holds in a partition until they are stored. Past it as for the rows.</summary>
    public const long PromotedBytesMax = 24L << 20;

    /// <summary>Seconds that a promotion or a dry run may read the log. Past it the answer says how far it came.</summary>
    public const int LogPassSecondsMax = 45;

    /// <summary>Bytes of memory for the stores of a dry run, in each partition that does one; what does not fit is on disk until it ends.</summary>
    public const long DryRunStoreBytes = 16L << 20;

    /// <summary>Reasons with keys that a dry run tells apart in a partition. Further keys of a reason are one.</summary>
    public const int DryRunGroupsMax = 2_000;

    /// <summary>Values of a field that a dry run tells apart in a partition. Further ones are counted together.</summary>
    public const int DryRunValuesMax = 2_000;

    /// <summary>Characters of a value by which a dry run tells it from others.</summary>
    public const int DryRunValueChars = 256;

    /// <summary>Milliseconds that the log is read from before the event time that is asked for: clocks of producers run ahead.</summary>
    public const long ClockAheadMs = 600_000;

    /// <summary>Live tails a partition serves. Past it a subscription is refused.</summary>
    public const int TailsMax = 256;

    /// <summary>Rows of one batch sent to one tail. Past it they are counted as skipped.</summary>
    public const int TailRowsPerBatchMax = 500;

    /// <summary>Rows of one trace in an answer. Past it the answer says how many are missing.</summary>
    public const int TraceRowsMax = 100_000;

    /// <summary>Rows of a partition that an answer by another field than the trace id holds: any value may be asked for, also one that most events have. Past it the answer says so.</summary>
    public const int CorrelatedRowsMax = 10_000;

    /// <summary>Bytes of decoded block columns kept in memory by a partition unless configured otherwise. Past it those that were used less often of late go (<see cref="State.ColumnCache"/>).</summary>
    public const long ColumnCacheBytes = 48L << 20;

    /// <summary>Bytes of texts that have a number in all blocks, kept by a partition unless configured otherwise. Past it scans look further texts up block by block (<see cref="Core.Columns.TextNumbering"/>).</summary>
    public const long TextNumberBytes = 8L << 20;

    /// <summary>
    /// Decoded aggregate blocks kept in memory by a partition, bytes of memory; a smaller share of the memory budget takes its place. A dimension with sketches takes
    /// some 3 MB for an hour of a million events over four partitions. Past it those used longest ago go.
    /// </summary>
    public const long AggregateCacheBytes = 16L << 20;

    /// <summary>Leaf queries a partition executes at once; more wait. Queries must not starve the cursors.</summary>
    public const int LeafQueriesAtOnce = 4;

    /// <summary>Leaf queries that may wait at a partition. Past it they are refused as retryable.</summary>
    public const int LeafQueriesWaitingMax = 256;

    /// <summary>Field names of one dataset that the catalog remembers. Past it new ones are stored and queried, but not listed.</summary>
    public const int CatalogFieldsMax = 20_000;

    /// <summary>Datasets that the catalog remembers. Past it new ones are stored and queried, but not listed.</summary>
    public const int CatalogDatasetsMax = 10_000;
}
