using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// Finds the heavy values of one field of a fold by way of what its distinct count has hashed already. A value has at most as many rows as its register was hit: only rows
/// of heavy registers are looked at again, and what no light register exceeds bounds every value that is left out. Reusable; not thread-safe.
/// </summary>
internal sealed class HeavyHitterCounter
{
    /// <summary>Most (dataset, slot) pairs of a fold whose heavy values are counted: events spread thinner have few of any.</summary>
    private const int SlotsMax = 4_096;

    private const int None = -1;

    private readonly int[] _registers = new int[1 << DistinctAccumulator.Precision];
    private readonly StringDictionary _values = new();
    private readonly ByteWriter _key = new();
    private int[] _counts = [];

    /// <summary>
    /// The heavy values. <paramref name="entries"/> are the coarse entries of the rows' values, 0 for a row without the field. Null for weighted rows and for rows that are
    /// spread very thin.
    /// </summary>
    public HeavyHitterBlock? Find(FoldInput input, string field, FoldSlots slots, ReadOnlySpan<uint> entries)
    {
        if (input.IsWeighted || slots.Count > SlotsMax)
        {
            return null;
        }

        var present = new int[slots.Count];
        var least = Math.Max(AggregationLimits.HeavyRowsMin, CountRegisters(slots, entries, present) / AggregationLimits.HeavyShareMin);
        var leftOut = 0;
        var any = false;
        foreach (var count in _registers)
        {
            any |= count >= least;
            leftOut = count >= least ? leftOut : Math.Max(leftOut, count);
        }

        if (!any)
        {
            // Fast path: nobody is heavy.
            return new(MakeCells(input, field, slots, present, [], []), [], leftOut);
        }

        var rented = LentArrays.Rent<int>(input.Rows);
        var codes = rented.AsSpan(0, input.Rows);
        codes.Fill(None);
        CodeHeavyRows(input, field, least, entries, codes);
        var kept = KeepHeaviest(least, codes, ref leftOut);
        var rows = new int[slots.Count * kept.Length];
        for (var row = 0; row < codes.Length; row++)
        {
            if (codes[row] >= 0)
            {
                rows[(slots.IndexOf[row] * kept.Length) + codes[row]]++;
            }
        }

        LentArrays.Return(rented);
        return new(MakeCells(input, field, slots, present, kept, rows), [], leftOut);
    }

    /// <summary>Counts the rows with the field by register and by slot; returns how many there are.</summary>
    private int CountRegisters(FoldSlots slots, ReadOnlySpan<uint> entries, int[] present)
    {
        Array.Clear(_registers);
        var slotOf = slots.IndexOf;
        var count = 0;
        for (var row = 0; row < entries.Length; row++)
        {
            if (entries[row] != 0)
            {
                _registers[HyperLogLog.RegisterOf(entries[row])]++;
                present[slotOf[row]]++;
                count++;
            }
        }

        return count;
    }

    /// <summary>Numbers the values of rows in heavy registers and counts them.</summary>
    private void CodeHeavyRows(FoldInput input, string field, int least, ReadOnlySpan<uint> entries, Span<int> codes)
    {
        _values.Clear();
        Span<byte> scratch = stackalloc byte[64];
        foreach (var (batch, firstRow) in input.Batches)
        {
            foreach (var (name, vector) in batch.Columns)
            {
                if (name != field)
                {
                    continue;
                }

                var ofCodes = vector.Type == ColumnType.Dictionary ? new int[vector.Strings.Count] : [];
                Array.Fill(ofCodes, None);
                for (int row = 0, k = 0; row < batch.Rows; row++)
                {
                    if (!vector.Has(row))
                    {
                        continue;
                    }

                    if (_registers[HyperLogLog.RegisterOf(entries[firstRow + row])] >= least)
                    {
                        var code = ofCodes.Length == 0 ? CodeOf(vector, k, scratch) : CodeOf(vector, k, ofCodes);
                        _counts[code]++;
                        codes[firstRow + row] = code;
                    }

                    k++;
                }
            }
        }
    }

