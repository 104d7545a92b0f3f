using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>Compares a selection with the rest over one partition's rows: blocks, head block and recent window. Pure but for reading the stores; any thread.</summary>
public static class BubbleUpExecutor
{
    /// <summary>
    /// Executes, one block after the other, each with a place at the gate. Throws <see cref="OperationCanceledException"/> when cancelled,
    /// <see cref="IOException"/> when stored bytes are damaged.
    /// </summary>
    public static async Task<BubbleUpResult> ExecuteAsync(
        LeafPlan plan, BubbleUpSelection selection, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation)
    {
        var result = new BubbleUpResult();
        var scan = new BubbleUpScan(plan, selection, result);
        long start = plan.Time.StartNs, end = plan.Time.EndNs;
        foreach (var info in snapshot.Blocks)
        {
            if (info.MinTimeNs >= end || info.MaxTimeNs < start)
            {
                continue;
            }

            await gate.RunAsync(() => AddBlock(info), cancellation).ConfigureAwait(false);
        }

        await gate.RunAsync(() => ScanNewest(scan, result, snapshot, start, end, cancellation), cancellation).ConfigureAwait(false);
        return result;

        void AddBlock(State.BlockInfo info)
        {
            scan.Add(snapshot.BlockReader.Open(info), start, end);
            snapshot.BlockReader.Trim();        // every column of a block is read: two of them may be all that fits
            result.UsedBlocks = true;
        }
    }

    private static void ScanNewest(BubbleUpScan scan, BubbleUpResult result, PartitionSnapshot snapshot, long start, long end, CancellationToken cancellation)
    {
        foreach (var batch in snapshot.HeadBlock)
        {
            cancellation.ThrowIfCancellationRequested();
            scan.Add(batch, start, end);
            result.UsedBlocks = true;
        }

        result.IsSampled |= snapshot.SampledTimes is not null && result.UsedBlocks;
        result.HasUncountedDrops |= snapshot.HasUncountedDrops && result.UsedBlocks;

        using var reader = new EventBatchReader();
        foreach (var entry in snapshot.Recent)
        {
            cancellation.ThrowIfCancellationRequested();
            if (entry.MinTimeNs >= end || entry.MaxTimeNs < start)
            {
                continue;
            }

            result.UsedRecent = true;
            if (entry.Batch(reader) is { } batch)
            {
                scan.Add(batch, start, end);
            }
            else
            {
                // Only in the log, past the memory budget: less was read than there is.
                result.HasUncountedDrops = true;
            }
        }
    }
}
