using System.Globalization;
using StreamObserve.Processors.State;
using StreamObserve.Processors.Queries;
using StreamObserve.Storage;

namespace StreamObserve.Processors;

/// <summary>What the processor role needs to know.</summary>
public sealed record ProcessorSettings
{
    /// <summary>Folder of all partitions; may be shared by several nodes.</summary>
    public required string Folder { get; init; }

    /// <summary>Partitions of the batches log.</summary>
    public required int Partitions { get; init; }

    /// <summary>Time between cuts.</summary>
    public required TimeSpan CutInterval { get; init; }

    /// <summary>Each partition's settings.</summary>
    public required PartitionSettings Partition { get; init; }

    /// <summary>Each partition's stores.</summary>
    public required PartitionStoreOptions StoreOptions { get; init; }

    /// <summary>Bytes of records that a reader of a partition's log holds prefetched, and as many again that wait to be applied.</summary>
    public long ReadAheadBytes { get; init; } = StreamObserve.Kafka.Limits.HandOverBytes;

    /// <summary>What does all partitions' scans for queries.</summary>
    public ScanGate Scans { get; init; } = new();

    /// <summary>The batches log.</summary>
    public string BatchesTopic { get; init; } = "streamobserve.batches";

    /// <summary>Where a partition's dry run has its store while it lasts.</summary>
    public string DryRunFolderOf(int partition) => FolderOf(partition) + ".dryrun";

    /// <summary>A partition's folder.</summary>
    public string FolderOf(int partition) => Path.Combine(Folder, partition.ToString(CultureInfo.InvariantCulture));
}
