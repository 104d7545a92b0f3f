using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Querying.Relations;
using StreamObserve.Core.Querying.Variance;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>What became of a segment in a scan.</summary>
public enum SegmentOutcome : byte
{
    /// <summary>Its rows were looked at.</summary>
    Read,

    /// <summary>No row: it lies outside of the range.</summary>
    SkippedByTime,

    /// <summary>No row: it has none of the dataset.</summary>
    SkippedByDataset,

    /// <summary>No row: a comparison that must hold asks for a field that it doesn't have, or for numbers outside of its own.</summary>
    SkippedByMinMax,

    /// <summary>No row: its Bloom filter has not seen the value that is asked for.</summary>
    SkippedByBloom,
}

/// <summary>
/// Scans segments of rows into a partial result: time, dataset and condition narrow a bitmap a column at a time, breakdowns become codes, codes cells, and each
/// accumulator takes its column once. A segment that its statistics exclude is not read; one that is wanted whole makes no bitmap. Holds scratch memory: one instance
/// a thread and query, to be disposed when the last segment was added.
/// </summary>
public sealed class RowScan : IDisposable
{
    private readonly LeafPlan _plan;
    private readonly PartialResult _result;
    private readonly RelationIndex? _relations;
    private readonly ConditionFilter? _where;
    private readonly ConditionFilter?[] _filters;
    private readonly CellAssigner _assigner;
    private ulong[] _selection = [];
    private ulong[] _narrowed = [];
    private int[] _rows = [];
    private int[] _filteredRows = [];
    private int[] _filteredCells = [];

