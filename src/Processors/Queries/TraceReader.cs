using System.Globalization;
using System.Text;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.Queries;

/// <summary>Finds the rows of a trace, or of another value that correlates events, in a snapshot: blocks by their bloom filters, head block and recent window by scanning.</summary>
internal static class TraceReader
{
    private static readonly ResolvedTime Always = new(long.MinValue / 2, long.MaxValue / 2, int.MaxValue);

    /// <summary>
    /// Finds them; any thread. Where no trace is asked for, each block is read at the gate, as a query's are, and at most <see cref="Limits.CorrelatedRowsMax"/> rows are found.
    /// </summary>
    public static async Task<TraceFound> FindAsync(TraceLookup lookup, PartitionSnapshot snapshot, TraceTracker traces, ScanGate gate)
    {
        var isTrace = lookup.Field == ColumnBlockWriter.TraceIdField;
        var where = isTrace ? new Condition.Match(lookup.Field, FilterOp.Equal, [FieldValue.Of(lookup.Value)]) : new Condition.Match(lookup.Field, FilterOp.In, ValuesOf(lookup.Value));
        var plan = new LeafPlan(LeafPlan.AllDatasets, new() { Where = where }, Always);
        using var scan = new RowScan(plan, new PartialResult(plan));
        var rowsMax = isTrace ? Limits.TraceRowsMax : Limits.CorrelatedRowsMax;
        var rows = new List<(long, byte[])>();
        foreach (var info in snapshot.Blocks.Concat(snapshot.Promoted))
        {
            if (isTrace)
            {
                Collect(info);      // nearly all blocks are passed by their bloom filters
            }
            else if (rows.Count < rowsMax)
            {
                await gate.RunAsync(() => Collect(info), CancellationToken.None).ConfigureAwait(false);
            }
        }

        foreach (var batch in snapshot.HeadBlock)
        {
            CollectRows(scan, batch, rows, rowsMax);
        }

        using var reader = new EventBatchReader();
        string? failure = null;
        foreach (var entry in snapshot.Recent)
        {
            if (entry.Scan(reader) is { } batch)
            {
                CollectRows(scan, batch, rows, rowsMax);
            }
            else
            {
                failure = "some of the newest events are only in the log for the moment, past the memory budget";
            }
        }

        if (!isTrace && rows.Count == rowsMax)
        {
            failure = string.Create(CultureInfo.InvariantCulture, $"partition {lookup.Partition} may hold more than the {rowsMax} rows that it gives");
        }

        long arrived = -1;
        bool? kept = null;
        var reason = "";
        var isInWindow = false;
        if (isTrace && traces.TryGet(TraceKey.Of(Encoding.UTF8.GetBytes(lookup.Value)), out var summary))
        {
            arrived = summary.RowCount;
            isInWindow = summary.FirstLogTime >= snapshot.TrailingLimitMs;
            kept = summary.IsDecided ? summary.Decision.Keep : null;
            reason = summary.IsDecided ? SamplingReasons.NameOf(summary.Decision.Reason) : "";
        }

        return new(lookup.Partition, lookup.QueryId, rows, arrived, kept, reason, failure, Leaf.Coverage(snapshot)) { MayLackDropped = !isTrace && snapshot.SampledTimes is not null, IsInWindow = isInWindow };

        void Collect(BlockInfo info)
        {
            CollectRows(scan, snapshot.BlockReader.Open(info), rows, rowsMax);
            snapshot.BlockReader.Release(info);
        }
    }

    /// <summary>What a text in a path may stand for: itself, or the number or truth value that is written so.</summary>
    private static List<FieldValue> ValuesOf(string text)
    {
        var values = new List<FieldValue> { FieldValue.Of(text) };
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
        {
            values.Add(FieldValue.Of(integer));
        }
        else if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number))
        {
            values.Add(FieldValue.Of(number));
        }
        else if (text is "true" or "false")
        {
            values.Add(FieldValue.Of(text == "true"));
        }

        return values;
    }

    private static void CollectRows(RowScan scan, IRowSegment segment, List<(long, byte[])> rows, int rowsMax)
    {
        foreach (var row in scan.Matching(segment, Always.StartNs, Always.EndNs))
        {
            if (rows.Count < rowsMax)
            {
                rows.Add((segment.TimesNs[row], EventJson.Write(segment, row)));
            }
        }
    }
}
