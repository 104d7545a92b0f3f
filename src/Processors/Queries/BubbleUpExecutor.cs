using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>Compares a selection with the rest over one partition's rows: blocks, head block and recent window. Pure but for reading the stores; any thread.</summary>
public static class BubbleUpExecutor
{
    /// <summary>Executes. Throws <see cref="OperationCanceledException"/> when cancelled, <see cref="IOException"/> when stored bytes are damaged.</summary>
    public static BubbleUpResult Execute(LeafPlan plan, BubbleUpSelection selection, PartitionSnapshot snapshot, CancellationToken cancellation)
    {
        var result = new BubbleUpResult();
        var scan = new BubbleUpScan(plan, selection, result);
        long start = plan.Time.StartNs, end = plan.Time.EndNs;
        foreach (var info in snapshot.Blocks)
        {
            cancellation.ThrowIfCancellationRequested();
            if (info.MinTimeNs < end && info.MaxTimeNs >= start)
            {
                scan.Add(snapshot.BlockReader.Open(info), start, end);
                snapshot.BlockReader.Trim();        // every column of a block is read: two of them may be all that fits
                result.UsedBlocks = true;
            }
        }

        foreach (var batch in snapshot.HeadBlock)
        {
            cancellation.ThrowIfCancellationRequested();
            scan.Add(batch, start, end);
            result.UsedBlocks = true;
        }

        result.IsSampled |= snapshot.HasDrops && result.UsedBlocks;
        result.HasUncountedDrops |= snapshot.HasUncountedDrops && result.UsedBlocks;

        EventBatchReader? reader = null;
        foreach (var entry in snapshot.Recent)
        {
            cancellation.ThrowIfCancellationRequested();
            if (entry.MinTimeNs >= end || entry.MaxTimeNs < start)
            {
                continue;
            }

            result.UsedRecent = true;
            if (entry.Batch(reader ??= new()) is { } batch)
            {
                scan.Add(batch, start, end);
            }
            else
            {
                // Only in the log, past the memory budget: less was read than there is.
                result.HasUncountedDrops = true;
            }
        }

        return result;
    }
}
