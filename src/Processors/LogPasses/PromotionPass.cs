using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.LogPasses;

/// <summary>
/// Finds in the log the rows that sampling has dropped, to be brought back for reading. A first reading finds the traces of which a row is asked for, a second one all of their rows; what a
/// snapshot's blocks hold of these already, row by row as often as they hold it, is left out, so that no row is brought back twice, whenever that is done. Pure but for the log; one use, one
/// thread at a time.
/// </summary>
/// <param name="question">What is asked for.</param>
/// <param name="snapshot">What is held.</param>
/// <param name="log">The partition's log.</param>
/// <param name="time">Tells when it has read for long enough.</param>
internal sealed class PromotionPass(Promote question, PartitionSnapshot snapshot, IBatchLog log, TimeProvider time)
{
    /// <summary>The mark of a row that was brought back.</summary>
    public const string PromotedField = RowIdentity.AddedPrefix + "promoted";

    private const int TraceIdsShown = 100;

    private long _started;
    private readonly HashSet<TraceKey> _traces = [];
    private readonly Dictionary<UInt128, int> _wanted = [];
    private readonly List<(EventBatch Rows, UInt128[] Identities)> _found = [];
    private readonly EventBatchReader _reader = new();
    private long _bytes;
    private long _rows;
    private int _foundRows;
    private string _stopped = "";

    /// <summary>What there is to bring back, and the answer that is true once it is stored.</summary>
    public (IReadOnlyList<EventBatch> Rows, PromoteDone Answer) Run(CancellationToken cancellation)
    {
        using var reader = _reader;
        var fromMs = Math.Max(0, (question.StartNs / 1_000_000) - Limits.ClockAheadMs);
        var beginning = log.Beginning(fromMs, cancellation);
        var until = snapshot.TrailingOffset;
        long firstMs = 0, lastMs = 0, read = 0;
        if (question.TraceId.Length > 0)
        {
            _traces.Add(TraceKey.Of(question.TraceId));
        }
        else
        {
            _started = time.GetTimestamp();
            using var scan = Scan();
            foreach (var record in log.Read(beginning.Offset, until, cancellation))
            {
                if (!GoesOn() || !FindTraces(scan, record.Value))
                {
                    until = record.Offset;      // of what comes later nothing is known: the second reading ends here as well
                    break;
                }
            }
        }

        using (var scan = Scan())
        {
            _started = time.GetTimestamp();
            foreach (var record in log.Read(beginning.Offset, until, cancellation))
            {
                if (!GoesOn() || !FindRows(scan, record.Value))
                {
                    break;
                }

                firstMs = firstMs == 0 ? record.AppendTimeMs : firstMs;
                lastMs = record.AppendTimeMs;
                read = _rows;
            }
        }

        var kept = LeaveOut(snapshot.Blocks, snapshot.HeadBlock, cancellation);
        var already = LeaveOut(snapshot.Promoted, [], cancellation);
        var (rows, traces, ids) = Rest();
        var reach = new LogReach(firstMs, lastMs, read, beginning.LogStart > 0 && beginning.Offset <= beginning.LogStart, _stopped, "");
        return (rows, new(question.Partition, question.QueryId, rows.Sum(batch => (long)batch.Rows), already, kept, traces, ids, reach));
    }

    private RowScan Scan()
    {
        var plan = new LeafPlan(question.Dataset, question.Spec, new(question.StartNs, question.EndNs, int.MaxValue));
        return new(plan, new PartialResult(plan));
    }

    private bool GoesOn()
    {
        if (time.GetElapsedTime(_started).TotalSeconds < Limits.LogPassSecondsMax / 2)
        {
            return true;
        }

        _stopped = $"the log was read for {Limits.LogPassSecondsMax / 2} s; ask for a later time";
        return false;
    }

    private bool HasRoom(int rows)
    {
        if (rows <= Limits.PromotedRowsMax && _bytes <= Limits.PromotedBytesMax)
        {
            return true;
        }

        _stopped = $"more than {Limits.PromotedRowsMax} events, or {Limits.PromotedBytesMax} bytes, in a partition; ask for fewer";
        return false;
    }

    private bool FindTraces(RowScan scan, ReadOnlyMemory<byte> record)
    {
        if (Open(record) is { } segment && scan.Matching(segment, question.StartNs, question.EndNs) is { IsEmpty: false } rows)
        {
            var traces = TracesOfRows.Of(segment);
            foreach (var row in rows)
            {
                if (traces[row] is { } trace)
                {
                    _traces.Add(trace);
                }
            }
        }

        return HasRoom(_traces.Count);
    }

