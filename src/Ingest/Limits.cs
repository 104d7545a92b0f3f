namespace StreamObserve.Ingest;

/// <summary>Every bound of the ingest role: unit, reason, and what happens past it.</summary>
public static class Limits
{
    /// <summary>
    /// Milliseconds between two transactions of the bridge, 50: part of the time from produced to queryable. A lone event after a silence does not wait for it.
    /// Shorter makes more and smaller batches.
    /// </summary>
    public const int CommitIntervalMs = 50;

    /// <summary>
    /// Milliseconds to which the interval between two transactions grows where they take long themselves, 250: each row of a small batch costs every query more than one of a large
    /// batch, so a busy machine is better off with fewer. Longer would show in what is just produced.
    /// </summary>
    public const int BusyCommitIntervalMs = 250;

    /// <summary>How often the time that a transaction took is waited between two, 2, see <see cref="BusyCommitIntervalMs"/>.</summary>
    public const int CommitPauses = 2;

    /// <summary>
    /// Bytes of decoded rows and dead letters that one transaction of the bridge gathers, 16 MiB (some 80,000 events of the bench, which count 195 bytes each). Past it the bridge stops reading until the
    /// transaction before has ended: this bounds its memory to two such drafts and the consumer's prefetch.
    /// </summary>
    public const long TransactionBytes = 16 * 1024 * 1024;

    /// <summary>Milliseconds over which the door gathers requests into one transaction, 20: added to every request's answer, it divides the cost of a commit.</summary>
    public const int DoorIntervalMs = 20;

    /// <summary>Bytes of request bodies in one transaction of the door, 16 MiB. Past it the transaction starts before its interval has passed.</summary>
    public const long DoorTransactionBytes = 16 * 1024 * 1024;

    /// <summary>Requests that wait for the door's next transaction. Past it a request is answered with 429.</summary>
    public const int DoorQueueRequests = 4096;

    /// <summary>Bytes of request bodies, decompressed, that the door holds at any moment, 128 MiB. Past it a request is answered with 429.</summary>
    public const long DoorBodyBytes = 128 * 1024 * 1024;

    /// <summary>Bytes of one request's body after decompression, 64 MiB. Past it the request is answered with 413.</summary>
    public const int RequestBytes = 64 * 1024 * 1024;

    /// <summary>Bytes of one JSON array in a request, 8 MiB: an array cannot be split before it is read, and its rows may all be of one trace, so it must fit one log record. Past it 413.</summary>
    public const int ArrayBytes = 8 * 1024 * 1024;

    /// <summary>Milliseconds that a request waits for its commit, 5,000. Past it the answer is 503; the events may still be stored.</summary>
    public const int DoorWaitMs = 5_000;

    /// <summary>Seconds in the <c>Retry-After</c> of 429 and 503.</summary>
    public const int RetryAfterSeconds = 1;

    /// <summary>
    /// Bytes of a record that are decoded at once, 1 MiB: a larger one of many lines is taken in pieces, so that the batches between them stay near a megabyte.
    /// An event larger than that is refused anyway.
    /// </summary>
    public const int DecodeBytes = 1024 * 1024;

    /// <summary>Bytes decoded between two looks for full batches, 64 KiB: looking after every record would cost more than it gains.</summary>
    public const int FullCheckBytes = 64 * 1024;

    /// <summary>Distinct values of the header <c>dataset</c> whose text is remembered. Past it the memory starts anew: the cost is some strings.</summary>
    public const int RememberedDatasets = 10_000;

    /// <summary>Milliseconds that a revoked bridge waits for its transaction in flight before it lets its partitions go; past it the brokers fence it.</summary>
    public const int RevocationWaitMs = 10_000;

    /// <summary>Milliseconds of pause after an aborted transaction, so that a lasting failure does not spin.</summary>
    public const int AbortPauseMs = 100;

    /// <summary>Milliseconds between two ticks of the pacemaker: the resolution of log time while a partition's input is silent.</summary>
    public const int TickMs = 1_000;

    /// <summary>Milliseconds that one control record may take to be written. Past it a tick is given up (the next one follows), a policies record is tried again.</summary>
    public const int ControlWriteMs = 5_000;

    /// <summary>Ingest processes that may share one data folder and so find a stable name each. Past it a process refuses to start.</summary>
    public const int NodesPerFolder = 64;
}
