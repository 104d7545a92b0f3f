namespace StreamObserve.Broker.Coordination;

/// <summary>Where a group goes on in one partition.</summary>
internal readonly record struct CommittedOffset(long Offset, int LeaderEpoch, string Metadata, long CommittedMs);

/// <summary>A partition by its topic's name.</summary>
internal readonly record struct TopicPartition(string Topic, int Partition);
