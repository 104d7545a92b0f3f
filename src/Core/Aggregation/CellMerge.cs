using System.Numerics;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// Blocks of one dimension as one block: their cells in the order (dataset, value, slot), equal ones joined. A part without the dimension (the totals of a fold that
/// lacks the field) counts as the absent value.
/// </summary>
internal sealed class CellMerge
{
    private static readonly byte[] AbsentKey = [0];

    private readonly IReadOnlyList<AggregateBlock> _parts;
    private readonly int[][] _cellOf;       // by part and cell: the merged cell
    private readonly bool _isWeighted;

    public CellMerge(string field, IReadOnlyList<AggregateBlock> parts)
    {
        _parts = parts;
        _isWeighted = parts.Any(part => part.Weights is not null);
        _cellOf = [.. parts.Select(part => new int[part.Cells])];
        var seconds = parts.Max(part => part.SlotSeconds);
        var datasets = new StringDictionary();
        var values = new StringDictionary();
        var keys = Keys(field, seconds, datasets, values);
        Block = MakeCells(field, seconds, datasets, values, keys);
    }

    /// <summary>The merged block; measures as far as they were added.</summary>
    public AggregateBlock Block { get; }

    /// <summary>Merges a measure that every part whose fold has the field holds.</summary>
    public void AddMeasure(string field, bool withSketches)
    {
        var parts = _parts.Select(part => part.Measure(field)).ToArray();
        var decimals = parts.Any(part => part?.Decimals == MeasureCells.Float) ? MeasureCells.Float : parts.Max(part => part?.Decimals ?? 0);
        var merged = new MeasureCells(field, decimals, new int[Block.Cells], _isWeighted ? new double[Block.Cells] : null);
        for (var p = 0; p < parts.Length; p++)
        {
            if (parts[p] is { } part)
            {
                Add(part, _cellOf[p], merged);
            }
        }

        if (withSketches)
        {
            merged.Sketches = SketchMerge.Merge([.. parts.Select(part => part?.Sketches)], _cellOf, Block.Cells);
        }

        Block.Measures.Add(merged);
    }

    private static void Add(MeasureCells part, int[] cellOf, MeasureCells merged)
    {
        var factor = merged.Scale / part.Scale;
        for (var cell = 0; cell < cellOf.Length; cell++)
        {
            if (part.Counts[cell] == 0)
            {
                continue;
            }

            var to = cellOf[cell];
            merged.Counts[to] += part.Counts[cell];
            merged.Sums[to] += Rescaled(part.Sums[cell]);
            merged.Mins[to] = Math.Min(merged.Mins[to], Rescaled(part.Mins[cell]));
            merged.Maxs[to] = Math.Max(merged.Maxs[to], Rescaled(part.Maxs[cell]));
            if (merged.Weights is not null)
            {
                merged.Weights[to] += part.Weight(cell);
            }
        }

        // Up to more decimals a whole number stays whole; down to floats it becomes what it stands for.
        double Rescaled(double number) => merged.Decimals == MeasureCells.Float ? number / part.Scale : number * factor;
    }

    /// <summary>The parts' cells, one part after the other, in the merged numbering of datasets and values.</summary>
    private CellKey[] Keys(string field, int seconds, StringDictionary datasets, StringDictionary values)
    {
        var keys = new CellKey[_parts.Sum(part => part.Cells)];
        var at = 0;
        for (var p = 0; p < _parts.Count; p++)
        {
            var part = _parts[p];
            var isTotals = part.Field != field;
            var datasetOf = Remap(part.Datasets, datasets);
            var valueOf = isTotals ? [values.Add(AbsentKey)] : Remap(part.Values, values);
            for (var cell = 0; cell < part.Cells; cell++)
            {
                var slot = part.SlotSeconds == seconds ? part.Slots[cell] : Querying.Execution.LeafPlan.FloorDiv(part.Slots[cell] * part.SlotSeconds, seconds);
                keys[at] = new(datasetOf[part.DatasetCodes[cell]], valueOf[part.ValueCodes[cell]], slot, at);
                at++;
            }
        }

        return keys;
    }

    private AggregateBlock MakeCells(string field, int seconds, StringDictionary datasets, StringDictionary values, CellKey[] keys)
    {
        Sort(keys, datasets.Count, values.Count);
        var cells = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            cells += i == 0 || !keys[i].IsSameCell(keys[i - 1]) ? 1 : 0;
        }

        var block = new AggregateBlock(field, seconds, datasets.ToStrings(), values.ToStrings(), cells, _isWeighted);
        var starts = new int[_parts.Count + 1];
        for (var p = 0; p < _parts.Count; p++)
        {
            starts[p + 1] = starts[p] + _parts[p].Cells;
        }

        var merged = -1;
        for (var i = 0; i < keys.Length; i++)
        {
            ref readonly var key = ref keys[i];
            if (i == 0 || !key.IsSameCell(keys[i - 1]))
            {
                merged++;
                block.DatasetCodes[merged] = key.Dataset;
                block.ValueCodes[merged] = key.Value;
                block.Slots[merged] = key.Slot;
            }

            var part = _parts.Count - 1;
            while (starts[part] > key.Number)
            {
                part--;
            }

            var cell = key.Number - starts[part];
            _cellOf[part][cell] = merged;
            block.Rows[merged] += _parts[part].Rows[cell];
            if (block.Weights is not null)
            {
                block.Weights[merged] += _parts[part].Weight(cell);
            }
        }

        return block;
    }

    private static void Sort(CellKey[] keys, int datasets, int values)
    {
        if (keys.Length == 0)
        {
            return;
        }

        long first = long.MaxValue, last = long.MinValue;
        foreach (ref readonly var key in keys.AsSpan())
        {
            (first, last) = (Math.Min(first, key.Slot), Math.Max(last, key.Slot));
        }

        int slotBits = Bits((ulong)(last - first)), valueBits = Bits((ulong)values), numberBits = Bits((ulong)keys.Length), datasetBits = Bits((ulong)datasets);
        if (slotBits + valueBits + numberBits + datasetBits > 63)
        {
            // Slow path: a few datasets of a few values over millions of slots.
            Array.Sort(keys);
            return;
        }

        var packed = new ulong[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            var place = ((((ulong)keys[i].Dataset << valueBits) | (uint)keys[i].Value) << slotBits) | (ulong)(keys[i].Slot - first);
            packed[i] = (place << numberBits) | (uint)i;
        }

        RadixSort.Sort(packed, numberBits, (1UL << (slotBits + valueBits + numberBits + datasetBits)) - 1);
        var ordered = new CellKey[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            ordered[i] = keys[(int)(packed[i] & ((1UL << numberBits) - 1))];
        }

        ordered.CopyTo(keys, 0);
    }

    private static int Bits(ulong greatest) => 64 - BitOperations.LeadingZeroCount(greatest);

    private static int[] Remap(Utf8Strings from, StringDictionary to)
    {
        var codes = new int[from.Count];
        for (var i = 0; i < codes.Length; i++)
        {
            codes[i] = to.Add(from[i]);
        }

        return codes;
    }

    /// <summary>A cell's place; <paramref name="Number"/> counts the parts' cells from the first part's first.</summary>
    private readonly record struct CellKey(int Dataset, int Value, long Slot, int Number) : IComparable<CellKey>
    {
        public bool IsSameCell(in CellKey other) => Dataset == other.Dataset && Value == other.Value && Slot == other.Slot;

        public int CompareTo(CellKey other) => (Dataset, Value, Slot, Number).CompareTo((other.Dataset, other.Value, other.Slot, other.Number));
    }
}