    private bool FindRows(RowScan scan, ReadOnlyMemory<byte> record)
    {
        if (Open(record) is not { } segment)
        {
            return true;
        }

        _rows += segment.Rows;
        var matching = question.TraceId.Length > 0 ? [] : scan.Matching(segment, question.StartNs, question.EndNs).ToArray();
        var traces = TracesOfRows.Of(segment);
        var rows = new List<int>();
        for (int row = 0, next = 0; row < traces.Length; row++)
        {
            var isAsked = next < matching.Length && matching[next] == row;
            next += isAsked ? 1 : 0;
            if (traces[row] is { } trace ? _traces.Contains(trace) : isAsked)
            {
                rows.Add(row);
            }
        }

        if (rows.Count > 0)
        {
            var batch = _reader.Read(record);
            var found = batch.Select(CollectionsMarshal.AsSpan(rows), batch.Weights is { } weights ? [.. rows.Select(row => weights[row])] : null, isSampled: false, []);
            var identity = new RowIdentity(found);
            var identities = new UInt128[found.Rows];
            for (var row = 0; row < identities.Length; row++)
            {
                identities[row] = identity.Of(row);
                CollectionsMarshal.GetValueRefOrAddDefault(_wanted, identities[row], out _)++;
            }

            _found.Add((found, identities));
            _bytes += found.MemoryBytes;
            _foundRows += found.Rows;
        }

        return HasRoom(_foundRows);
    }

    [SuppressMessage("Performance", "CA1859:Use concrete types when possible", Justification = "a view or a batch")]
    private IRowSegment? Open(ReadOnlyMemory<byte> record)
    {
        if (!EventBatchReader.IsEventBatch(record.Span))
        {
            return null;
        }

        return _reader.Layout(record) is { } layout ? _reader.View(layout) : _reader.Read(record);
    }

    /// <summary>Counts off what is held already; how many rows that were.</summary>
    private long LeaveOut(IEnumerable<BlockInfo> blocks, IEnumerable<EventBatch> batches, CancellationToken cancellation)
    {
        if (_found.Count == 0)
        {
            return 0;
        }

        var held = 0L;
        var times = _found.SelectMany(found => found.Rows.TimesNs).ToHashSet();
        long min = times.Min(), max = times.Max();
        foreach (var info in blocks)
        {
            cancellation.ThrowIfCancellationRequested();
            if (info.MinTimeNs <= max && info.MaxTimeNs >= min)
            {
                held += LeaveOut(snapshot.BlockReader.Open(info), times);
                snapshot.BlockReader.Release(info);
            }
        }

        foreach (var batch in batches)
        {
            held += LeaveOut(batch, times);
        }

        return held;
    }

    private long LeaveOut(IRowSegment segment, HashSet<long> times)
    {
        var held = 0L;
        RowIdentity? identity = null;
        for (var row = 0; row < segment.Rows; row++)
        {
            if (times.Contains(segment.TimesNs[row]))
            {
                ref var left = ref CollectionsMarshal.GetValueRefOrNullRef(_wanted, (identity ??= new(segment)).Of(row));
                if (!System.Runtime.CompilerServices.Unsafe.IsNullRef(ref left) && left > 0)
                {
                    left--;
                    held++;
                }
            }
        }

        return held;
    }

    /// <summary>The rows that are left, marked; of rows that are alike as many as are left.</summary>
    private (List<EventBatch> Rows, long Traces, IReadOnlyList<string> Ids) Rest()
    {
        var batches = new List<EventBatch>();
        var traces = new HashSet<TraceKey>();
        var ids = new List<string>();
        foreach (var (found, identities) in _found)
        {
            var rows = new List<int>();
            for (var row = 0; row < identities.Length; row++)
            {
                ref var left = ref CollectionsMarshal.GetValueRefOrNullRef(_wanted, identities[row]);
                if (left > 0)
                {
                    left--;
                    rows.Add(row);
                }
            }

            if (rows.Count == 0)
            {
                continue;
            }

            var marks = new long[rows.Count];
            Array.Fill(marks, 1);
            var weights = found.Weights is { } all ? rows.Select(row => all[row]).ToArray() : null;
            var batch = found.Select(CollectionsMarshal.AsSpan(rows), weights, isSampled: false, [new(PromotedField, ColumnVector.OfBools(rows.Count, null, marks))]);
            batches.Add(batch);
            AddTraces(batch, traces, ids);
        }

        return (batches, traces.Count, ids);
    }

    private static void AddTraces(EventBatch batch, HashSet<TraceKey> traces, List<string> ids)
    {
        var columns = new List<ColumnVector>();
        batch.GetColumns(ColumnBlockWriter.TraceIdField, columns);
        var keys = TracesOfRows.Of(batch);
        for (var row = 0; row < keys.Length; row++)
        {
            if (keys[row] is { } trace && traces.Add(trace) && ids.Count < TraceIdsShown)
            {
                var column = columns.First(column => column.Has(row));
                ids.Add(column.Value(column.Rank(row)).ToString());
            }
        }
    }
}
