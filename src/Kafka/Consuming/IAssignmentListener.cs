namespace StreamObserve.Kafka.Consuming;

/// <summary>Told about rebalances of a consumer group, on the polling thread, within <see cref="RecordConsumer.Poll"/> or <see cref="RecordConsumer.Dispose"/>. Must not throw.</summary>
public interface IAssignmentListener
{
    /// <summary>
    /// The consumer is about to give up all that it has. When this returns, another member may own the partitions: work in flight must be committed by then, or be given up.
    /// <paramref name="lost"/>: the group has already given them to others, nothing can be committed any more.
    /// </summary>
    void Revoking(bool lost);

    /// <summary>The consumer owns these partitions now and reads from their committed offsets.</summary>
    void Assigned(IReadOnlyList<LogPartition> partitions);

    /// <summary>
    /// The committed offset <paramref name="from"/> is not in the partition's log any more: reading goes on at <paramref name="to"/>, the log's first.
    /// What retention took is lost; a <paramref name="to"/> before <paramref name="from"/> means that the topic was made anew.
    /// </summary>
    void OffsetsLost(LogPartition partition, long from, long to);
}

/// <summary>One partition of one topic.</summary>
/// <param name="Topic">The topic's name.</param>
/// <param name="Partition">The partition's number.</param>
public readonly record struct LogPartition(string Topic, int Partition)
{
    /// <summary><c>topic[partition]</c>.</summary>
    public override string ToString() => $"{Topic}[{Partition}]";
}

/// <summary>A place in one partition: the offset of the next record to read.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The offset of the next record, 0 or more.</param>
public readonly record struct LogPosition(LogPartition Partition, long Offset);
