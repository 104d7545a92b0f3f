using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>A fold's result: its directory and the blocks' bytes, in the directory's order.</summary>
public sealed record Fold(FoldDirectory Directory, IReadOnlyList<byte[]> Blocks);

/// <summary>
/// Folds batches into aggregate blocks, a column at a time: values become fold-wide codes, (dataset, slot, code) becomes a cell, each measure is added to its cell.
/// An event costs some array adds a dimension. Remembers which fields have too many values to be dimensions. Not thread-safe; one a partition.
/// </summary>
/// <remarks>
/// Why folds of many rows instead of buckets that are open all the time: docs/adr/0004-fold-batches-into-aggregates.md. A fold's content is a function of the
/// batches and of this object's remembered state, which is part of the cut.
/// </remarks>
public sealed class AggregateFolder
{
    private readonly HashSet<string> _sketchFields;
    private readonly Dictionary<string, long> _tooMany = [];
    private readonly HashSet<string> _coarse = [];
    private readonly IntegerMap _cellMap = new();
    private readonly IntegerMap _binMap = new();
    private int[] _dense = [];
    private int[] _cells = [];
    private readonly ByteWriter _writer = new(1 << 16);

    /// <summary>A folder that keeps quantile sketches for these dimensions besides the totals'.</summary>
    public AggregateFolder(IEnumerable<string> sketchDimensions) => _sketchFields = [.. sketchDimensions];

    /// <summary>Writes what is remembered between folds.</summary>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)_tooMany.Count);
        foreach (var (field, fold) in _tooMany)
        {
            w.Text(field);
            w.Varint((ulong)fold);
        }

