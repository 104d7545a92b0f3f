using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Querying.Variance;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>
/// Scans segments of rows into a partial result: time, dataset and condition narrow a bitmap a column at a time, breakdowns become codes, codes cells, and each
/// accumulator takes its column once. Holds scratch memory: one instance a thread and query.
/// </summary>
public sealed class RowScan
{
    private readonly LeafPlan _plan;
    private readonly PartialResult _result;
    private readonly ConditionFilter? _where;
    private readonly ConditionFilter?[] _filters;
    private readonly List<ColumnVector> _columns = [];
    private readonly ByteWriter _key = new();
    private ulong[] _selection = [];
    private int[] _rows = [];
    private int[] _cells = [];
    private long[] _combined = [];

    /// <summary>A scan of the plan into a result.</summary>
    public RowScan(LeafPlan plan, PartialResult result)
    {
        _plan = plan;
        _result = result;
        _where = plan.Spec.Where is null ? null : new(plan.Spec.Where);
        _filters = [.. plan.Accumulators.Select(spec => spec.Filter is null ? null : new ConditionFilter(spec.Filter))];
    }

    /// <summary>Adds a segment's rows that lie in [startNs, endNs), which must be within the plan's range.</summary>
    public void Add(IRowSegment segment, long startNs, long endNs)
    {
        if (segment.Rows == 0 || segment.MinTimeNs >= endNs || segment.MaxTimeNs < startNs)
        {
            return;
        }

        if (!Select(segment, startNs, endNs))
        {
            return;
        }

        var count = ListRows(_selection, segment.Rows, ref _rows);
        _result.RowsRead += segment.Rows;
        if (count == 0)
        {
            return;
        }

        _result.Purge();
        _result.IsSampled |= segment.IsSampled;
        AssignCells(segment, _rows.AsSpan(0, count));
        var weights = _plan.Spec.UsageMode ? null : segment.Weights;
        var variance = weights is not null && segment.IsSampled && _result.Collector.Begin(segment, _rows.AsSpan(0, count), weights) ? _result.Collector : null;
        for (var i = 0; i < _filters.Length; i++)
        {
            if (_filters[i] is { } filter)
            {
                UpdateFiltered(segment, filter, i, weights, variance);
            }
            else
            {
                Update(i, new SelectedRows(segment, _rows.AsSpan(0, count), _cells.AsSpan(0, count), weights), variance);
            }
        }
    }

    /// <summary>The rows of a segment that a tail or a trace look-up wants: those within the range, dataset and condition, ascending. Valid until the next call.</summary>
    public ReadOnlySpan<int> Matching(IRowSegment segment, long startNs, long endNs)
    {
        if (segment.Rows == 0 || !Select(segment, startNs, endNs))
        {
            return [];
        }

        var count = ListRows(_selection, segment.Rows, ref _rows);
        return _rows.AsSpan(0, count);
    }

    private bool Select(IRowSegment segment, long startNs, long endNs)
    {
        var words = (segment.Rows + 63) >> 6;
        if (_selection.Length != words)
        {
            _selection = new ulong[words];
        }

        SelectTime(segment, startNs, endNs);
        if (_plan.DatasetUtf8 is { } dataset && !SelectDataset(segment, dataset))
        {
            return false;
        }

        _where?.Narrow(segment, _selection);
        return true;
    }

    private void SelectTime(IRowSegment segment, long startNs, long endNs)
    {
        var rows = segment.Rows;
        if (segment.MinTimeNs >= startNs && segment.MaxTimeNs < endNs)
        {
            // Fast path: the whole segment is inside.
            _selection.AsSpan().Fill(ulong.MaxValue);
            if ((rows & 63) != 0)
            {
                _selection[^1] = (1UL << (rows & 63)) - 1;
            }

            return;
        }

        Array.Clear(_selection);
        var times = segment.TimesNs;
        for (var row = 0; row < rows; row++)
        {
            if (times[row] >= startNs && times[row] < endNs)
            {
                _selection[row >> 6] |= 1UL << (row & 63);
            }
        }
    }

    private bool SelectDataset(IRowSegment segment, ReadOnlySpan<byte> dataset)
    {
        var wanted = -1;
        for (var code = 0; code < segment.Datasets.Count; code++)
        {
            if (segment.Datasets[code].SequenceEqual(dataset))
            {
                wanted = code;
            }
        }

        if (wanted < 0)
        {
            return false;
        }

        if (segment.Datasets.Count == 1)
        {
            return true;
        }

        var codes = segment.DatasetCodes;
        for (var word = 0; word < _selection.Length; word++)
        {
            ulong hits = 0;
            for (var bits = _selection[word]; bits != 0; bits &= bits - 1)
            {
                var bit = BitOperations.TrailingZeroCount(bits);
                hits |= codes[(word << 6) + bit] == wanted ? 1UL << bit : 0;
            }

            _selection[word] = hits;
        }

        return true;
    }

