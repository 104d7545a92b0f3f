using System.Text;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.Queries;

/// <summary>Finds a trace's rows in a snapshot: blocks by their bloom filters, head block and recent window by scanning.</summary>
internal static class TraceReader
{
    private static readonly ResolvedTime Always = new(long.MinValue / 2, long.MaxValue / 2, int.MaxValue);

    /// <summary>Finds them; any thread.</summary>
    public static TraceFound Find(TraceLookup lookup, PartitionSnapshot snapshot, TraceTracker traces)
    {
        var where = new Condition.Match(ColumnBlockWriter.TraceIdField, FilterOp.Equal, [FieldValue.Of(lookup.TraceId)]);
        var plan = new LeafPlan(LeafPlan.AllDatasets, new() { Where = where }, Always);
        using var scan = new RowScan(plan, new PartialResult(plan));
        var rows = new List<(long, byte[])>();
        foreach (var info in snapshot.Blocks)
        {
            Collect(scan, snapshot.BlockReader.Open(info), rows);
            snapshot.BlockReader.Release(info);
        }

        foreach (var batch in snapshot.HeadBlock)
        {
            Collect(scan, batch, rows);
        }

        using var reader = new EventBatchReader();
        string? failure = null;
        foreach (var entry in snapshot.Recent)
        {
            if (entry.Scan(reader) is { } batch)
            {
                Collect(scan, batch, rows);
            }
            else
            {
                failure = "some of the newest events are only in the log for the moment, past the memory budget";
            }
        }

        long arrived = -1;
        bool? kept = null;
        var reason = "";
        if (traces.TryGet(TraceKey.Of(Encoding.UTF8.GetBytes(lookup.TraceId)), out var summary))
        {
            arrived = summary.RowCount;
            kept = summary.IsDecided ? summary.Decision.Keep : null;
            reason = summary.IsDecided ? SamplingReasons.NameOf(summary.Decision.Reason) : "";
        }

        return new(lookup.Partition, lookup.QueryId, rows, arrived, kept, reason, failure, Leaf.Coverage(snapshot));
    }

    private static void Collect(RowScan scan, IRowSegment segment, List<(long, byte[])> rows)
    {
        foreach (var row in scan.Matching(segment, Always.StartNs, Always.EndNs))
        {
            if (rows.Count < Limits.TraceRowsMax)
            {
                rows.Add((segment.TimesNs[row], EventJson.Write(segment, row)));
            }
        }
    }
}
