namespace StreamObserve.Broker.Log;

/// <summary>What a partition's log needs to know of its topic's configuration. Sizes in bytes, times in milliseconds, -1 = without end.</summary>
internal sealed record LogSettings
{
    public required long SegmentBytes { get; init; }

    public required long SegmentMs { get; init; }

    public required long RetentionBytes { get; init; }

    public required long RetentionMs { get; init; }

    public required int BatchBytesMax { get; init; }

    public required bool LogAppendTime { get; init; }

    /// <summary>Whether old segments are deleted by size and age.</summary>
    public required bool Delete { get; init; }

    /// <summary>Whether closed segments are compacted to the last value of each key.</summary>
    public required bool Compact { get; init; }

    /// <summary>How long compaction keeps tombstones.</summary>
    public required long TombstoneMs { get; init; }
}
