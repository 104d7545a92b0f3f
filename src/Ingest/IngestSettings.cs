using StreamObserve.Core.Events;

namespace StreamObserve.Ingest;

/// <summary>A topic that the bridge consumes.</summary>
/// <param name="Topic">Its name.</param>
/// <param name="Encoding">How its records are read when they have no <c>content-type</c> header.</param>
/// <param name="DefaultDataset">The dataset of events that name none.</param>
public sealed record SourceTopic(string Topic, PayloadEncoding Encoding, string DefaultDataset);

/// <summary>What the ingest role was told. Immutable.</summary>
public sealed record IngestSettings
{
    /// <summary>Topics that the bridge consumes; names are distinct. None: no bridge.</summary>
    public required IReadOnlyList<SourceTopic> Sources { get; init; }

    /// <summary>
    /// This node's name among the ingest nodes of the Kafka cluster: the same after a restart, never shared by two running processes.
    /// Its transactional ids are made from it, so that a restarted node ends at once what a killed one left open.
    /// </summary>
    public required string NodeName { get; init; }

    /// <summary>Partitions of <see cref="BatchesTopic"/>, 1 or more.</summary>
    public required int Partitions { get; init; }

    /// <summary>The bridge's consumer group.</summary>
    public string GroupId { get; init; } = "streamobserve.ingest";

    /// <summary>The internal log.</summary>
    public string BatchesTopic { get; init; } = "streamobserve.batches";

    /// <summary>Where refused events go.</summary>
    public string DeadLettersTopic { get; init; } = "streamobserve.dead-letters";

    /// <summary>The compacted topic of settings.</summary>
    public string MetaTopic { get; init; } = "streamobserve.meta";

    /// <summary>What correlates events without a trace id; follows the meta topic while the role runs.</summary>
    public CorrelationFields Correlation { get; init; } = new();

    /// <summary>Time between two transactions of the bridge, at least.</summary>
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromMilliseconds(Limits.CommitIntervalMs);

    /// <summary>Bytes of one transaction of the bridge.</summary>
    public long TransactionBytes { get; init; } = Limits.TransactionBytes;
}