        w.Varint((ulong)_coarse.Count);
        foreach (var field in _coarse)
        {
            w.Text(field);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote, in place of what is remembered.</summary>
    public void Read(ref ByteReader r)
    {
        _tooMany.Clear();
        _coarse.Clear();
        for (var left = r.Count(); left > 0; left--)
        {
            _tooMany[r.Text()] = (long)r.Varint();
        }

        for (var left = r.Count(); left > 0; left--)
        {
            _coarse.Add(r.Text());
        }
    }

    /// <summary>Folds the batches, of which there is at least one with rows.</summary>
    public Fold Fold(long id, IReadOnlyList<EventBatch> batches)
    {
        var input = new FoldInput(batches);
        var fields = input.FieldsByPresence();
        var entries = new List<BlockEntry>();
        var blocks = new List<byte[]>();
        var distinct = new List<string>();
        var dimensions = Dimensions(input, fields, id, distinct, out var smallDomains);

        // A number of few values (a status, a partition) is a dimension: its sums are kept in the totals alone, and nobody asks for its quantiles.
        var isSettled = input.Rows >= AggregationLimits.SettledRows;
        var measures = fields.Where(field => field.IsNumeric).Take(AggregationLimits.MeasuresMax).Select(field => field.Name).ToList();
        var wanted = measures.Where(field => !isSettled || !smallDomains.Contains(field)).ToHashSet();
        var measured = measures.ConvertAll(input.Numbers);
        AddBlock(input, "", null, Utf8Strings.From([""]), measures, measured, wanted.Contains, entries, blocks);
        var ofDimensions = measures.FindAll(wanted.Contains);
        ofDimensions.RemoveRange(Math.Min(ofDimensions.Count, AggregationLimits.DimensionMeasuresMax), Math.Max(0, ofDimensions.Count - AggregationLimits.DimensionMeasuresMax));
        var numbersOfDimensions = ofDimensions.ConvertAll(field => measured[measures.IndexOf(field)]);
        foreach (var (field, codes, values) in dimensions)
        {
            var hasSketches = _sketchFields.Contains(field);
            AddBlock(input, field, codes, values, ofDimensions, numbersOfDimensions, _ => hasSketches, entries, blocks);
        }

        foreach (var field in distinct)
        {
            blocks.Add(Distinct(input, field).Encode(_writer));
            entries.Add(new(field, true, AggregationLimits.CoarseSeconds, []));
        }

        var directory = new FoldDirectory
        {
            Id = id,
            Rows = input.Rows,
            MinTimeNs = input.MinTimeNs,
            MaxTimeNs = input.MaxTimeNs,
            IsWeighted = input.IsWeighted,
            Blocks = entries,
            Fields = fields.Select(field => field.Name).ToHashSet(),
        };
        return new(directory, blocks);
    }

    /// <summary>The fields that are dimensions of this fold, with each row's code; those that have too many values go to <paramref name="distinct"/>.</summary>
    private List<(string Field, int[] Codes, Utf8Strings Values)> Dimensions(
        FoldInput input, List<FoldField> fields, long id, List<string> distinct, out HashSet<string> smallDomains)
    {
        var dimensions = new List<(string, int[], Utf8Strings)>();
        smallDomains = [];
        foreach (var field in fields)
        {
            if (field.IsFloat)
            {
                continue;
            }

            var codes = Array.Empty<int>();
            var valuesMax = field.IsInteger ? AggregationLimits.SmallDomainMax : AggregationLimits.DimensionValuesMax;
            if (dimensions.Count < AggregationLimits.DimensionsMax && IsCandidate(field, id) && input.TryCode(field.Name, valuesMax, ref codes, out var values))
            {
                _tooMany.Remove(field.Name);
                dimensions.Add((field.Name, codes, values));
                if (field.IsInteger)
                {
                    smallDomains.Add(field.Name);
                }

                continue;
            }

            _tooMany.TryAdd(field.Name, id);
            if (distinct.Count < AggregationLimits.DistinctFieldsMax && !field.IsInteger)
            {
                distinct.Add(field.Name);
            }
        }

        return dimensions;
    }

    private bool IsCandidate(FoldField field, long id)
    {
        if (!_tooMany.TryGetValue(field.Name, out var since))
        {
            return true;
        }

        if (id - since < AggregationLimits.RetryFolds)
        {
            return false;
        }

        _tooMany.Remove(field.Name);
        return true;
    }

    private void AddBlock(
        FoldInput input, string field, int[]? codes, Utf8Strings values, List<string> measures, List<double[]> numbers, Func<string, bool> sketch,
        List<BlockEntry> entries, List<byte[]> blocks)
    {
        var seconds = _coarse.Contains(field) ? AggregationLimits.CoarseSeconds : AggregationLimits.FineSeconds;
        var cells = AssignCells(input, codes, values.Count, seconds);
        if (seconds == AggregationLimits.FineSeconds && (long)cells * AggregationLimits.DenseRowsPerCell > input.Rows)
        {
            _coarse.Add(field);
            seconds = AggregationLimits.CoarseSeconds;
            cells = AssignCells(input, codes, values.Count, seconds);
        }

        var block = new AggregateBlock(field, seconds, input.Datasets, values, cells);
        var slots = input.SlotsOf(seconds);
        for (var row = 0; row < input.Rows; row++)
        {
            var cell = _cells[row];
            if (block.Rows[cell]++ == 0)
            {
                block.DatasetCodes[cell] = input.DatasetOf[row];
                block.Slots[cell] = slots.SlotOf(row);
                block.ValueCodes[cell] = codes is null ? 0 : codes[row];
            }

            block.Weights[cell] += input.Weights is null ? 1 : input.Weights[row];
        }

        for (var m = 0; m < measures.Count; m++)
        {
            var measure = new MeasureCells(measures[m], cells);
            AddMeasure(input, measure, numbers[m]);
            if (sketch(measures[m]))
            {
                measure.Sketches = Sketches(input, numbers[m], cells);
            }

            block.Measures.Add(measure);
        }

        entries.Add(new(field, false, seconds, [.. block.Measures.Select(measure => (measure.Field, measure.Sketches is not null))]));
        blocks.Add(block.Encode(_writer));
    }

    /// <summary>Numbers the cells in order of appearance; the rows' cells are in <see cref="_cells"/>. Returns how many.</summary>
    private int AssignCells(FoldInput input, int[]? codes, int values, int seconds)
    {
        if (_cells.Length < input.Rows)
        {
            _cells = new int[input.Rows];
        }

        var slots = input.SlotsOf(seconds);
        var count = 0;
        var space = (long)slots.Count * values;
        if (space <= 1 << 18)
        {
            // Fast path: a table over all (dataset, slot, value).
            if (_dense.Length < space)
            {
                _dense = new int[space];
            }

            Array.Clear(_dense, 0, (int)space);
            for (var row = 0; row < input.Rows; row++)
            {
                ref var entry = ref _dense[(slots.IndexOf[row] * values) + (codes is null ? 0 : codes[row])];
                if (entry == 0)
                {
                    entry = ++count;
                }

                _cells[row] = entry - 1;
            }

            return count;
        }

        _cellMap.Clear();
        for (var row = 0; row < input.Rows; row++)
        {
            _cells[row] = _cellMap.Add(((long)slots.IndexOf[row] * values) + (codes is null ? 0 : codes[row]));
        }

        return _cellMap.Count;
    }

    private void AddMeasure(FoldInput input, MeasureCells measure, double[] numbers)
    {
        Array.Fill(measure.Mins, double.PositiveInfinity);
        Array.Fill(measure.Maxs, double.NegativeInfinity);
        for (var row = 0; row < input.Rows; row++)
        {
            var value = numbers[row];
            if (double.IsNaN(value))
            {
                continue;
            }

            var cell = _cells[row];
            var weight = input.Weights is null ? 1 : input.Weights[row];
            measure.Counts[cell]++;
            measure.Weights[cell] += weight;
            measure.Sums[cell] += value * weight;
            measure.Mins[cell] = Math.Min(measure.Mins[cell], value);
            measure.Maxs[cell] = Math.Max(measure.Maxs[cell], value);
        }
    }

    private SketchCells Sketches(FoldInput input, double[] numbers, int cells)
    {
        // (cell, bin) pairs are numbered and counted, then put in order: no sketch object a cell.
        _binMap.Clear();
        var weights = new List<double>();
        for (var row = 0; row < input.Rows; row++)
        {
            var value = numbers[row];
            if (double.IsNaN(value))
            {
                continue;
            }

            var code = SketchCodes.Of(value);
            var at = _binMap.Add(((long)_cells[row] << 32) | (uint)(code + SketchCodes.Offset));
            var weight = input.Weights is null ? 1 : input.Weights[row];
            if (at == weights.Count)
            {
                weights.Add(weight);
            }
            else
            {
                weights[at] += weight;
            }
        }

        var keys = new long[_binMap.Count];
        var order = new int[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = _binMap.Key(i);
            order[i] = i;
        }

        Array.Sort(keys, order);
        var starts = new int[cells + 1];
        var bins = new int[keys.Length];
        var sorted = new double[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            starts[(keys[i] >> 32) + 1]++;
            bins[i] = (int)(uint)keys[i] - SketchCodes.Offset;
            sorted[i] = weights[order[i]];
        }

        for (var cell = 0; cell < cells; cell++)
        {
            starts[cell + 1] += starts[cell];
        }

        return new(starts, bins, sorted);
    }

    private static DistinctBlock Distinct(FoldInput input, string field)
    {
        var slots = input.SlotsOf(AggregationLimits.CoarseSeconds);
        var sketches = new HyperLogLog?[slots.Count];
        Span<byte> scratch = stackalloc byte[64];
        foreach (var (batch, firstRow) in input.Batches)
        {
            foreach (var column in batch.Columns)
            {
                if (column.Name != field)
                {
                    continue;
                }

                var vector = column.Vector;
                for (int row = 0, k = 0; row < batch.Rows; row++)
                {
                    if (vector.Has(row))
                    {
                        (sketches[slots.IndexOf[firstRow + row]] ??= new(DistinctAccumulator.Precision)).AddHash(DistinctAccumulator.HashOf(vector, k++, scratch));
                    }
                }
            }
        }

        var block = new DistinctBlock(field, AggregationLimits.CoarseSeconds, input.Datasets);
        for (var i = 0; i < sketches.Length; i++)
        {
            if (sketches[i] is { } sketch)
            {
                block.Cells.Add((slots.Datasets[i], slots.Slots[i], sketch));
            }
        }

        return block;
    }
}

/// <summary>A sketch bin of either sign as one number in ascending order of value: zero is 0, negative values are below.</summary>
internal static class SketchCodes
{
    /// <summary>Added to make codes positive.</summary>
    public const int Offset = 1 << 24;