    private static int ListRows(ReadOnlySpan<ulong> selection, int rows, ref int[] list)
    {
        if (list.Length < rows)
        {
            list = new int[rows];
        }

        var count = 0;
        for (var word = 0; word < selection.Length; word++)
        {
            for (var bits = selection[word]; bits != 0; bits &= bits - 1)
            {
                list[count++] = (word << 6) + BitOperations.TrailingZeroCount(bits);
            }
        }

        return count;
    }

    private void UpdateFiltered(IRowSegment segment, ConditionFilter filter, int accumulator, double[]? weights, VarianceCollector? variance)
    {
        var narrowed = _selection.ToArray();
        filter.Narrow(segment, narrowed);
        int[] rows = [], cells = new int[_cells.Length];
        var count = ListRows(narrowed, segment.Rows, ref rows);
        var from = 0;
        for (var i = 0; i < count; i++)
        {
            while (_rows[from] != rows[i])
            {
                from++;
            }

            cells[i] = _cells[from];
        }

        Update(accumulator, new SelectedRows(segment, rows.AsSpan(0, count), cells.AsSpan(0, count), weights), variance);
    }

    private void Update(int accumulator, in SelectedRows rows, VarianceCollector? variance)
    {
        _result.Accumulators[accumulator].Update(rows);
        variance?.Update(accumulator, rows);
    }

    /// <summary>Finds the cell (group and bucket) of each selected row.</summary>
    private void AssignCells(IRowSegment segment, ReadOnlySpan<int> rows)
    {
        if (_cells.Length < rows.Length)
        {
            _cells = new int[Math.Max(rows.Length, _cells.Length * 2)];
            _combined = new long[_cells.Length];
        }

        var breakdowns = _plan.Spec.Breakdowns;
        if (breakdowns.Count == 0)
        {
            AssignBuckets(segment, rows, _result.Group(default(ReadOnlySpan<byte>)));
            return;
        }

        // Each breakdown's values become codes; the codes of a row together, one number; each distinct number, one group.
        var codings = new BreakdownCodes[breakdowns.Count];
        var groupOf = new IntegerMap();
        Array.Clear(_combined, 0, rows.Length);
        for (var i = 0; i < codings.Length; i++)
        {
            _columns.Clear();
            segment.GetColumns(breakdowns[i], _columns);
            codings[i] = BreakdownCodes.Of(_columns, rows);
            var codes = codings[i].Codes;
            if (i == 0)
            {
                for (var k = 0; k < rows.Length; k++)
                {
                    _combined[k] = codes[k];
                }

                continue;
            }

            // Pairs are numbered anew at each step, so that the product of the sizes never overflows.
            var pairs = new IntegerMap();
            for (var k = 0; k < rows.Length; k++)
            {
                _combined[k] = pairs.Add((_combined[k] << 32) | (uint)codes[k]);
            }

            codings[i].Pairs = pairs;
        }

        var groups = new List<int>();
        for (var k = 0; k < rows.Length; k++)
        {
            var local = groupOf.Add(_combined[k]);
            if (local == groups.Count)
            {
                groups.Add(ResolveGroup(codings, _combined[k]));
            }

            _combined[k] = groups[local];
        }

        var times = segment.TimesNs;
        for (var k = 0; k < rows.Length; k++)
        {
            _cells[k] = _result.Cell((int)_combined[k], _plan.BucketOf(times[rows[k]]));
        }
    }

    private void AssignBuckets(IRowSegment segment, ReadOnlySpan<int> rows, int group)
    {
        var times = segment.TimesNs;
        int lastBucket = -1, lastCell = -1;
        for (var k = 0; k < rows.Length; k++)
        {
            var bucket = _plan.BucketOf(times[rows[k]]);
            if (bucket != lastBucket)
            {
                lastBucket = bucket;
                lastCell = _result.Cell(group, bucket);
            }

            _cells[k] = lastCell;
        }
    }

    private int ResolveGroup(BreakdownCodes[] codings, long combined)
    {
        Span<int> codes = codings.Length <= 16 ? stackalloc int[codings.Length] : new int[codings.Length];
        for (var i = codings.Length - 1; i > 0; i--)
        {
            var pair = codings[i].Pairs!.Key((int)combined);
            codes[i] = (int)pair;
            combined = pair >> 32;
        }

        codes[0] = (int)combined;
        _key.Clear();
        for (var i = 0; i < codings.Length; i++)
        {
            codings[i].WriteKey(_key, codes[i]);
        }

        return _result.Group(_key.Written);
    }
}
