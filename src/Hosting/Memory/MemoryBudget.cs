namespace StreamObserve.Hosting;

/// <summary>
/// The memory budget of a process, shared out. The parts are upper bounds that their owners keep by themselves; together with
/// <see cref="RuntimeBytes"/> they are the whole. Roles that are off leave their share to the others. Immutable.
/// </summary>
public sealed record MemoryBudget
{
    /// <summary>The whole process, bytes (resident set).</summary>
    public required long TotalBytes { get; init; }

    /// <summary>Code, JIT, thread stacks, the actor system, librdkafka's queues: what no role bounds by itself.</summary>
    public required long RuntimeBytes { get; init; }

    /// <summary>The embedded broker's buffers and indexes.</summary>
    public required long BrokerBytes { get; init; }

    /// <summary>Ingest: records in flight between the doors and the transaction.</summary>
    public required long IngestBytes { get; init; }

    /// <summary>Processor: compressed batches, over all partitions: two thirds of it those of the recent window, the rest the numbers of their texts and those that were read ahead. What doesn't fit is read from the log again.</summary>
    public required long BatchCacheBytes { get; init; }

    /// <summary>Processor: rows that wait, decoded, to be folded and sealed, over all partitions. What doesn't fit makes smaller folds and blocks.</summary>
    public required long RowsBytes { get; init; }

    /// <summary>Processor: memory of the stores, over all partitions.</summary>
    public required long StoresBytes { get; init; }

    /// <summary>Queries and live tails in work, at leaves and at the query node.</summary>
    public required long QueriesBytes { get; init; }

    /// <summary>Heap that the stores' engine reserves and hardly ever touches: part of what the collector counts, not of what the process resides in.</summary>
    public required long UntouchedBytes { get; init; }

    /// <summary>Of <see cref="QueriesBytes"/>: what the results of all queries may hold together. Columns, unpacked batches, aggregates and answers that are kept have the rest.</summary>
    public long QueryResultsBytes => QueriesBytes / 4;

    /// <summary>
    /// Limit of the garbage-collected heap: the total less what lives outside of it, and what is reserved but not touched on top. The collector works harder as it is
    /// approached; an allocation past it fails, so the parts above must leave it alone.
    /// </summary>
    public long HeapBytes => TotalBytes - Math.Max(Math.Min(Limits.OutsideOfHeapBytes, TotalBytes / 3), TotalBytes / 5) + UntouchedBytes;

    /// <summary>The least that the roles of a process which may own so many partitions hold whatever arrives (measured: 640 MiB for all roles and four partitions).</summary>
    public static ByteSize LeastFor(NodeRoles roles, int partitions)
    {
        long mebibytes = 192;
        mebibytes += (roles & NodeRoles.Broker) != 0 ? 64 : 0;
        mebibytes += (roles & NodeRoles.Ingest) != 0 ? 96 : 0;
        mebibytes += (roles & NodeRoles.Query) != 0 ? 64 : 0;
        mebibytes += (roles & NodeRoles.Processor) != 0 ? 96 + (32L * partitions) : 0;
        return new ByteSize(mebibytes << 20);
    }

    /// <summary>Shares <paramref name="total"/> out among the roles of a process that may own so many partitions.</summary>
    public static MemoryBudget Of(ByteSize total, NodeRoles roles, int partitions)
    {
        // Weights of the shareable part; measured needs may move them, their sum is what counts.
        int broker = (roles & NodeRoles.Broker) != 0 ? 2 : 0;
        int ingest = (roles & NodeRoles.Ingest) != 0 ? 3 : 0;
        int cache = (roles & NodeRoles.Processor) != 0 ? 3 : 0;
        int rows = (roles & NodeRoles.Processor) != 0 ? 5 : 0;
        int stores = (roles & NodeRoles.Processor) != 0 ? 3 : 0;
        int queries = (roles & (NodeRoles.Processor | NodeRoles.Query)) != 0 ? 7 : 0;
        int weights = Math.Max(1, broker + ingest + cache + rows + stores + queries);

        // A process that only serves needs some 150 MB; a larger budget leaves it a larger share for garbage between collections.
        long runtime = Math.Max(160L << 20, total.Bytes * 2 / 5);
        long share = (total.Bytes - runtime) / weights;
        return new MemoryBudget
        {
            TotalBytes = total.Bytes,
            UntouchedBytes = (roles & NodeRoles.Processor) != 0 ? partitions * Limits.UntouchedBytesPerPartition : 0,
            RuntimeBytes = total.Bytes - (share * (broker + ingest + cache + rows + stores + queries)),
            BrokerBytes = share * broker,
            IngestBytes = share * ingest,
            BatchCacheBytes = share * cache,
            RowsBytes = share * rows,
            StoresBytes = share * stores,
            QueriesBytes = share * queries,
        };
    }
}

/// <summary>Sets the limit of the garbage-collected heap of this process.</summary>
public static class HeapLimit
{
    /// <summary>
    /// Makes <paramref name="bytes"/> the hard limit of the heap from now on. To be called once, before much is allocated.
    /// Throws <see cref="InvalidOperationException"/> when the runtime refuses (already more in use, or less than its minimum).
    /// </summary>
    public static void Apply(long bytes)
    {
        AppContext.SetData("GCHeapHardLimit", (ulong)bytes);
        GC.RefreshMemoryLimit();
    }
}