    private const int Middle = 1 << 20;

    public static int Of(double value) => LogBins.CountsAsZero(value) ? 0 : value > 0 ? Middle + LogBins.BinOf(value) : -Middle - LogBins.BinOf(-value);

    public static SketchBin BinOf(int code, double weight) => code switch
    {
        0 => new(0, 0, weight),
        > 0 => new(1, code - Middle, weight),
        _ => new(-1, -code - Middle, weight),
    };
}

/// <summary>A field of the folded rows.</summary>
internal sealed record FoldField(string Name, long Present, bool IsNumeric, bool IsInteger, bool IsFloat);

/// <summary>The rows of a fold laid end to end: datasets, times and weights as arrays over all rows, columns by name.</summary>
internal sealed class FoldInput
{
    private readonly Dictionary<int, FoldSlots> _slots = [];
    private readonly List<ColumnVector> _columns = [];

    public FoldInput(IReadOnlyList<EventBatch> batches)
    {
        var datasets = new StringDictionary();
        foreach (var batch in batches)
        {
            Batches.Add((batch, Rows));
            Rows += batch.Rows;
            IsWeighted |= batch.Weights is not null;
            MinTimeNs = Math.Min(MinTimeNs, batch.MinTimeNs);
            MaxTimeNs = Math.Max(MaxTimeNs, batch.MaxTimeNs);
        }

        DatasetOf = new int[Rows];
        Weights = IsWeighted ? new double[Rows] : null;
        foreach (var (batch, firstRow) in Batches)
        {
            var remap = new int[batch.Datasets.Count];
            for (var code = 0; code < remap.Length; code++)
            {
                remap[code] = datasets.Add(batch.Datasets[code]);
            }

            for (var row = 0; row < batch.Rows; row++)
            {
                DatasetOf[firstRow + row] = remap[batch.DatasetCodes[row]];
            }

            if (Weights is not null)
            {
                if (batch.Weights is { } weights)
                {
                    weights.CopyTo(Weights, firstRow);
                }
                else
                {
                    Weights.AsSpan(firstRow, batch.Rows).Fill(1);
                }
            }
        }

        Datasets = datasets.ToStrings();
    }

