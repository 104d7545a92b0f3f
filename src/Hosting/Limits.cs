namespace StreamObserve.Hosting;

/// <summary>Every bound of process set-up: value, unit, why, and what happens past it.</summary>
public static class Limits
{
    /// <summary>
    /// Partitions of the internal log, count. Each holds up to three stores of about 11 MB; past 1,024 a process spends its memory on empty ones.
    /// More is refused at start.
    /// </summary>
    public const int PartitionsMax = 1024;

    /// <summary>Shortest tail-sampling window. Shorter ones decide before a trace's spans have crossed the network. Refused at start.</summary>
    public static readonly TimeSpan WindowMin = TimeSpan.FromMilliseconds(100);

    /// <summary>Longest tail-sampling window. The log must be kept for at least as long. Refused at start.</summary>
    public static readonly TimeSpan WindowMax = TimeSpan.FromHours(1);

    /// <summary>Smallest memory budget in bytes: below it the runtime, librdkafka and one store a partition don't fit. Refused at start.</summary>
    public const long MemoryMinBytes = 256L << 20;

    /// <summary>
    /// Bytes of heap that a partition's three stores reserve for the engine's overflow buckets, of which a partition touches some KB: two pages of 4 MiB a store
    /// (measured: 28 of them in a process of four partitions). Counted by the collector as committed.
    /// </summary>
    public const long UntouchedBytesPerPartition = 24L << 20;

    /// <summary>
    /// Bytes of a process outside of the collected heap: code, stacks, librdkafka's queues, and what the allocator of the C library keeps of them (ADR 23:
    /// with 294 MiB ten million events came to 17 MiB below a budget of 1 GiB, with this to 57). A fifth of a larger budget; a third of a small one at most.
    /// </summary>
    public const long OutsideOfHeapBytes = 312L << 20;

    /// <summary>Largest memory budget in bytes; past it a mistyped unit is likelier than such a machine. Refused at start.</summary>
    public const long MemoryMaxBytes = 4L << 40;

    /// <summary>Input topics of one node, count. Each costs a consumer's fetch buffers. More are refused at start.</summary>
    public const int InputTopicsMax = 64;

    /// <summary>Longest Kafka topic name, characters (Kafka's own bound).</summary>
    public const int TopicNameLengthMax = 249;

    /// <summary>Fields whose every value gets a sketch per bucket, count. Each adds some 24 bins an event. More are refused at start.</summary>
    public const int SketchFieldsMax = 32;

    /// <summary>Configuration file, bytes. A larger one is not a configuration file. Refused at start.</summary>
    public const int ConfigurationFileBytesMax = 1 << 20;

    /// <summary>
    /// Largest message between two nodes, bytes. Akka's default of 128 kB drops a leaf's partial result; answers larger than this are sent in chunks
    /// by their senders, and what is larger nevertheless is dropped and logged by Akka.
    /// </summary>
    public const int RemoteFrameBytesMax = 32 << 20;

    /// <summary>
    /// How long a node waits for others before it decides who stays after a partition of the network. Measured with <see cref="DownRemovalMargin"/> on a
    /// small cluster: every shard answers 14.6 s after the oldest node is killed; with Akka's defaults 47 s.
    /// </summary>
    public static readonly TimeSpan SplitBrainStableAfter = TimeSpan.FromSeconds(5);

    /// <summary>How long after a node is downed its shards start elsewhere. Short, as a store's epoch stops a writer that is still alive.</summary>
    public static readonly TimeSpan DownRemovalMargin = TimeSpan.FromSeconds(1);

    /// <summary>How long a region may take to hand its shards over at a clean stop. Must end before <see cref="ShutdownMax"/>.</summary>
    public static readonly TimeSpan ShardHandOffMax = TimeSpan.FromSeconds(6);

    /// <summary>From SIGTERM to the end of the process. Past it the process ends itself: state is whole from the last cut.</summary>
    public static readonly TimeSpan ShutdownMax = TimeSpan.FromSeconds(9);

    /// <summary>Threads for calls that block on storage. More than the disk can serve only wait.</summary>
    public const int StorageThreadsMax = 8;

    /// <summary>Known paths that a 404 names, count: enough to find one's way, short enough to read.</summary>
    public const int KnownPathsNamedMax = 40;

    /// <summary>How often the start of a node looks whether its roles are ready. Adds at most this to the time to <c>ready</c>.</summary>
    public static readonly TimeSpan ReadinessPoll = TimeSpan.FromMilliseconds(20);

    /// <summary>How often a node that isn't ready yet says why on standard error.</summary>
    public static readonly TimeSpan ReadinessReport = TimeSpan.FromSeconds(5);
}
