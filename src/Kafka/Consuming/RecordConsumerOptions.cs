namespace StreamObserve.Kafka.Consuming;

/// <summary>What kind of consumer a <see cref="RecordConsumer"/> is.</summary>
public sealed record RecordConsumerOptions
{
    /// <summary>What it is for, as the last part of its client id.</summary>
    public required string Role { get; init; }

    /// <summary>The consumer group. A consumer that assigns its partitions itself never joins it.</summary>
    public required string GroupId { get; init; }

    /// <summary>
    /// A name of this member that survives its restarts (static membership): the brokers then give a restarted member its partitions back at once
    /// instead of after the session timeout. Null: none.
    /// </summary>
    public string? MemberName { get; init; }

    /// <summary>Where a group member starts in a partition without a committed offset: true at its beginning, false at its end.</summary>
    public bool FromBeginning { get; init; }

    /// <summary>Whether <see cref="IRecordSink.ReachedEnd"/> is wanted.</summary>
    public bool ReportEnd { get; init; }

    /// <summary>KiB that may be prefetched.</summary>
    public int PrefetchKilobytes { get; init; } = Limits.PrefetchKilobytes;
}
