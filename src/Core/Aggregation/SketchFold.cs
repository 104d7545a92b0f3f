using System.Numerics;
using System.Runtime.Intrinsics;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>Quantile sketches of a measure in the cells of a fold: equal (cell, bin) pairs of its rows added up, no sketch object a cell.</summary>
internal static class SketchFold
{
    /// <summary>Entries of the table of all (cell, bin) pairs, in rows of the fold: past it, walking the empty ones costs more than to order the rows.</summary>
    private const int TableEntriesPerRow = 16;

    /// <summary>The sketches of a measure; <see cref="FoldInput.Cells"/> says the cell of each row.</summary>
    public static SketchCells Of(FoldInput input, FoldMeasure measure, int cells)
    {
        var (codes, least, codeBits) = measure.BinCodes();
        var space = (long)cells << codeBits;
        return input.Weights is null && input.Rows <= ushort.MaxValue && space <= (long)input.Rows * TableEntriesPerRow && codeBits <= 16
            ? Counted(input.Cells, codes, least, codeBits, (int)space)
            : Ordered(input, codes, least, codeBits, cells);
    }

    /// <summary>Fast path: a table over all (cell, bin), in which rows are counted.</summary>
    private static SketchCells Counted(ReadOnlySpan<int> cellOf, int[] codes, int least, int codeBits, int space)
    {
        var rented = LentArrays.Rent<ushort>(space);
        var table = rented.AsSpan(0, space);
        table.Clear();
        for (var row = 0; row < cellOf.Length; row++)
        {
            if (codes[row] != FoldMeasure.NoCode)
            {
                table[(cellOf[row] << codeBits) + (codes[row] - least)]++;
            }
        }

        var offsets = LentArrays.Rent<ushort>(cellOf.Length);
        var counts = LentArrays.Rent<ushort>(cellOf.Length);
        var starts = new int[(space >> codeBits) + 1];
        int bins = 0, greatest = 0;
        for (var cell = 0; cell + 1 < starts.Length; cell++)
        {
            var count = Compacted(table.Slice(cell << codeBits, 1 << codeBits), offsets.AsSpan(bins), counts.AsSpan(bins));
            greatest = count > 0 ? Math.Max(greatest, offsets[bins + count - 1]) : greatest;
            starts[cell + 1] = bins += count;
        }

        var sketches = new SketchCells(starts, least, least + greatest, offsets.AsSpan(0, bins).ToArray(), counts.AsSpan(0, bins).ToArray());
        LentArrays.Return(rented);
        LentArrays.Return(offsets);
        LentArrays.Return(counts);
        return sketches;
    }

    /// <summary>Indexes and values of the entries that are not 0; returns how many.</summary>
    private static int Compacted(ReadOnlySpan<ushort> entries, Span<ushort> indexes, Span<ushort> values)
    {
        var count = 0;
        var i = 0;
        for (; i + Vector256<ushort>.Count <= entries.Length; i += Vector256<ushort>.Count)
        {
            var filled = ~Vector256.Equals(Vector256.Create(entries.Slice(i, Vector256<ushort>.Count)), Vector256<ushort>.Zero).ExtractMostSignificantBits() & 0xFFFF;
            for (; filled != 0; filled &= filled - 1)
            {
                var index = i + BitOperations.TrailingZeroCount(filled);
                (indexes[count], values[count]) = ((ushort)index, entries[index]);
                count++;
            }
        }

        for (; i < entries.Length; i++)
        {
            if (entries[i] != 0)
            {
                (indexes[count], values[count]) = ((ushort)i, entries[i]);
                count++;
            }
        }

        return count;
    }

    /// <summary>The general way: rows in the order of (cell, bin).</summary>
    private static SketchCells Ordered(FoldInput input, int[] codes, int least, int codeBits, int cells)
    {
        var rowBits = input.Weights is null ? 0 : 32 - BitOperations.LeadingZeroCount((uint)input.Rows);
        var rented = LentArrays.Rent<ulong>(input.Rows);
        var count = 0;
        var cellOf = input.Cells;
        for (var row = 0; row < cellOf.Length; row++)
        {
            if (codes[row] != FoldMeasure.NoCode)
            {
                var key = ((ulong)cellOf[row] << codeBits) | (uint)(codes[row] - least);
                rented[count++] = rowBits == 0 ? key : (key << rowBits) | (uint)row;
            }
        }

        var keys = rented.AsSpan(0, count);
        RadixSort.Sort(keys, rowBits, ulong.MaxValue >> BitOperations.LeadingZeroCount((ulong)cells << (codeBits + rowBits)));
        var pairs = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            pairs += i == 0 || keys[i] >> rowBits != keys[i - 1] >> rowBits ? 1 : 0;
        }

        var starts = new int[cells + 1];
        var bins = new int[pairs];
        var sums = new double[pairs];
        var pair = -1;
        for (var i = 0; i < keys.Length; i++)
        {
            var key = keys[i] >> rowBits;
            if (i == 0 || key != keys[i - 1] >> rowBits)
            {
                pair++;
                starts[(int)(key >> codeBits) + 1]++;
                bins[pair] = (int)(key & ((1UL << codeBits) - 1)) + least;
            }

            sums[pair] += input.Weights is null ? 1 : input.Weights[(int)(keys[i] & ((1UL << rowBits) - 1))];
        }

        LentArrays.Return(rented);
        for (var cell = 0; cell < cells; cell++)
        {
            starts[cell + 1] += starts[cell];
        }

        return SketchCells.Of(starts, bins, sums);
    }
}
