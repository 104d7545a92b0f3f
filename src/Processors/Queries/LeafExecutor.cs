using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>What a leaf query came to: a result and how it was made, or the reason why the asked source can't answer.</summary>
public readonly record struct LeafOutcome(PartialResult? Result, string? Refusal, ScanExplanation Explanation);

/// <summary>
/// Executes a plan over one partition's snapshot: aggregates where they can answer, rows for the rest of the range. Pure but for reading the stores; any thread.
/// </summary>
public static class LeafExecutor
{
    /// <summary>Executes on this thread alone. Throws <see cref="OperationCanceledException"/> when cancelled, <see cref="IOException"/> when stored bytes are damaged.</summary>
    public static LeafOutcome Execute(LeafPlan plan, QuerySource source, PartitionSnapshot snapshot, CancellationToken cancellation)
    {
        // Without threads of its own each piece is done at once, and no other lane gets in.
        using var gate = new ScanGate();
        return ExecuteAsync(plan, source, snapshot, gate, cancellation).GetAwaiter().GetResult();
    }

    /// <summary>
    /// Executes, passing the gate for each piece of work; on more threads where it has places that nobody wants. Sums of fractions then may differ in their last digits.
    /// Throws as <see cref="Execute"/> does.
    /// </summary>
    public static async Task<LeafOutcome> ExecuteAsync(LeafPlan plan, QuerySource source, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation)
    {
        try
        {
            return await ExecuteWithinAsync(plan, source, snapshot, gate, cancellation).ConfigureAwait(false);
        }
        catch (QueryLimitException limit)
        {
            return new(null, limit.Message, new());
        }
    }

    private static async Task<LeafOutcome> ExecuteWithinAsync(LeafPlan plan, QuerySource source, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation)
    {
        var result = new PartialResult(plan) { Memory = gate.Memory?.Lease() };
        try
        {
            return await ExecuteIntoAsync(result, source, snapshot, gate, cancellation).ConfigureAwait(false);
        }
        catch
        {
            result.Memory?.Dispose();
            throw;
        }
    }

    private static async Task<LeafOutcome> ExecuteIntoAsync(PartialResult result, QuerySource source, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation)
    {
        var plan = result.Plan;
        var explanation = new ScanExplanation();
        long start = plan.Time.StartNs, end = plan.Time.EndNs;
        if (source is QuerySource.Recent or QuerySource.Blocks or QuerySource.Rows)
        {
            explanation.Because($"the question is about {source switch { QuerySource.Blocks => "blocks", QuerySource.Recent => "the recent window", _ => "rows" }} only");
            await Rows(start, end).ScanAsync(result, explanation, source != QuerySource.Recent, source != QuerySource.Blocks).ConfigureAwait(false);
            return new(result, null, explanation);
        }

        var folds = new List<FoldDirectory>();
        foreach (var fold in snapshot.Folds)
        {
            if (fold.MinTimeNs < end && fold.MaxTimeNs >= start)
            {
                folds.Add(fold);
            }
        }

        // Unweighted numbers are about events as they are stored, and of those that sampling dropped the aggregates know.
        var reason = "usage_mode counts stored events, of which sampling has dropped some";
        IFoldScan? scan = plan.Spec.UsageMode && IsSampled(snapshot, start, end) ? null : AggregateScan.TryMake(plan, folds, out reason);
        if (scan is null && HeavyHittersAnswer(plan, source, snapshot, folds) is { } heavy)
        {
            scan = heavy;
        }

        if (scan is null && source == QuerySource.Aggregates)
        {
            return new(null, reason, explanation);
        }

        var width = (scan?.SlotSeconds ?? 0) * 1_000_000_000L;
        var (from, to) = scan is null ? (end, end) : (RoundUp(start, width), RoundDown(end, width));
        if (scan is null || from >= to)
        {
            explanation.Because(scan is null ? reason : $"the range lies within one slot of {scan.SlotSeconds} s");
            await Rows(start, end).ScanAsync(result, explanation, true, true).ConfigureAwait(false);
            return new(result, null, explanation);
        }

        // Cells inside; rows for the parts of the range that cut a cell.
        foreach (var fold in folds)
        {
            await gate.RunAsync(() => AddFold(scan, fold, snapshot, result, from, to), cancellation).ConfigureAwait(false);
            explanation.FoldsUsed++;
        }

        await gate.RunAsync(() => AddUnfolded(plan, snapshot, result, explanation, from, to), cancellation).ConfigureAwait(false);

        if (start < from || to < end)
        {
            explanation.Because($"an edge of the range cuts a slot of {scan.SlotSeconds} s");
        }

        if (start < from)
        {
            await Rows(start, from).ScanAsync(result, explanation, true, true).ConfigureAwait(false);
        }

        if (to < end)
        {
            await Rows(to, end).ScanAsync(result, explanation, true, true).ConfigureAwait(false);
        }

        return new(result, null, explanation);

        RowScanLanes Rows(long startNs, long endNs) => new(plan, snapshot, gate, startNs, endNs, cancellation);
    }

    /// <summary>True when the sampler left out rows of the range, or gave some a weight.</summary>
    private static bool IsSampled(PartitionSnapshot snapshot, long start, long end) => snapshot.SampledTimes is var (from, to) && from < end && to >= start;

    /// <summary>Heavy values answer where rows would be estimates, or may not be asked, if there are any worth the name.</summary>
    private static HeavyHitterScan? HeavyHittersAnswer(LeafPlan plan, QuerySource source, PartitionSnapshot snapshot, List<FoldDirectory> folds)
    {
        var (start, end) = (plan.Time.StartNs, plan.Time.EndNs);
        if ((!IsSampled(snapshot, start, end) && source != QuerySource.Aggregates) || HeavyHitterScan.TryMake(plan, folds, out _) is not { } scan)
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

        var isWorthwhile = HeavyHitterScan.IsWorthwhile(trial);
        trial.Release();
        return isWorthwhile ? scan : null;
    }

    private static void AddFold(IFoldScan scan, FoldDirectory fold, PartitionSnapshot snapshot, PartialResult result, long fromNs, long toNs)
    {
        scan.Add(fold, snapshot.AggregateReader, result, fromNs, toNs);
        result.HoldMemory();
    }

    /// <summary>Batches that aren't in the aggregates yet.</summary>
    private static void AddUnfolded(LeafPlan plan, PartitionSnapshot snapshot, PartialResult result, ScanExplanation explanation, long fromNs, long toNs)
    {
        var before = result.RowsRead;
        using var rows = new RowScan(plan, result);
        foreach (var batch in snapshot.Unfolded)
        {
            rows.Add(batch, fromNs, toNs);
            result.UsedAggregates = true;
        }

        explanation.UnfoldedRows += result.RowsRead - before;
    }

    private static long RoundDown(long value, long width) => value - (((value % width) + width) % width);

    private static long RoundUp(long value, long width) => -RoundDown(-value, width);
}
