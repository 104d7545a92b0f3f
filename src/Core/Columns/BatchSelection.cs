using System.Numerics;

namespace StreamObserve.Core.Columns;

/// <summary>Makes smaller batches of chosen rows.</summary>
public static class BatchSelection
{
    /// <summary>
    /// The given rows (ascending) as a batch of their own, which refers to nothing of the segment's. <paramref name="weights"/>, one a chosen row, replace the segment's;
    /// <paramref name="added"/> are further columns over the chosen rows. Of a view, only what is chosen is decoded.
    /// </summary>
    public static EventBatch Select(this IRowSegment segment, ReadOnlySpan<int> rows, double[]? weights, bool isSampled, IReadOnlyList<NamedColumn> added)
    {
        var datasets = SelectDictionary(segment.DatasetColumn, rows.Length, null, rows);
        var columns = new List<NamedColumn>();
        var found = new List<ColumnVector>();
        var entries = new int[rows.Length];
        foreach (var name in segment.FieldNames)
        {
            found.Clear();
            segment.GetColumns(name, found);
            foreach (var column in found)
            {
                if (Select(column, rows, entries) is { } selected)
                {
                    columns.Add(new(name, selected));
                }
            }
        }

        columns.AddRange(added);
        return new(Pick(segment.TimesNs, rows), weights, datasets.Codes, datasets.Strings, columns, isSampled);
    }

    /// <summary>A column's values of the chosen rows; null when none has one.</summary>
    private static ColumnVector? Select(ColumnVector column, ReadOnlySpan<int> rows, int[] entries)
    {
        var count = EntriesOf(column, rows, entries, out var presence);
        if (count == 0)
        {
            return null;
        }

        var chosen = entries.AsSpan(0, count);
        return column.Type switch
        {
            ColumnType.Dictionary => SelectDictionary(column, rows.Length, presence, chosen),
            ColumnType.Text => ColumnVector.OfText(rows.Length, presence, SelectStrings(column.Strings, chosen)),
            ColumnType.Hex => ColumnVector.OfHex(rows.Length, presence, SelectBytes(column, chosen), column.HexWidth),
            ColumnType.Integer => ColumnVector.OfIntegers(rows.Length, presence, Pick(column.PackedIntegers, chosen)),
            ColumnType.Float => ColumnVector.OfFloats(rows.Length, presence, PickFloats(column, chosen)),
            _ => ColumnVector.OfBools(rows.Length, presence, Pick(column.PackedIntegers, chosen)),
        };
    }

    /// <summary>Which entries of a column are those of the chosen rows, and which of these have one: null when each has. Says how many.</summary>
    private static int EntriesOf(ColumnVector column, ReadOnlySpan<int> rows, Span<int> entries, out ulong[]? presence)
    {
        presence = null;
        if (column.Presence is not { } words)
        {
            rows.CopyTo(entries);
            return rows.Length;
        }

        presence = new ulong[(rows.Length + 63) >> 6];
        int count = 0, word = 0, before = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            for (var row = rows[i]; word < row >> 6; word++)
            {
                before += BitOperations.PopCount(words[word]);
            }

            var bit = 1UL << (rows[i] & 63);
            if ((words[word] & bit) != 0)
            {
                presence[i >> 6] |= 1UL << (i & 63);
                entries[count++] = before + BitOperations.PopCount(words[word] & (bit - 1));
            }
        }

        return count;
    }

    private static ColumnVector SelectDictionary(ColumnVector column, int rows, ulong[]? presence, ReadOnlySpan<int> chosen)
    {
        // Only the values that are still used: a small choice from a large batch must not hold the large dictionary.
        var strings = column.Strings;
        var lentCodes = LentArrays.Rent<int>(strings.Count);
        var codeOf = lentCodes.AsSpan(0, strings.Count);
        codeOf.Fill(-1);
        var used = LentArrays.Rent<int>(Math.Min(strings.Count, chosen.Length));
        var codes = new int[chosen.Length];
        PackedScan.CopyCodes(column.PackedCodes, chosen, 0, 0, codes);
        var count = 0;
        foreach (ref var code in codes.AsSpan())
        {
            ref var selectedCode = ref codeOf[code];
            if (selectedCode < 0)
            {
                used[count] = code;
                selectedCode = count++;
            }

            code = selectedCode;
        }

        var selected = SelectStrings(strings, used.AsSpan(0, count));
        LentArrays.Return(lentCodes);
        LentArrays.Return(used);
        return ColumnVector.OfDictionary(rows, presence, codes, selected);
    }

    private static Utf8Strings SelectStrings(Utf8Strings strings, ReadOnlySpan<int> chosen)
    {
        var offsets = new int[chosen.Length + 1];
        for (var i = 0; i < chosen.Length; i++)
        {
            offsets[i + 1] = offsets[i] + strings[chosen[i]].Length;
        }

        var bytes = new byte[offsets[^1]];
        for (var i = 0; i < chosen.Length; i++)
        {
            strings[chosen[i]].CopyTo(bytes.AsSpan(offsets[i]));
        }

        return new(bytes, offsets);
    }

    private static byte[] SelectBytes(ColumnVector column, ReadOnlySpan<int> chosen)
    {
        var width = column.HexWidth;
        var bytes = new byte[chosen.Length * width];
        var all = column.AllHex;
        for (var i = 0; i < chosen.Length; i++)
        {
            all.Slice(chosen[i] * width, width).CopyTo(bytes.AsSpan(i * width));
        }

        return bytes;
    }

    private static double[] PickFloats(ColumnVector column, ReadOnlySpan<int> chosen)
    {
        if (column.FloatScale == 0)
        {
            return Pick(column.Floats, chosen);
        }

        var picked = new double[chosen.Length];
        PackedScan.CopyNumbers(column.PackedFloats, column.FloatScale, chosen, 0, picked);
        return picked;
    }

    private static long[] Pick(PackedSpan values, ReadOnlySpan<int> chosen)
    {
        var picked = new long[chosen.Length];
        values.CopyTo(chosen, picked);
        return picked;
    }

    private static T[] Pick<T>(T[] values, ReadOnlySpan<int> chosen)
    {
        var picked = new T[chosen.Length];
        for (var i = 0; i < picked.Length; i++)
        {
            picked[i] = values[chosen[i]];
        }

        return picked;
    }
}
