using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>
/// Counts segments of rows into a result: the query's rows are found once, each is put on a side, then every column of the segment is gone through once. Holds scratch
/// memory: one instance a thread and question.
/// </summary>
public sealed partial class BubbleUpScan
{
    private const int DirectRangeMax = 4_096;
    private const byte Outside = 0;
    private const byte Selected = 1;
    private const byte Rest = 2;

    private readonly LeafPlan _plan;
    private readonly BubbleUpSelection _selection;
    private readonly BubbleUpResult _result;
    private readonly RowScan _rows;
    private readonly ConditionFilter? _where;
    private readonly List<ColumnVector> _columns = [];
    private readonly StringDictionary _texts = new();
    private readonly IntegerMap _numbers = new(BubbleUpLimits.NumbersMax + 1);
    private readonly double[] _numberWeights = new double[(BubbleUpLimits.NumbersMax + 1) * 2];
    private readonly List<(int Row, SampledRow Into)> _sampled = [];
    private readonly byte[] _scratch = new byte[512];
    private byte[] _sides = [];
    private byte[] _packedSides = [];
    private double[] _packedWeights = [];
    private ulong[] _selected = [];
    private int[] _counts = [];
    private double[] _sums = [];
    private double[]? _weights;

    /// <summary>A scan of the plan's rows, of which some are selected, into a result.</summary>
    public BubbleUpScan(LeafPlan plan, BubbleUpSelection selection, BubbleUpResult result)
    {
        _plan = plan;
        _selection = selection;
        _result = result;
        _rows = new(plan, new PartialResult(plan));
        _where = selection.Where is null ? null : new(selection.Where);
    }

    /// <summary>Adds a segment's rows that lie in [startNs, endNs), which must be within the plan's range.</summary>
    public void Add(IRowSegment segment, long startNs, long endNs)
    {
        if (segment.Rows == 0 || segment.MinTimeNs >= endNs || segment.MaxTimeNs < startNs)
        {
            return;
        }

        var rows = _rows.Matching(segment, startNs, endNs);
        _result.RowsRead += segment.Rows;
        if (rows.IsEmpty)
        {
            return;
        }

        _result.IsSampled |= segment.IsSampled;
        _weights = _plan.Spec.UsageMode ? null : segment.Weights;
        MarkSides(segment, rows);
        PickSample(segment, rows);
        foreach (var field in segment.FieldNames)
        {
            AddField(segment, field);
        }

        if (_plan.Dataset is null)
        {
            AddField(segment, EventBatch.DatasetField);
        }

        _result.Side(0).Sample.Trim();
        _result.Side(1).Sample.Trim();
    }

    private void MarkSides(IRowSegment segment, ReadOnlySpan<int> rows)
    {
        _sides = new byte[segment.Rows];
        _selected = new ulong[(segment.Rows + 63) >> 6];
        long start = _selection.StartNs ?? long.MinValue, end = _selection.EndNs ?? long.MaxValue;
        var times = segment.TimesNs;
        foreach (var row in rows)
        {
            _sides[row] = Rest;
            if (times[row] >= start && times[row] < end)
            {
                _selected[row >> 6] |= 1UL << (row & 63);
            }
        }

        _where?.Narrow(segment, _selected);
        for (var word = 0; word < _selected.Length; word++)
        {
            for (var bits = _selected[word]; bits != 0; bits &= bits - 1)
            {
                _sides[(word << 6) + BitOperations.TrailingZeroCount(bits)] = Selected;
            }
        }

        Span<long> counts = stackalloc long[3];
        Span<double> events = stackalloc double[3];
        Span<double> squares = stackalloc double[3];
        foreach (var row in rows)
        {
            var side = _sides[row];
            var weight = _weights is null ? 1 : _weights[row];
            counts[side]++;
            events[side] += weight;
            squares[side] += weight * weight;
        }

        _result.Side(0).Add(counts[Selected], events[Selected], squares[Selected]);
        _result.Side(1).Add(counts[Rest], events[Rest], squares[Rest]);
    }

