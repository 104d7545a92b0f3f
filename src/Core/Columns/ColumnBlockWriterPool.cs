using System.Collections.Concurrent;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Block writers for all partitions of a process: each holds some megabytes of working memory, and only as many are in use as there are blocks being sealed.
/// Thread-safe.
/// </summary>
public static class ColumnBlockWriterPool
{
    private static readonly ConcurrentBag<ColumnBlockWriter> Idle = [];

    /// <summary>Seals with a writer that no other thread uses meanwhile.</summary>
    public static SealedColumns Seal(IReadOnlyList<EventBatch> batches)
    {
        var writer = Idle.TryTake(out var idle) ? idle : new();
        var columns = writer.Seal(batches);     // a writer that threw is not used again: its buffers may hold half a block
        Idle.Add(writer);
        return columns;
    }
}