    public List<(EventBatch Batch, int FirstRow)> Batches { get; } = [];

    public int Rows { get; }

    public bool IsWeighted { get; }

    public long MinTimeNs { get; } = long.MaxValue;

    public long MaxTimeNs { get; } = long.MinValue;

    public int[] DatasetOf { get; }

    public double[]? Weights { get; }

    public Utf8Strings Datasets { get; }

    /// <summary>All fields, those present in most rows first, then by name.</summary>
    public List<FoldField> FieldsByPresence()
    {
        var fields = new Dictionary<string, FoldField>();
        foreach (var (batch, _) in Batches)
        {
            foreach (var (name, vector) in batch.Columns)
            {
                var known = fields.GetValueOrDefault(name) ?? new(name, 0, false, false, false);
                fields[name] = known with
                {
                    Present = known.Present + vector.Count,
                    IsNumeric = known.IsNumeric | vector.IsNumeric,
                    IsInteger = known.IsInteger | vector.Type == ColumnType.Integer,
                    IsFloat = known.IsFloat | vector.Type == ColumnType.Float,
                };
            }
        }

        var list = fields.Values.ToList();
        list.Sort((a, b) => a.Present != b.Present ? b.Present.CompareTo(a.Present) : string.CompareOrdinal(a.Name, b.Name));
        return list;
    }

    /// <summary>A numeric field's value of each row, NaN where there is none.</summary>
    public double[] Numbers(string field)
    {
        var numbers = new double[Rows];
        Array.Fill(numbers, double.NaN);
        foreach (var (batch, firstRow) in Batches)
        {
            foreach (var (name, vector) in batch.Columns)
            {
                if (name != field || !vector.IsNumeric)
                {
                    continue;
                }

                ForEachPresent(vector, (row, k) => numbers[firstRow + row] = vector.Type == ColumnType.Float ? vector.Floats[k] : vector.Integers[k]);
            }
        }

        return numbers;
    }

