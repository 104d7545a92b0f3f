namespace StreamObserve.QueryNode.Results;

/// <summary>Bounds of stored answers on the log.</summary>
public static class ResultLimits
{
    /// <summary>
    /// Bytes of a stored answer in one record, compressed. Below the 8 MiB that a record may have, with room for its key and headers. A larger one is several records.
    /// </summary>
    public const int PartBytes = 4 << 20;

    /// <summary>
    /// The part of the memory for queries that answers in memory may take, and once more those that wait to be written to the log; each at most
    /// <see cref="QueryHttpLimits.StoredResultsBytesMax"/>.
    /// </summary>
    public const int PartOfQueryMemory = 20;

    /// <summary>
    /// Most bytes of answers that wait to be written to the log: some seconds of a broker's absence. Past it further answers are kept in this process's memory only,
    /// counted by <c>streamobserve.query.results.unwritten</c>.
    /// </summary>
    public const long QueuedBytesMax = 64L << 20;

    /// <summary>Answers that are compressed and written at once: enough to hide an acknowledgement's way; each may need twice its bytes, of up to 32 MiB.</summary>
    public const int WritesAtOnce = 2;

    /// <summary>How long one write may take before it is tried again.</summary>
    public static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Pause before an answer is tried again when the brokers are away.</summary>
    public static readonly TimeSpan WriteRetryPause = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long an answer's writing is tried. Past it the answer is kept in this process's memory only and counted. It also bounds how far behind its id's time a record can lie.
    /// </summary>
    public static readonly TimeSpan WriteWithin = TimeSpan.FromMinutes(2);

    /// <summary>How long the end of the process waits for answers that are not written yet.</summary>
    public static readonly TimeSpan FlushWithin = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Records that are looked at from an id's time on. The first is nearly always the one; answers that other nodes wrote in the same instant lie between.
    /// Past it the answer counts as unknown.
    /// </summary>
    public const int LookupRecordsMax = 4_096;

    /// <summary>
    /// How long an answer that another node has just given may take to be readable here. A younger id that is not found is looked for again until then.
    /// Mostly some milliseconds; the first answer of a node that has just started waits for its connection to the brokers.
    /// </summary>
    public static readonly TimeSpan ReadableWithin = TimeSpan.FromSeconds(3);

    /// <summary>Pause between two looks for such an answer.</summary>
    public static readonly TimeSpan ReadRetryPause = TimeSpan.FromMilliseconds(50);

    /// <summary>Answers that may be pinned, over all: each is an entry in every query node's memory and kept on the log for good. Past it: 409.</summary>
    public const int PinnedMax = 100_000;
}
