namespace StreamObserve.Kafka.Topics;

/// <summary>A topic as it should be. Configuration keys are Kafka's own (<c>cleanup.policy</c>, <c>retention.ms</c>…).</summary>
public sealed record TopicSpec
{
    /// <summary>The topic's name.</summary>
    public required string Name { get; init; }

    /// <summary>Partitions to make it with, 1 or more.</summary>
    public required int Partitions { get; init; }

    /// <summary>True when a topic of another partition count cannot be worked with and is refused; false when any count will do.</summary>
    public bool PartitionsMustMatch { get; init; }

    /// <summary>Replicas to make it with; -1 = the cluster's default.</summary>
    public short Replicas { get; init; } = -1;

    /// <summary>Configuration to make it with.</summary>
    public IReadOnlyDictionary<string, string> Configuration { get; init; } = new Dictionary<string, string>();

    /// <summary>Those keys of <see cref="Configuration"/> without which an existing topic cannot be worked with and is refused.</summary>
    public IReadOnlyList<string> RequiredConfiguration { get; init; } = [];

    /// <summary>The internal log: one record = one columnar batch or one control record, in log append time, its partition count fixed for good.</summary>
    public static TopicSpec Batches(string name, int partitions) => new()
    {
        Name = name,
        Partitions = partitions,
        PartitionsMustMatch = true,
        Configuration = new Dictionary<string, string>
        {
            ["message.timestamp.type"] = "LogAppendTime",
            ["max.message.bytes"] = Invariant(Limits.RecordBytes),
        },
        RequiredConfiguration = ["message.timestamp.type"],
    };

    /// <summary>A front door for Kafka producers.</summary>
    public static TopicSpec Events(string name, int partitions) => new()
    {
        Name = name,
        Partitions = partitions,
        Configuration = new Dictionary<string, string> { ["max.message.bytes"] = Invariant(Limits.RecordBytes) },
    };

    /// <summary>What could not be decoded, kept for 14 days.</summary>
    public static TopicSpec DeadLetters(string name) => new()
    {
        Name = name,
        Partitions = 1,
        Configuration = new Dictionary<string, string>
        {
            ["max.message.bytes"] = Invariant(Limits.RecordBytes),
            ["retention.ms"] = Invariant(14L * 24 * 3600 * 1000),
        },
    };

    /// <summary>The compacted topic of settings: one partition, the newest value of each key is kept for good.</summary>
    public static TopicSpec Meta(string name) => new()
    {
        Name = name,
        Partitions = 1,
        PartitionsMustMatch = true,
        Configuration = new Dictionary<string, string> { ["cleanup.policy"] = "compact", ["max.message.bytes"] = Invariant(Limits.RecordBytes) },
        RequiredConfiguration = ["cleanup.policy"],
    };

    /// <summary>
    /// Finished answers: one partition, kept for <paramref name="retention"/> by the time that their writers gave them, by which they are found again.
    /// </summary>
    public static TopicSpec Results(string name, TimeSpan retention) => new()
    {
        Name = name,
        Partitions = 1,
        PartitionsMustMatch = true,
        Configuration = new Dictionary<string, string>
        {
            ["cleanup.policy"] = "delete",
            ["message.timestamp.type"] = "CreateTime",
            ["max.message.bytes"] = Invariant(Limits.RecordBytes),
            ["retention.ms"] = Invariant((long)retention.TotalMilliseconds),
        },
        RequiredConfiguration = ["message.timestamp.type"],
    };

    /// <summary>Answers that were pinned: one partition, compacted, so that each is kept until it is deleted.</summary>
    public static TopicSpec PinnedResults(string name) => Meta(name);

    private static string Invariant(long value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>A topic as it is.</summary>
/// <param name="Name">The topic's name.</param>
/// <param name="Id">The id that the cluster gave it when it was made, so that a topic made anew is noticed; null from brokers that have no topic ids.</param>
/// <param name="Partitions">How many partitions it has.</param>
public sealed record TopicDescription(string Name, string? Id, int Partitions);

/// <summary>The offsets that a partition holds.</summary>
/// <param name="Start">The first record's offset.</param>
/// <param name="End">The offset after the last committed record.</param>
public readonly record struct OffsetRange(long Start, long End);
