namespace StreamObserve.Kafka;

/// <summary>Every bound of this library: unit, reason, and what happens past it.</summary>
public static class Limits
{
    /// <summary>Bytes of one record, 8 MiB: what the topics are made with and what the producers allow. Past it the produce call is refused and its transaction aborts.</summary>
    public const int RecordBytes = 8 * 1024 * 1024;

    /// <summary>
    /// Records taken from librdkafka by one native call. Large enough that the call's fixed cost vanishes, small enough that the pointers fit in a few cache pages (8 KB).
    /// The rest stays in librdkafka's queue for the next call.
    /// </summary>
    public const int RecordsPerPoll = 1000;

    /// <summary>
    /// KiB that librdkafka may hold prefetched for one consumer. 16 MiB keeps a consumer busy over a loopback or a LAN; measured, 2 MiB stalls it by the fetch back-off.
    /// Past it librdkafka stops fetching until records are taken.
    /// </summary>
    public const int PrefetchKilobytes = 16 * 1024;

    /// <summary>Bytes of record values that wait between a <see cref="BatchLogReader"/>'s thread and its reader, 16 MiB. Past it the thread stops taking records, and librdkafka stops fetching.</summary>
    public const long HandOverBytes = 16 * 1024 * 1024;

    /// <summary>Records that wait between a <see cref="BatchLogReader"/>'s thread and its reader. Past it as with <see cref="HandOverBytes"/>.</summary>
    public const int HandOverRecords = 4096;

    /// <summary>Milliseconds after which the brokers abort a transaction that its producer left open: the longest that a killed producer holds back read-committed consumers.</summary>
    public const int TransactionTimeoutMs = 10_000;

    /// <summary>KiB of records that wait in a producer to be sent, 128 MiB. Past it producing waits for room.</summary>
    public const int ProducerQueueKilobytes = 128 * 1024;

    /// <summary>Milliseconds that one attempt of a broker request (metadata, offsets, transactions) may take before it counts as failed and is tried again.</summary>
    public const int RequestTimeoutMs = 5_000;

    /// <summary>Milliseconds between two attempts to reach a broker that does not answer.</summary>
    public const int RetryPauseMs = 200;

    /// <summary>
    /// KiB that a <see cref="Consuming.RecordLookup"/> may have prefetched: it wants one record, mostly of some KB. A larger record is fetched all the same, alone.
    /// </summary>
    public const int LookupPrefetchKilobytes = 1024;

    /// <summary>Milliseconds that a broker may hold back a lookup's fetch for want of records: it ends at the log's end, and must not wait there.</summary>
    public const int LookupFetchWaitMs = 10;

    /// <summary>Milliseconds between two looks at a lookup's cancellation.</summary>
    public const int LookupPollMs = 50;
}