    /// <summary>The number of a value of a dictionary, remembered by its code there.</summary>
    private int CodeOf(ColumnVector vector, int k, int[] ofCodes)
    {
        ref var code = ref ofCodes[vector.Codes[k]];
        if (code == None)
        {
            _key.Clear();
            GroupKey.WriteText(_key, vector.Strings[vector.Codes[k]]);
            code = Number();
        }

        return code;
    }

    private int CodeOf(ColumnVector vector, int k, Span<byte> scratch)
    {
        _key.Clear();
        if (vector.Type == ColumnType.Bool)
        {
            _key.U8((byte)(vector.Integers[k] != 0 ? 5 : 4));
        }
        else
        {
            GroupKey.WriteText(_key, vector.Utf8(k, scratch));
        }

        return Number();
    }

    /// <summary>The number of the value whose key was written.</summary>
    private int Number()
    {
        var before = _values.Count;
        var code = _values.Add(_key.Written);
        if (code == before)
        {
            if (code >= _counts.Length)
            {
                Array.Resize(ref _counts, Math.Max(64, code * 2));
            }

            _counts[code] = 0;
        }

        return code;
    }

    /// <summary>The keys of the heaviest values; rows get their places among them, or none. The most that another value has counts for what is left out.</summary>
    private byte[][] KeepHeaviest(int least, Span<int> codes, ref int leftOut)
    {
        var order = new int[_values.Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => _counts[a] != _counts[b] ? _counts[b].CompareTo(_counts[a]) : a.CompareTo(b));
        var kept = 0;
        while (kept < order.Length && kept < AggregationLimits.HeavyValuesMax && _counts[order[kept]] >= least)
        {
            kept++;
        }

        leftOut = kept < order.Length ? Math.Max(leftOut, _counts[order[kept]]) : leftOut;
        var numbers = new int[order.Length];
        var keys = new byte[kept][];
        for (var i = 0; i < order.Length; i++)
        {
            numbers[order[i]] = i < kept ? i : None;
            if (i < kept)
            {
                keys[i] = _values[order[i]].ToArray();
            }
        }

        for (var row = 0; row < codes.Length; row++)
        {
            codes[row] = codes[row] >= 0 ? numbers[codes[row]] : None;
        }

        return keys;
    }

    /// <summary>The cells of each slot: rows without the field, rows of the rest, rows of each kept value.</summary>
    private static AggregateBlock MakeCells(FoldInput input, string field, FoldSlots slots, int[] present, byte[][] kept, int[] keptRows)
    {
        var values = new StringDictionary();
        values.Add([0]);
        values.Add(HeavyHitterBlock.RestKey);
        foreach (var key in kept)
        {
            values.Add(key);
        }

        var all = slots.RowsOf(input.Rows);
        var cells = new List<(int Slot, int Value, int Rows)>();
        for (var slot = 0; slot < all.Length; slot++)
        {
            var rest = present[slot];
            for (var i = 0; i < kept.Length; i++)
            {
                var rows = keptRows[(slot * kept.Length) + i];
                rest -= rows;
                if (rows > 0)
                {
                    cells.Add((slot, 2 + i, rows));
                }
            }

            if (rest > 0)
            {
                cells.Add((slot, 1, rest));
            }

            if (all[slot] > present[slot])
            {
                cells.Add((slot, 0, all[slot] - present[slot]));
            }
        }

        var block = new AggregateBlock(field, AggregationLimits.CoarseSeconds, input.Datasets, values.ToStrings(), cells.Count, isWeighted: false);
        for (var cell = 0; cell < block.Cells; cell++)
        {
            var (slot, value, rows) = cells[cell];
            block.DatasetCodes[cell] = slots.Datasets[slot];
            block.Slots[cell] = slots.Slots[slot];
            block.ValueCodes[cell] = value;
            block.Rows[cell] = rows;
        }

        return block;
    }
}