    /// <summary>A scan of the plan into a result; with the index of a first pass where the plan asks for related spans.</summary>
    public RowScan(LeafPlan plan, PartialResult result, RelationIndex? relations = null)
    {
        if (plan.Relations is not null && relations is null)
        {
            throw new ArgumentException("the plan asks for related spans, and there is no index of them", nameof(relations));
        }

        _relations = relations;
        _plan = plan;
        _result = result;
        _assigner = new(plan, result);
        _where = plan.Where is null ? null : new(plan.Where);
        _filters = new ConditionFilter?[plan.Accumulators.Count];
        for (var i = 0; i < _filters.Length; i++)
        {
            _filters[i] = plan.Accumulators[i].Filter is { } filter ? new(filter) : null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        LentArray.Return(ref _selection);
        LentArray.Return(ref _narrowed);
        LentArray.Return(ref _rows);
        LentArray.Return(ref _filteredRows);
        LentArray.Return(ref _filteredCells);
        _assigner.Dispose();
    }

    /// <summary>Adds a segment's rows that lie in [startNs, endNs), which must be within the plan's range.</summary>
    public SegmentOutcome Add(IRowSegment segment, long startNs, long endNs)
    {
        var stored = segment;
        segment = _plan.Present(stored, _relations);
        var inProgress = _plan.Reach is { } reach && startNs == _plan.Time.StartNs ? AddInProgress(stored, segment, reach) : SegmentOutcome.SkippedByTime;
        var outcome = Select(segment, startNs, endNs, out var all);
        if (outcome != SegmentOutcome.Read && inProgress == SegmentOutcome.Read)
        {
            return inProgress;
        }

        if (outcome != SegmentOutcome.Read)
        {
            return outcome;
        }

        _result.RowsRead += segment.Rows;
        var rows = all ? RowNumbers.UpTo(segment.Rows) : ListRows(Selection(segment), segment.Rows, ref _rows);
        if (rows.IsEmpty)
        {
            return outcome;
        }

        _result.Purge();
        _result.IsSampled |= segment.IsSampled;
        var weights = _plan.Spec.UsageMode ? null : segment.Weights;
        if (_filters is [null] && weights is null && _assigner.TryCount(segment, rows, all, startNs, endNs))
        {
            // Fast path: nothing but how many rows there are is asked for.
            _result.HoldMemory();
            return outcome;
        }

        var cells = _assigner.Assign(segment, rows, all, startNs, endNs);
        var selected = new SelectedRows(segment, rows, cells, weights, all);
        var variance = weights is not null && segment.IsSampled && _result.Collector.Begin(segment, rows, weights) ? _result.Collector : null;
        for (var i = 0; i < _filters.Length; i++)
        {
            if (_filters[i] is { } filter)
            {
                UpdateFiltered(selected, filter, i, variance);
            }
            else
            {
                Update(i, selected, variance);
            }
        }

        _result.HoldMemory();
        return outcome;
    }

    /// <summary>The rows of a segment that a tail or a trace look-up wants: those within the range, dataset and condition, ascending. Valid until the next call.</summary>
    public ReadOnlySpan<int> Matching(IRowSegment segment, long startNs, long endNs)
    {
        if (Select(segment, startNs, endNs, out var all) != SegmentOutcome.Read)
        {
            return [];
        }

        return all ? RowNumbers.UpTo(segment.Rows) : ListRows(Selection(segment), segment.Rows, ref _rows);
    }

    /// <summary>Adds the spans that began before the range and last into it: to CONCURRENCY, and to nothing else.</summary>
    private SegmentOutcome AddInProgress(IRowSegment stored, IRowSegment segment, LeafPlan reach)
    {
        var (from, to) = (reach.Time.StartNs, reach.Time.EndNs);
        if (segment.Rows == 0 || segment.MinTimeNs >= to || segment.MaxTimeNs < from)
        {
            return SegmentOutcome.SkippedByTime;
        }

        var shortestMs = segment.MaxTimeNs >= to ? 0 : (to - segment.MaxTimeNs) / 1e6;
        if (segment.Excludes(new(LeafPlan.DurationField, FilterOp.Greater, [FieldValue.Of(shortestMs)])))
        {
            return SegmentOutcome.SkippedByMinMax;
        }

        var before = PartialResult.InProgress(_result);
        using var scan = new RowScan(reach, before, _relations);
        var outcome = scan.Add(stored, from, to);
        _result.RowsRead += before.RowsRead;
        _result.IsSampled |= before.IsSampled;
        return outcome;
    }

    private Span<ulong> Selection(IRowSegment segment) => _selection.AsSpan(0, (segment.Rows + 63) >> 6);

    /// <summary>Leaves in the selection which rows are wanted; nothing when <paramref name="all"/> are.</summary>
    private SegmentOutcome Select(IRowSegment segment, long startNs, long endNs, out bool all)
    {
        all = false;
        if (segment.Rows == 0 || segment.MinTimeNs >= endNs || segment.MaxTimeNs < startNs)
        {
            return SegmentOutcome.SkippedByTime;
        }

        var dataset = -1;
        if (_plan.DatasetUtf8 is { } wanted && (dataset = Find(segment.Datasets, wanted)) < 0)
        {
            return SegmentOutcome.SkippedByDataset;
        }

        if (_where is not null && _where.ExclusionOf(segment) is var exclusion && exclusion != SegmentExclusion.None)
        {
            return exclusion == SegmentExclusion.Bloom ? SegmentOutcome.SkippedByBloom : SegmentOutcome.SkippedByMinMax;
        }

        var isInside = segment.MinTimeNs >= startNs && segment.MaxTimeNs < endNs;
        var isOfDataset = dataset < 0 || segment.Datasets.Count == 1;
        all = isInside && isOfDataset && _where is null;
        if (all)
        {
            // Fast path: the whole segment.
            return SegmentOutcome.Read;
        }

        var words = (segment.Rows + 63) >> 6;
        var selection = LentArray.Room(ref _selection, words);
        if (isInside)
        {
            selection.Fill(ulong.MaxValue);
            selection[^1] = (segment.Rows & 63) == 0 ? ulong.MaxValue : (1UL << (segment.Rows & 63)) - 1;
        }
        else
        {
            segment.Times.Mark(startNs, endNs, selection);
        }

        if (!isOfDataset)
        {
            SelectDataset(segment, dataset, selection);
        }

        _where?.Narrow(segment, selection);
        return SegmentOutcome.Read;
    }

    private static int Find(Utf8Strings datasets, ReadOnlySpan<byte> wanted)
    {
        for (var code = 0; code < datasets.Count; code++)
        {
            if (datasets[code].SequenceEqual(wanted))
            {
                return code;
            }
        }

        return -1;
    }

    private void SelectDataset(IRowSegment segment, int dataset, Span<ulong> selection)
    {
        var hits = LentArray.Room(ref _narrowed, selection.Length);
        PackedScan.MarkBetween(segment.DatasetColumn.PackedCodes, dataset, dataset, hits);
        for (var word = 0; word < selection.Length; word++)
        {
            selection[word] &= hits[word];
        }
    }

    private static ReadOnlySpan<int> ListRows(ReadOnlySpan<ulong> selection, int rows, ref int[] list)
    {
        LentArray.Room(ref list, rows);
        var count = 0;
        for (var word = 0; word < selection.Length; word++)
        {
            for (var bits = selection[word]; bits != 0; bits &= bits - 1)
            {
                list[count++] = (word << 6) + BitOperations.TrailingZeroCount(bits);
            }
        }

        return list.AsSpan(0, count);
    }

    /// <summary>Hands an accumulator with a condition of its own the rows at which it holds.</summary>
    private void UpdateFiltered(in SelectedRows selected, ConditionFilter filter, int accumulator, VarianceCollector? variance)
    {
        var segment = selected.Segment;
        var words = (segment.Rows + 63) >> 6;
        var narrowed = LentArray.Room(ref _narrowed, words);
        if (selected.IsAll)
        {
            narrowed.Fill(ulong.MaxValue);
            narrowed[^1] = (segment.Rows & 63) == 0 ? ulong.MaxValue : (1UL << (segment.Rows & 63)) - 1;
        }
        else
        {
            Selection(segment).CopyTo(narrowed);
        }

        filter.Narrow(segment, narrowed);
        var rows = ListRows(narrowed, segment.Rows, ref _filteredRows);
        if (rows.IsEmpty)
        {
            return;
        }

        LentArray.Room(ref _filteredCells, rows.Length);
        var from = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            if (selected.IsAll)
            {
                from = rows[i];
            }
            else
            {
                while (selected.Rows[from] != rows[i])
                {
                    from++;
                }
            }

            _filteredCells[i] = selected.Cells[from];
        }

        Update(accumulator, new SelectedRows(segment, rows, _filteredCells.AsSpan(0, rows.Length), selected.Weights, rows.Length == segment.Rows), variance);
    }

    private void Update(int accumulator, in SelectedRows rows, VarianceCollector? variance)
    {
        _result.Accumulators[accumulator].Update(rows);
        variance?.Update(accumulator, rows);
    }
}

/// <summary>The numbers 0, 1, 2… as a list of rows, for segments that are wanted whole. Thread-safe.</summary>
internal static class RowNumbers
{
    private static volatile int[] _numbers = [];

    public static ReadOnlySpan<int> UpTo(int count)
    {
        var numbers = _numbers;
        if (numbers.Length < count)
        {
            // Two threads may both make it: the same content, so either may win.
            numbers = new int[Math.Max(count, 1 << 17)];
            for (var i = 0; i < numbers.Length; i++)
            {
                numbers[i] = i;
            }

            _numbers = numbers;
        }

        return numbers.AsSpan(0, count);
    }
}
