namespace StreamObserve.Storage;

/// <summary>Every bound of the storage, with its unit, its reason and what happens past it.</summary>
public static class Limits
{
    /// <summary>
    /// Bytes of engine overhead of one record: header 8, key 16, length 4, CRC 4, rounding up to 7.
    /// A value plus this must fit into one page; past it <see cref="ChunkStore.Upsert"/> throws.
    /// </summary>
    public const int RecordOverheadBytes = 40;

    /// <summary>Bytes of the largest value in <see cref="PartitionStore{TSummary}.Blocks"/> with the default page.</summary>
    public const int BlockValueBytesMax = (8 << 20) - RecordOverheadBytes;

    /// <summary>Bytes of the largest value in <see cref="PartitionStore{TSummary}.Aggregates"/> with the default page.</summary>
    public const int AggregateValueBytesMax = (2 << 20) - RecordOverheadBytes;

    /// <summary>
    /// Bytes of one summary struct: it lives in memory while its trace is hot, and each update computes its CRC.
    /// A larger struct is refused when the store is opened.
    /// </summary>
    public const int SummaryBytesMax = 1024;

    /// <summary>
    /// Bytes of the owner's payload in a cut. It is held in memory while the manifest is written and read.
    /// Past it <see cref="PartitionStore{TSummary}.BeginCut"/> throws.
    /// </summary>
    public const int CutPayloadBytesMax = 64 << 20;

    /// <summary>
    /// Bytes of one store's hash index. The engine loses the tail of index checkpoints of 2 GiB and more;
    /// one bit of distance. Past it the options are refused.
    /// </summary>
    public const long IndexBytesMax = 1L << 29;

    /// <summary>Bytes that the engine commits for each of the three stores whatever its budget (measured).</summary>
    public const long FixedBytesPerStore = 11L << 20;

    /// <summary>Cuts kept on disk: the newest, and the one before in case the newest is damaged.</summary>
    public const int CutsKept = 2;

    /// <summary>Segment files held open by one store; past it they are closed and opened again when read.</summary>
    internal const int OpenSegmentsMax = 64;

    /// <summary>Bytes copied, checksummed and written at once: fits a core's second-level cache.</summary>
    internal const int WriteSliceBytes = 256 << 10;

    /// <summary>Characters of a settings fingerprint.</summary>
    public const int FingerprintCharsMax = 16 << 10;
}
