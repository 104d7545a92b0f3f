using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Aggregation;

/// <summary>A field of the folded rows.</summary>
internal sealed record FoldField(string Name, long Present, bool IsNumeric, bool IsInteger, bool IsFloat);

/// <summary>A dimension: each row's code into its values (group keys; absence is a value). No codes = one value for all rows.</summary>
internal sealed record FoldDimension(string Field, int[]? Codes, Utf8Strings Values);

/// <summary>The rows of a fold laid end to end: datasets, times and weights as arrays over all rows, columns by name. Its large arrays are rented: dispose it.</summary>
internal sealed class FoldInput : IDisposable
{
    private readonly Dictionary<int, FoldSlots> _slots = [];
    private readonly List<FoldMeasure> _measures = [];
    private readonly List<int[]> _codes = [];
    private readonly int[] _cells;

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

        _cells = LentArrays.Rent<int>(Rows);
        DatasetOf = LentArrays.Rent<int>(Rows);
        Weights = IsWeighted ? LentArrays.Rent<double>(Rows) : null;
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

    /// <summary>At least <see cref="Rows"/> long, as are all arrays here.</summary>
    public int[] DatasetOf { get; }

    public double[]? Weights { get; }

    public Utf8Strings Datasets { get; }

    /// <summary>Each row's cell of the block that is being made; overwritten for each.</summary>
    public Span<int> Cells => _cells.AsSpan(0, Rows);

    public void Dispose()
    {
        LentArrays.Return(_cells);
        LentArrays.Return(DatasetOf);
        LentArrays.Return(Weights ?? []);
        foreach (var codes in _codes)
        {
            LentArrays.Return(codes);
        }

        foreach (var slots in _slots.Values)
        {
            LentArrays.Return(slots.IndexOf);
        }

        foreach (var measure in _measures)
        {
            measure.Return();
        }
    }

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

    /// <summary>A numeric field as a measure.</summary>
    public FoldMeasure Measure(string field)
    {
        var numbers = LentArrays.Rent<double>(Rows);
        numbers.AsSpan(0, Rows).Fill(double.NaN);
        var present = 0;
        foreach (var (batch, firstRow) in Batches)
        {
            foreach (var (name, vector) in batch.Columns)
            {
                if (name != field || !vector.IsNumeric)
                {
                    continue;
                }

                var ofBatch = numbers.AsSpan(firstRow, batch.Rows);
                for (int row = 0, k = 0; row < ofBatch.Length; row++)
                {
                    if (vector.Has(row))
                    {
                        present += double.IsNaN(ofBatch[row]) ? 1 : 0;
                        ofBatch[row] = vector.Type == ColumnType.Float ? vector.Floats[k] : vector.Integers[k];
                        k++;
                    }
                }
            }
        }

        var measure = new FoldMeasure(field, numbers, Rows, present == Rows);
        _measures.Add(measure);
        return measure;
    }

    /// <summary>A field as a dimension; null when it has too many values.</summary>
    public FoldDimension? TryCode(string field, int valuesMax)
    {
        var codes = LentArrays.Rent<int>(Rows);
        _codes.Add(codes);
        codes.AsSpan(0, Rows).Clear();
        var dictionary = new StringDictionary();
        ReadOnlySpan<byte> absent = [0];
        dictionary.Add(absent);
        var key = new ByteWriter();
        foreach (var (batch, firstRow) in Batches)
        {
            foreach (var (name, vector) in batch.Columns)
            {
                if (name == field && !TryCode(vector, codes.AsSpan(firstRow, batch.Rows), dictionary, key, valuesMax))
                {
                    return null;
                }
            }
        }

        return new(field, codes, dictionary.ToStrings());
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
        if (vector.Type == ColumnType.Dictionary)
        {
            return TryCodeDictionary(vector, codes, dictionary, key, valuesMax);
        }

        long lastNumber = 0;
        var lastCode = -1;
        Span<byte> scratch = stackalloc byte[64];
        for (int row = 0, k = 0; row < codes.Length; row++)
        {
            if (!vector.Has(row))
            {
                continue;
            }

            if (vector.Type is not (ColumnType.Integer or ColumnType.Bool))
            {
                key.Clear();
                GroupKey.WriteText(key, vector.Utf8(k++, scratch));
                lastCode = dictionary.Add(key.Written);
            }
            else if (vector.Integers[k++] is var number && (lastCode < 0 || number != lastNumber))
            {
                lastNumber = number;
                key.Clear();
                if (vector.Type == ColumnType.Bool)
                {
                    key.U8((byte)(number != 0 ? 5 : 4));
                }
                else
                {
                    GroupKey.WriteInteger(key, number);
                }

                lastCode = dictionary.Add(key.Written);
            }

            codes[row] = lastCode;
            if (dictionary.Count > valuesMax)
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryCodeDictionary(ColumnVector vector, Span<int> codes, StringDictionary dictionary, ByteWriter key, int valuesMax)
    {
        if (vector.Strings.Count > valuesMax)
        {
            return false;
        }

        Span<int> remap = new int[vector.Strings.Count];
        for (var code = 0; code < remap.Length; code++)
        {
            key.Clear();
            GroupKey.WriteText(key, vector.Strings[code]);
            remap[code] = dictionary.Add(key.Written);
        }

        for (int row = 0, k = 0; row < codes.Length; row++)
        {
            if (vector.Has(row))
            {
                codes[row] = remap[vector.Codes[k++]];
            }
        }

        return dictionary.Count <= valuesMax + 1;
    }
}

/// <summary>(dataset, time slot) pairs of a fold's rows at one resolution, numbered in order of appearance.</summary>
internal sealed class FoldSlots
{
    private const int DatasetBits = 20;

    private int[]? _rowsOf;

    public FoldSlots(FoldInput input, int seconds)
    {
        IndexOf = LentArrays.Rent<int>(input.Rows);
        var map = new IntegerMap();
        var width = seconds * 1_000_000_000L;
        var firstSlot = LeafPlan.FloorDiv(input.MinTimeNs, width);
        foreach (var (batch, firstRow) in input.Batches)
        {
            for (var row = 0; row < batch.Rows; row++)
            {
                var slot = LeafPlan.FloorDiv(batch.TimesNs[row], width) - firstSlot;
                IndexOf[firstRow + row] = map.Add((slot << DatasetBits) | (uint)input.DatasetOf[firstRow + row]);
            }
        }

        Slots = new long[map.Count];
        Datasets = new int[map.Count];
        for (var i = 0; i < Slots.Length; i++)
        {
            Slots[i] = firstSlot + (map.Key(i) >> DatasetBits);
            Datasets[i] = (int)(map.Key(i) & ((1 << DatasetBits) - 1));
        }
    }

    public int Count => Slots.Length;

    /// <summary>Rows of each pair. Computed once.</summary>
    public int[] RowsOf(int rows)
    {
        if (_rowsOf is null)
        {
            _rowsOf = new int[Count];
            for (var row = 0; row < rows; row++)
            {
                _rowsOf[IndexOf[row]]++;
            }
        }

        return _rowsOf;
    }

    /// <summary>Each row's pair; rented by the input, which gives it back.</summary>
    public int[] IndexOf { get; }

    public long[] Slots { get; }

    public int[] Datasets { get; }
}
