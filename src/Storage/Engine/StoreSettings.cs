using FASTER.core;

namespace StreamObserve.Storage.Engine;

/// <summary>How one of the three stores uses the engine. All checkpoint by fold-over (docs/adr/0009-storage-checkpoints.md).</summary>
/// <param name="Name">Folder name and name in the manifest.</param>
/// <param name="PageBytes">Bytes of a log page, a power of two.</param>
/// <param name="SegmentBytes">Bytes of a segment file, a power of two.</param>
/// <param name="MemoryBytes">Bytes of the log kept in memory, a power of two, at least two pages.</param>
/// <param name="IndexBytes">Bytes of the hash index, a power of two.</param>
/// <param name="MutableFraction">Part of the memory whose records may change in place.</param>
/// <param name="Concurrency">Whether readers must be kept from seeing a record half updated.</param>
/// <param name="IndexCheckpointLogBytes">Log growth after which the index is checkpointed.</param>
/// <param name="ForceToDisk">Whether cuts use fsync.</param>
internal sealed record StoreSettings(
    string Name,
    int PageBytes,
    int SegmentBytes,
    long MemoryBytes,
    long IndexBytes,
    double MutableFraction,
    ConcurrencyControlMode Concurrency,
    long IndexCheckpointLogBytes,
    bool ForceToDisk)
{
    /// <summary>The aggregates: small and mid-size values, appended, sometimes deleted.</summary>
    public static StoreSettings ForAggregates(PartitionStoreOptions options) => new(
        "aggregates", options.AggregatesPageBytes, options.AggregatesSegmentBytes,
        options.AggregatesMemoryBytes, options.AggregatesIndexBytes, MutableFraction: 0.5,
        ConcurrencyControlMode.None, options.IndexCheckpointLogBytes, options.ForceToDisk);

    /// <summary>The blocks: large values, written once. Pages go to disk as soon as they are full.</summary>
    public static StoreSettings ForBlocks(PartitionStoreOptions options) => new(
        "blocks", options.BlocksPageBytes, options.BlocksSegmentBytes,
        options.BlocksMemoryBytes, options.BlocksIndexBytes, MutableFraction: 0.1,
        ConcurrencyControlMode.None, options.IndexCheckpointLogBytes, options.ForceToDisk);

    /// <summary>The summaries: small records, updated in place a few times.</summary>
    public static StoreSettings ForSummaries(PartitionStoreOptions options) => new(
        "summaries", options.SummariesPageBytes, options.SummariesSegmentBytes,
        options.SummariesMemoryBytes, options.SummariesIndexBytes, MutableFraction: 0.9,
        ConcurrencyControlMode.RecordIsolation, options.IndexCheckpointLogBytes, options.ForceToDisk);
}
