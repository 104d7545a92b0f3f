namespace StreamObserve.Broker;

/// <summary>Every bound of the broker that is not an option: value, unit, reason, and what happens past it.</summary>
internal static class Limits
{
    /// <summary>Bytes a connection keeps for receiving; a larger request gets a pooled buffer for as long as it is handled.</summary>
    public const int ReceiveBufferBytes = 16 * 1024;

    /// <summary>Bytes of an answer's buffer that a connection keeps between requests; a larger one returns to the pool.</summary>
    public const int KeptAnswerBytes = 64 * 1024;

    /// <summary>Bytes by which an answer's buffer at most doubles; past it, it grows to what is needed.</summary>
    public const int WriterGrowthBytesMax = 64 * 1024 * 1024;

    /// <summary>Bytes of records in one Fetch answer: bounds memory, and 8 MiB already fill a loopback. The first batch is sent whole even if larger.</summary>
    public const int FetchAnswerBytesMax = 8 * 1024 * 1024;

    /// <summary>Bytes of records a Fetch answer may still carry when the memory for answers is used up: readers slow down, none stops.</summary>
    public const int FetchAnswerBytesMin = 64 * 1024;

    /// <summary>Seconds that a request or an answer may stand still half-way; past it the connection is closed.</summary>
    public const int StallSecondsMax = 30;

    /// <summary>Bytes of log between two index entries: a look-up reads at most this much.</summary>
    public const int IndexIntervalBytes = 64 * 1024;

    /// <summary>Bytes appended to a partition between two recovery points: what a restart after kill -9 reads again.</summary>
    public const long RecoveryPointIntervalBytes = 32L * 1024 * 1024;

    /// <summary>Batches per producer remembered to recognise a retry; Kafka's number, and its clients' limit of requests in flight.</summary>
    public const int RememberedBatches = 5;

    /// <summary>Producers remembered per partition; past it those idle longest are forgotten, and a retry of theirs would be stored twice.</summary>
    public const int ProducersPerPartitionMax = 50_000;

    /// <summary>Milliseconds after which an idle producer without an open transaction is forgotten (Kafka's producer.id.expiration.ms).</summary>
    public const long ProducerIdleMsMax = 24L * 60 * 60 * 1000;

    /// <summary>Producer ids reserved at once: one journal record for so many, the rest of a block is lost at a restart.</summary>
    public const int ProducerIdBlock = 1000;

    /// <summary>Longest transaction time-out a producer may ask for, milliseconds (Kafka's transaction.max.timeout.ms); past it INVALID_TRANSACTION_TIMEOUT.</summary>
    public const int TransactionTimeoutMsMax = 15 * 60 * 1000;

    /// <summary>Milliseconds after which an unused transactional id is forgotten (Kafka's transactional.id.expiration.ms).</summary>
    public const long TransactionalIdIdleMsMax = 7L * 24 * 60 * 60 * 1000;

    /// <summary>Milliseconds that an empty group's offsets are kept (Kafka's offsets.retention.minutes).</summary>
    public const long OffsetsIdleMsMax = 7L * 24 * 60 * 60 * 1000;

    /// <summary>Longest session time-out of a group member, milliseconds (Kafka's group.max.session.timeout.ms); past it INVALID_SESSION_TIMEOUT.</summary>
    public const int SessionTimeoutMsMax = 30 * 60 * 1000;

    /// <summary>Members of one group; past it GROUP_MAX_SIZE_REACHED.</summary>
    public const int GroupMembersMax = 1000;

    /// <summary>Characters of a committed offset's metadata; past it OFFSET_METADATA_TOO_LARGE.</summary>
    public const int OffsetMetadataCharsMax = 4096;

    /// <summary>Bytes of coordinator journal before its state is written as a snapshot and the journal is cut.</summary>
    public const long JournalSnapshotBytes = 8L * 1024 * 1024;

    /// <summary>Partitions of one topic; past it INVALID_PARTITIONS.</summary>
    public const int PartitionsPerTopicMax = 1024;

    /// <summary>Partitions of the whole broker, each with an open file; past it POLICY_VIOLATION.</summary>
    public const int PartitionsMax = 10_000;

    /// <summary>Characters of a topic's name (Kafka's limit); past it INVALID_TOPIC_EXCEPTION.</summary>
    public const int TopicNameCharsMax = 249;

    /// <summary>Bytes of one batch after decompression, for compaction and look-ups by time; a larger one is kept as it is.</summary>
    public const int DecompressedBatchBytesMax = 128 * 1024 * 1024;

    /// <summary>Keys that one compaction of a partition remembers, 40 bytes each; keys past it wait for the next run.</summary>
    public const int CompactionKeysMax = 2_000_000;
}
