using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>What a leaf query came to: a result, or the reason why the asked source can't answer.</summary>
public readonly record struct LeafOutcome(PartialResult? Result, string? Refusal);

/// <summary>
/// Executes a plan over one partition's snapshot: aggregates where they can answer, rows for the rest of the range. Pure but for reading the stores; any thread.
/// </summary>
public static class LeafExecutor
{
    /// <summary>Executes. Throws <see cref="OperationCanceledException"/> when cancelled, <see cref="IOException"/> when stored bytes are damaged.</summary>
    public static LeafOutcome Execute(LeafPlan plan, QuerySource source, PartitionSnapshot snapshot, CancellationToken cancellation)
    {
        var result = new PartialResult(plan);
        long start = plan.Time.StartNs, end = plan.Time.EndNs;
        if (source is QuerySource.Recent or QuerySource.Blocks)
        {
            ScanRows(plan, snapshot, result, start, end, source == QuerySource.Blocks, source == QuerySource.Recent, cancellation);
            return new(result, null);
        }

        var folds = new List<FoldDirectory>();
        foreach (var fold in snapshot.Folds)
        {
            if (fold.MinTimeNs < end && fold.MaxTimeNs >= start)
            {
                folds.Add(fold);
            }
        }

        IFoldScan? scan = AggregateScan.TryMake(plan, folds, out var reason);
        if (scan is null && HeavyHittersAnswer(plan, source, snapshot, folds) is { } heavy)
        {
            scan = heavy;
        }

        if (scan is null && source == QuerySource.Aggregates)
        {
            return new(null, reason);
        }

        var width = (scan?.SlotSeconds ?? 0) * 1_000_000_000L;
        var (from, to) = scan is null ? (end, end) : (RoundUp(start, width), RoundDown(end, width));
        if (scan is null || from >= to)
        {
            ScanRows(plan, snapshot, result, start, end, true, true, cancellation);
            return new(result, null);
        }

        // Cells inside; rows for the parts of the range that cut a cell.
        foreach (var fold in folds)
        {
            cancellation.ThrowIfCancellationRequested();
            scan.Add(fold, snapshot.AggregateReader, result, from, to);
        }

        var rows = new RowScan(plan, result);
        foreach (var batch in snapshot.Unfolded)
        {
            rows.Add(batch, from, to);
            result.UsedAggregates = true;
        }

        if (start < from)
        {
            ScanRows(plan, snapshot, result, start, from, true, true, cancellation);
        }

        if (to < end)
        {
            ScanRows(plan, snapshot, result, to, end, true, true, cancellation);
        }

        return new(result, null);
    }

    /// <summary>Heavy values answer where rows would be estimates, or may not be asked, if there are any worth the name.</summary>
    private static HeavyHitterScan? HeavyHittersAnswer(LeafPlan plan, QuerySource source, PartitionSnapshot snapshot, List<FoldDirectory> folds)
    {
        var (start, end) = (plan.Time.StartNs, plan.Time.EndNs);
        var isSampled = snapshot.SampledTimes is var (from, to) && from < end && to >= start;
        if ((!isSampled && source != QuerySource.Aggregates) || HeavyHitterScan.TryMake(plan, folds, out _) is not { } scan)
        {
            return null;
        }

        if (source == QuerySource.Aggregates)
        {
            return scan;
        }

        var width = scan.SlotSeconds * 1_000_000_000L;
        var trial = new PartialResult(plan);
        foreach (var fold in folds)
        {
            scan.Add(fold, snapshot.AggregateReader, trial, RoundUp(start, width), RoundDown(end, width));
        }

        return HeavyHitterScan.IsWorthwhile(trial) ? scan : null;
    }

    private static void ScanRows(
        LeafPlan plan, PartitionSnapshot snapshot, PartialResult result, long start, long end, bool blocks, bool recent, CancellationToken cancellation)
    {
        var scan = new RowScan(plan, result);
        if (blocks)
        {
            ScanBlocks(snapshot, result, scan, start, end, cancellation);
        }

        if (!recent)
        {
            return;
        }

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
                // Only in the log, past the memory budget: what was read is less than there is, and the labels say so.
                result.HasUnreadRows = true;
            }
        }
    }

    private static void ScanBlocks(PartitionSnapshot snapshot, PartialResult result, RowScan scan, long start, long end, CancellationToken cancellation)
    {
        foreach (var info in snapshot.Blocks)
        {
            cancellation.ThrowIfCancellationRequested();
            if (info.MinTimeNs < end && info.MaxTimeNs >= start)
            {
                scan.Add(snapshot.BlockReader.Open(info), start, end);
                snapshot.BlockReader.Trim();        // within the scan too: one question may name large columns of every block
                result.UsedBlocks = true;
            }
        }

        foreach (var batch in snapshot.HeadBlock)
        {
            scan.Add(batch, start, end);
            result.UsedBlocks = true;
        }

        // A block may hold only rows that a rule kept at rate 1 while others of its time were dropped: it can't know, the partition does.
        if (snapshot.SampledTimes is var (from, to))
        {
            result.AddSampledTimes(Math.Max(from, start), Math.Min(to, end - 1));
            result.IsSampled |= from < end && to >= start;
            result.HasUncountedDrops |= snapshot.HasUncountedDrops && from < end && to >= start;
        }
    }

    private static long RoundDown(long value, long width) => value - (((value % width) + width) % width);

    private static long RoundUp(long value, long width) => -RoundDown(-value, width);
}