    /// <summary>A field's value of each row as a code into <paramref name="values"/> (group keys; absence is a value); false when there are too many.</summary>
    public bool TryCode(string field, int valuesMax, ref int[] codes, out Utf8Strings values)
    {
        if (codes.Length < Rows)
        {
            codes = new int[Rows];
        }

        var dictionary = new StringDictionary();
        ReadOnlySpan<byte> absent = [0];
        dictionary.Add(absent);
        Array.Clear(codes, 0, Rows);
        var key = new ByteWriter();
        foreach (var (batch, firstRow) in Batches)
        {
            _columns.Clear();
            foreach (var (name, vector) in batch.Columns)
            {
                if (name == field)
                {
                    _columns.Add(vector);
                }
            }

            foreach (var vector in _columns)
            {
                if (!TryCode(vector, codes.AsSpan(firstRow, batch.Rows), dictionary, key, valuesMax))
                {
                    values = Utf8Strings.Empty;
                    return false;
                }
            }
        }

        values = dictionary.ToStrings();
        return true;
    }

    public FoldSlots SlotsOf(int seconds)
    {
        if (!_slots.TryGetValue(seconds, out var slots))
        {
            _slots[seconds] = slots = new FoldSlots(this, seconds);
        }

        return slots;
    }

    private static bool TryCode(ColumnVector vector, Span<int> codes, StringDictionary dictionary, ByteWriter key, int valuesMax)
    {
        int[]? remap = null;
        if (vector.Type == ColumnType.Dictionary)
        {
            if (vector.Strings.Count > valuesMax)
            {
                return false;
            }

            remap = new int[vector.Strings.Count];
            for (var code = 0; code < remap.Length; code++)
            {
                key.Clear();
                GroupKey.WriteText(key, vector.Strings[code]);
                remap[code] = dictionary.Add(key.Written);
            }
        }

        long lastNumber = 0;
        var lastCode = -1;
        Span<byte> scratch = stackalloc byte[64];
        for (int row = 0, k = 0; row < vector.Rows; row++)
        {
            if (!vector.Has(row))
            {
                continue;
            }

            if (remap is not null)
            {
                codes[row] = remap[vector.Codes[k++]];
                continue;
            }

            if (vector.Type is ColumnType.Integer or ColumnType.Bool)
            {
                var number = vector.Integers[k++];
                if (lastCode < 0 || number != lastNumber)
                {
                    key.Clear();
                    if (vector.Type == ColumnType.Bool)
                    {
                        key.U8((byte)(number != 0 ? 5 : 4));
                    }
                    else
                    {
                        GroupKey.WriteInteger(key, number);
                    }

                    lastNumber = number;
                    lastCode = dictionary.Add(key.Written);
                }

                codes[row] = lastCode;
            }
            else
            {
                key.Clear();
                GroupKey.WriteText(key, vector.Utf8(k++, scratch));
                codes[row] = dictionary.Add(key.Written);
            }

            if (dictionary.Count > valuesMax)
            {
                return false;
            }
        }

        return dictionary.Count <= valuesMax + 1;
    }

    private static void ForEachPresent(ColumnVector vector, Action<int, int> visit)
    {
        for (int row = 0, k = 0; row < vector.Rows; row++)
        {
            if (vector.Has(row))
            {
                visit(row, k++);
            }
        }
    }
}

/// <summary>(dataset, time slot) pairs of a fold's rows at one resolution, numbered in order of appearance.</summary>
internal sealed class FoldSlots
{
    public FoldSlots(FoldInput input, int seconds)
    {
        IndexOf = new int[input.Rows];
        var map = new IntegerMap();
        var width = seconds * 1_000_000_000L;
        var firstSlot = LeafPlan.FloorDiv(input.MinTimeNs, width);
        foreach (var (batch, firstRow) in input.Batches)
        {
            for (var row = 0; row < batch.Rows; row++)
            {
                var slot = LeafPlan.FloorDiv(batch.TimesNs[row], width) - firstSlot;
                IndexOf[firstRow + row] = map.Add((slot << 20) | (uint)input.DatasetOf[firstRow + row]);
            }
        }

        Slots = new long[map.Count];
        Datasets = new int[map.Count];
        for (var i = 0; i < Slots.Length; i++)
        {
            Slots[i] = firstSlot + (map.Key(i) >> 20);
            Datasets[i] = (int)(map.Key(i) & 0xFFFFF);
        }
    }

    public int Count => Slots.Length;

    public int[] IndexOf { get; }

    public long[] Slots { get; }

    public int[] Datasets { get; }

    public long SlotOf(int row) => Slots[IndexOf[row]];
}
