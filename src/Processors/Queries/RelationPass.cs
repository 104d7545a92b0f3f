using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Relations;

namespace StreamObserve.Processors.Queries;

/// <summary>The first pass of a query with relational fields: finds the related spans among the same sources as the query's rows, over a wider range.</summary>
internal static class RelationPass
{
    /// <summary>
    /// Runs it. Throws <see cref="QueryLimitException"/> when there are too many related spans, <see cref="OperationCanceledException"/> when cancelled.
    /// </summary>
    public static RelationIndex Run(LeafPlan plan, PartitionSnapshot snapshot, PartialResult result, bool blocks, bool recent, CancellationToken cancellation)
    {
        var index = new RelationIndex(plan);
        if (blocks)
        {
            foreach (var info in snapshot.Blocks)
            {
                cancellation.ThrowIfCancellationRequested();
                if (info.MinTimeNs < index.ToNs && info.MaxTimeNs >= index.FromNs)
                {
                    Add(index, snapshot.BlockReader.Open(info), result);
                    snapshot.BlockReader.Release(info);
                }
            }

            foreach (var batch in snapshot.HeadBlock)
            {
                Add(index, batch, result);
            }
        }

        if (!recent)
        {
            return index;
        }

        using var reader = new EventBatchReader();
        foreach (var entry in snapshot.Recent)
        {
            cancellation.ThrowIfCancellationRequested();
            if (entry.MinTimeNs >= index.ToNs || entry.MaxTimeNs < index.FromNs)
            {
                continue;
            }

            if (entry.Scan(reader) is { } batch)
            {
                Add(index, batch, result);
            }
            else
            {
                // Only in the log for the moment: a span there is not seen, and the labels say that something is missing.
                result.HasUncountedDrops = true;
            }
        }

        return index;
    }

    private static void Add(RelationIndex index, IRowSegment segment, PartialResult result)
    {
        index.Add(segment);
        result.RowsRead += segment.Rows;
    }
}
