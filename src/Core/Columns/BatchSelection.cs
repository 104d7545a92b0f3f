
namespace StreamObserve.Core.Columns;

/// <summary>Makes smaller batches of chosen rows.</summary>
public static class BatchSelection
{
    /// <summary>
    /// The given rows (ascending) as a batch of their own. <paramref name="weights"/>, one a chosen row, replace the batch's; <paramref name="added"/> are further
    /// columns over the chosen rows.
    /// </summary>
    public static EventBatch Select(this EventBatch batch, ReadOnlySpan<int> rows, double[]? weights, bool isSampled, IReadOnlyList<NamedColumn> added)
    {
        var times = new long[rows.Length];
        var datasets = new int[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            times[i] = batch.TimesNs[rows[i]];
            datasets[i] = batch.DatasetCodes[rows[i]];
        }

        var columns = new List<NamedColumn>(batch.Columns.Count + added.Count);
        foreach (var (name, vector) in batch.Columns)
        {
            if (Select(vector, rows) is { Count: > 0 } selected)
            {
                columns.Add(new(name, selected));
            }
        }

        columns.AddRange(added);
        return new(times, weights, datasets, batch.Datasets, columns, isSampled);
    }

    private static ColumnVector Select(ColumnVector vector, ReadOnlySpan<int> rows)
    {
        var presence = new ulong[(rows.Length + 63) >> 6];
        var at = new int[rows.Length];
        var count = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            if (vector.Has(rows[i]))
            {
                presence[i >> 6] |= 1UL << (i & 63);
                at[count++] = vector.Rank(rows[i]);
            }
        }

        var chosen = at.AsSpan(0, count);
        return vector.Type switch
        {
            ColumnType.Dictionary => SelectDictionary(vector, rows.Length, presence, chosen),
            ColumnType.Text => ColumnVector.OfText(rows.Length, presence, SelectStrings(vector.Strings, chosen)),
            ColumnType.Hex => ColumnVector.OfHex(rows.Length, presence, SelectBytes(vector, chosen), vector.HexWidth),
            ColumnType.Integer => ColumnVector.OfIntegers(rows.Length, presence, Pick(vector.Integers, chosen)),
            ColumnType.Float => ColumnVector.OfFloats(rows.Length, presence, Pick(vector.Floats, chosen)),
            _ => ColumnVector.OfBools(rows.Length, presence, Pick(vector.Integers, chosen)),
        };
    }

    private static ColumnVector SelectDictionary(ColumnVector vector, int rows, ulong[] presence, ReadOnlySpan<int> chosen)
    {
        // Only the values that are still used: a small choice from a large batch must not hold the large dictionary.
        var dictionary = new StringDictionary();
        var codes = new int[chosen.Length];
        for (var i = 0; i < codes.Length; i++)
        {
            codes[i] = dictionary.Add(vector.Strings[vector.Codes[chosen[i]]]);
        }

        return ColumnVector.OfDictionary(rows, presence, codes, dictionary.ToStrings());
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

    private static byte[] SelectBytes(ColumnVector vector, ReadOnlySpan<int> chosen)
    {
        var width = vector.HexWidth;
        var bytes = new byte[chosen.Length * width];
        for (var i = 0; i < chosen.Length; i++)
        {
            vector.HexBytes.AsSpan(chosen[i] * width, width).CopyTo(bytes.AsSpan(i * width));
        }

        return bytes;
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
