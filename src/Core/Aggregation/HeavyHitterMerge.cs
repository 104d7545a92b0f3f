using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>Heavy values of several folds as those of one.</summary>
internal static class HeavyHitterMerge
{
    private static readonly byte[] AbsentKey = [0];

    /// <summary>The heavy values of a field over all folds; null when one of them that has the field keeps neither these nor a dimension.</summary>
    public static HeavyHitterBlock? TryMerge(string field, IReadOnlyList<FoldDirectory> folds, IAggregateSource source)
    {
        var parts = new List<HeavyHitterBlock>(folds.Count);
        foreach (var fold in folds)
        {
            if (HeavyHitterScan.BlockOf(fold, field, source) is not { } part)
            {
                return null;
            }

            parts.Add(part);
        }

        var merged = new CellMerge(field, [.. parts.Select(part => part.Cells)]).Block;
        var missed = new double[merged.Values.Count];
        foreach (var part in parts)
        {
            AddMissed(part, merged.Values, missed);
        }

        return Cut(merged, missed, parts.Sum(part => part.LeftOutMax));
    }

    private static void AddMissed(HeavyHitterBlock part, Utf8Strings values, double[] missed)
    {
        var codes = new StringDictionary();
        for (var code = 0; code < part.Cells.Values.Count; code++)
        {
            codes.Add(part.Cells.Values[code]);
        }

        for (var value = 0; value < missed.Length; value++)
        {
            var code = codes.Find(values[value]);
            missed[value] += IsBounded(values[value]) ? code < 0 ? part.LeftOutMax : code < part.Missed.Length ? part.Missed[code] : 0 : 0;
        }
    }

    private static bool IsBounded(ReadOnlySpan<byte> value) => !value.SequenceEqual(AbsentKey) && !value.SequenceEqual(HeavyHitterBlock.RestKey);

    /// <summary>Leaves the values of the highest upper bounds, at most as many as a merged fold keeps, and gives the others' cells to the rest.</summary>
    private static HeavyHitterBlock Cut(AggregateBlock block, double[] missed, double leftOutMax)
    {
        var upper = (double[])missed.Clone();
        for (var cell = 0; cell < block.Cells; cell++)
        {
            upper[block.ValueCodes[cell]] += block.Weight(cell);
        }

        var order = new List<int>();
        for (var value = 0; value < upper.Length; value++)
        {
            if (IsBounded(block.Values[value]))
            {
                order.Add(value);
            }
        }

        order.Sort((a, b) => upper[a] != upper[b] ? upper[b].CompareTo(upper[a]) : a.CompareTo(b));
        var isKept = new bool[upper.Length];
        for (var i = 0; i < order.Count; i++)
        {
            isKept[order[i]] = i < AggregationLimits.HeavyValuesMergedMax;
            leftOutMax = isKept[order[i]] ? leftOutMax : Math.Max(leftOutMax, upper[order[i]]);
        }

        var values = new StringDictionary();
        var numbers = new int[upper.Length];
        var keptMissed = new List<double>();
        for (var value = 0; value < numbers.Length; value++)
        {
            numbers[value] = values.Add(isKept[value] || !IsBounded(block.Values[value]) ? block.Values[value] : HeavyHitterBlock.RestKey);
            if (numbers[value] == keptMissed.Count)
            {
                keptMissed.Add(isKept[value] ? missed[value] : 0);
            }
        }

        return new(WithValues(block, values.ToStrings(), numbers), [.. keptMissed], leftOutMax);
    }

    private static AggregateBlock WithValues(AggregateBlock block, Utf8Strings values, int[] numbers)
    {
        var cells = new Dictionary<(int Dataset, int Value, long Slot), int>();
        var cellOf = new int[block.Cells];
        for (var cell = 0; cell < cellOf.Length; cell++)
        {
            var key = (block.DatasetCodes[cell], numbers[block.ValueCodes[cell]], block.Slots[cell]);
            cellOf[cell] = cells.TryGetValue(key, out var known) ? known : cells[key] = cells.Count;
        }

        var cut = new AggregateBlock(block.Field, block.SlotSeconds, block.Datasets, values, cells.Count, block.Weights is not null);
        foreach (var ((dataset, value, slot), cell) in cells)
        {
            (cut.DatasetCodes[cell], cut.ValueCodes[cell], cut.Slots[cell]) = (dataset, value, slot);
        }

        for (var cell = 0; cell < cellOf.Length; cell++)
        {
            cut.Rows[cellOf[cell]] += block.Rows[cell];
            if (cut.Weights is not null)
            {
                cut.Weights[cellOf[cell]] += block.Weight(cell);
            }
        }

        return cut;
    }
}