    private void PickSample(IRowSegment segment, ReadOnlySpan<int> rows)
    {
        _sampled.Clear();
        var seed = Hash64.Of(segment.MinTimeNs) ^ BitOperations.RotateLeft(Hash64.Of(segment.MaxTimeNs), 17) ^ ((ulong)segment.Rows << 40);
        for (var side = Selected; side <= Rest; side++)
        {
            var sample = _result.Side(side - 1).Sample;
            var count = 0;
            foreach (var row in rows)
            {
                count += _sides[row] == side ? 1 : 0;
            }

            // A guess at the priority below which enough rows lie spares making all of them only to sort them out; a guess too low is made good.
            var guess = count <= 2 * BubbleUpLimits.SampledRowsMax ? ulong.MaxValue : (ulong)(ulong.MaxValue * (1.25 * BubbleUpLimits.SampledRowsMax / count));
            var before = _sampled.Count;
            Pick(sample, segment, rows, side, seed, Math.Min(guess, sample.Threshold));
            if (guess < sample.Threshold && _sampled.Count - before < BubbleUpLimits.SampledRowsMax)
            {
                _sampled.RemoveRange(before, _sampled.Count - before);
                Pick(sample, segment, rows, side, seed, sample.Threshold);
            }

            for (var i = before; i < _sampled.Count; i++)
            {
                sample.Add(_sampled[i].Into);
            }
        }
    }

    private void Pick(RowSample sample, IRowSegment segment, ReadOnlySpan<int> rows, byte side, ulong seed, ulong below)
    {
        var fields = Math.Min(_result.Fields.Count + 8, BubbleUpLimits.SampledFieldsMax);
        foreach (var row in rows)
        {
            if (_sides[row] == side && RowSample.PriorityOf(seed, row) is var priority && priority < below)
            {
                _sampled.Add((row, new(priority, segment.TimesNs[row], fields)));
            }
        }
    }

    private void AddField(IRowSegment segment, string name)
    {
        var number = _result.FieldNumber(name);
        if (number < 0)
        {
            return;
        }

        var field = _result.Fields[number];
        _columns.Clear();
        segment.GetColumns(name, _columns);
        foreach (var column in _columns)
        {
            Pack(column, field);
            switch (column.Type)
            {
                case ColumnType.Dictionary:
                    AddDictionary(field.UseTexts(_result.TextsMax), column);
                    break;
                case ColumnType.Text or ColumnType.Hex:
                    AddNearlyUnique(field.UseTexts(_result.TextsMax), column, segment.Rows);
                    break;
                case ColumnType.Bool:
                    Count(column.Integers.AsSpan(0, column.Count), 0, 2);
                    field.AddBool(false, Counted(0, Selected), Counted(0, Rest));
                    field.AddBool(true, Counted(1, Selected), Counted(1, Rest));
                    break;
                default:
                    AddNumbers(field, column);
                    break;
            }

            if (number < BubbleUpLimits.SampledFieldsMax)
            {
                foreach (var (row, into) in _sampled)
                {
                    if (column.Has(row))
                    {
                        into.Set(number, SampleCode.Of(column, column.Rank(row), _scratch));
                    }
                }
            }

            if (name == ColumnBlockWriter.TraceIdField)
            {
                AddTraces(column);
            }
        }
    }

    /// <summary>Each present value's side and weight, and how many there are of each.</summary>
    private void Pack(ColumnVector column, FieldCounts field)
    {
        if (column.Presence is null)
        {
            _packedSides = _sides;
            _packedWeights = _weights ?? [];
        }
        else
        {
            // Never the arrays of the whole segment.
            _packedSides = new byte[column.Count];
            _packedWeights = _weights is null ? [] : new double[column.Count];
            var k = 0;
            for (var word = 0; word < column.Presence.Length; word++)
            {
                for (var bits = column.Presence[word]; bits != 0; bits &= bits - 1, k++)
                {
                    var row = (word << 6) + BitOperations.TrailingZeroCount(bits);
                    _packedSides[k] = _sides[row];
                    if (_weights is not null)
                    {
                        _packedWeights[k] = _weights[row];
                    }
                }
            }
        }

        Span<long> rows = stackalloc long[3];
        Span<double> events = stackalloc double[3];
        for (var k = 0; k < column.Count; k++)
        {
            rows[_packedSides[k]]++;
            if (_weights is not null)
            {
                events[_packedSides[k]] += _packedWeights[k];
            }
        }

        field.Rows += rows[Selected] + rows[Rest];
        field.AddPresent(_weights is null ? rows[Selected] : events[Selected], _weights is null ? rows[Rest] : events[Rest]);
    }
}
