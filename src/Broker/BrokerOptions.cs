using System.Net;

namespace StreamObserve.Broker;

/// <summary>When what was written reaches the disk. In either mode it is in the page cache before the ack: ending the process loses nothing.</summary>
public enum FsyncMode
{
    /// <summary>Each second and at a clean end: a power failure may lose the last second.</summary>
    EverySecond,

    /// <summary>Before each ack; readers see only what is on disk. Batches that arrive at the same time share an fsync.</summary>
    Always,
}

/// <summary>How an <see cref="EmbeddedBroker"/> works. Immutable.</summary>
public sealed record BrokerOptions
{
    /// <summary>Where everything is kept; made if missing. One broker at a time.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>The address to listen on; port 0 takes a free one.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 9092);

    /// <summary>When what was written reaches the disk.</summary>
    public FsyncMode Fsync { get; init; } = FsyncMode.EverySecond;

    /// <summary>Partitions of a topic whose maker names no number; 1 to 1024.</summary>
    public int DefaultPartitions { get; init; } = 4;

    /// <summary>Whether a client's asking for an unknown topic makes it.</summary>
    public bool AutoCreateTopics { get; init; } = true;

    /// <summary>Topic configurations, under Kafka's names, for topics that do not set them.</summary>
    public IReadOnlyDictionary<string, string> DefaultTopicConfigs { get; init; } = new Dictionary<string, string>();

    /// <summary>How long a new group waits for more members before its first assignment.</summary>
    public TimeSpan InitialRebalanceDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How often segments past their topic's size or age are deleted, and compacted topics are compacted.</summary>
    public TimeSpan RetentionInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Connections at once; one more is closed at once and counted.</summary>
    public int ConnectionsMax { get; init; } = 1000;

    /// <summary>Bytes of one request; a longer one ends its connection. Above a topic's max.message.bytes, else batches of that size do not arrive.</summary>
    public int RequestBytesMax { get; init; } = 32 * 1024 * 1024;

    /// <summary>Bytes of requests in memory at once; past it connections are not read from until others are answered.</summary>
    public long RequestMemoryBytes { get; init; } = 96L * 1024 * 1024;

    /// <summary>Bytes of Fetch answers in memory at once; past it answers are small.</summary>
    public long AnswerMemoryBytes { get; init; } = 64L * 1024 * 1024;
}
