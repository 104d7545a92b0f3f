using System.Globalization;
using System.Numerics;

namespace StreamObserve.Storage;

/// <summary>
/// Memory and layout of one partition's three stores. The layout (pages, segments) is part of the
/// fingerprint of what is written: opening a folder with another layout is refused.
/// </summary>
public sealed record PartitionStoreOptions
{
    /// <summary>
    /// Bytes for log pages and indexes of the three stores together: half for summaries, a quarter for blocks,
    /// an eighth for aggregates, an eighth for the indexes, each rounded down to a power of two. On top come
    /// about <see cref="Limits.FixedBytesPerStore"/> a store. May change between runs; the indexes of a partition keep the size they were
    /// made with.
    /// </summary>
    public long MemoryBudgetBytes { get; init; } = 64L << 20;

    /// <summary>Bytes of a page of the aggregates: a power of two; the largest value is <see cref="Limits.RecordOverheadBytes"/> less.</summary>
    public int AggregatesPageBytes { get; init; } = 2 << 20;

    /// <summary>Bytes of a segment file of the aggregates: a power of two, at least a page. The unit in which retention frees disk.</summary>
    public int AggregatesSegmentBytes { get; init; } = 4 << 20;

    /// <summary>Bytes of a page of the blocks: a power of two; the largest value is <see cref="Limits.RecordOverheadBytes"/> less.</summary>
    public int BlocksPageBytes { get; init; } = 8 << 20;

    /// <summary>Bytes of a segment file of the blocks: a power of two, at least a page.</summary>
    public int BlocksSegmentBytes { get; init; } = 32 << 20;

    /// <summary>Bytes of a page of the summaries: a power of two.</summary>
    public int SummariesPageBytes { get; init; } = 1 << 20;

    /// <summary>Bytes of a segment file of the summaries: a power of two, at least a page.</summary>
    public int SummariesSegmentBytes { get; init; } = 4 << 20;

    /// <summary>
    /// Bytes of log after which a store's index is checkpointed anew. Recovery reads at most about this much
    /// of each log to bring the index up to date; smaller means faster opening and more index writes.
    /// </summary>
    public long IndexCheckpointLogBytes { get; init; } = 64L << 20;

    /// <summary>
    /// Whether a cut is forced to the disk (fsync) before it counts. Without, kill -9 is still harmless, a power
    /// failure may lose the newest cuts (their damage is then found by CRC and an older one is used).
    /// </summary>
    public bool ForceToDisk { get; init; } = true;

    /// <summary>Returns what is wrong with the options (field, value, bound), or null if nothing is.</summary>
    public string? Validate() =>
        CheckPages(nameof(AggregatesPageBytes), AggregatesPageBytes, nameof(AggregatesSegmentBytes), AggregatesSegmentBytes)
        ?? CheckPages(nameof(BlocksPageBytes), BlocksPageBytes, nameof(BlocksSegmentBytes), BlocksSegmentBytes)
        ?? CheckPages(nameof(SummariesPageBytes), SummariesPageBytes, nameof(SummariesSegmentBytes), SummariesSegmentBytes)
        ?? (IndexCheckpointLogBytes < 1 << 20
            ? Wrong(nameof(IndexCheckpointLogBytes), IndexCheckpointLogBytes, "at least 1048576") : null)
        ?? (MemoryBudgetBytes is < 1L << 20 or > 1L << 36
            ? Wrong(nameof(MemoryBudgetBytes), MemoryBudgetBytes, "between 1048576 and 68719476736") : null);

    /// <summary>The layout as name=value lines, in the form of the fingerprint.</summary>
    internal string LayoutFingerprint() => string.Create(
        CultureInfo.InvariantCulture,
        $"{nameof(AggregatesPageBytes)}={AggregatesPageBytes}\n{nameof(AggregatesSegmentBytes)}={AggregatesSegmentBytes}\n" +
        $"{nameof(BlocksPageBytes)}={BlocksPageBytes}\n{nameof(BlocksSegmentBytes)}={BlocksSegmentBytes}\n" +
        $"{nameof(SummariesPageBytes)}={SummariesPageBytes}\n{nameof(SummariesSegmentBytes)}={SummariesSegmentBytes}");

    internal long BlocksMemoryBytes => PagesWithin(MemoryBudgetBytes / 4, BlocksPageBytes);

    internal long AggregatesMemoryBytes => PagesWithin(MemoryBudgetBytes / 8, AggregatesPageBytes);

    internal long SummariesMemoryBytes => PagesWithin(MemoryBudgetBytes / 2, SummariesPageBytes);

    internal long SummariesIndexBytes => IndexWithin(MemoryBudgetBytes / 16);

    internal long AggregatesIndexBytes => IndexWithin(MemoryBudgetBytes / 32);

    internal long BlocksIndexBytes => IndexWithin(MemoryBudgetBytes / 64);

    // The engine's circular buffer needs two pages: one to write, one being flushed.
    private static long PagesWithin(long bytes, int pageBytes) =>
        Math.Max(2L * pageBytes, (long)BitOperations.RoundUpToPowerOf2((ulong)bytes + 1) >> 1);

    private static long IndexWithin(long bytes) =>
        Math.Clamp((long)BitOperations.RoundUpToPowerOf2((ulong)bytes + 1) >> 1, 64 << 10, Limits.IndexBytesMax);

    private static string? CheckPages(string pageName, int page, string segmentName, int segment)
    {
        if (page is < 64 << 10 or > 1 << 28 || !BitOperations.IsPow2(page))
        {
            return Wrong(pageName, page, "a power of two between 65536 and 268435456");
        }

        return segment < page || segment > 1 << 30 || !BitOperations.IsPow2(segment)
            ? Wrong(segmentName, segment, $"a power of two between {pageName} ({page}) and 1073741824") : null;
    }

    private static string Wrong(string field, long value, string bound) =>
        string.Create(CultureInfo.InvariantCulture, $"{field} is {value}, it must be {bound}");
}
