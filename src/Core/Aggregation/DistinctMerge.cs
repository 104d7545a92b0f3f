using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>The distinct counts of one field over several folds as one block. Folds follow each other in time, so that most cells have one part, or two, and are copied or joined in order.</summary>
internal static class DistinctMerge
{
    /// <summary>Merges the field's blocks; where it is a dimension its values stand for their distinct count. Folds without it count for nothing.</summary>
    public static DistinctBlock Merge(string field, IReadOnlyList<FoldDirectory> folds, IAggregateSource source)
    {
        var parts = new List<DistinctBlock>(folds.Count);
        foreach (var fold in folds)
        {
            if (fold.Find(field, true) is var distinct and >= 0)
            {
                parts.Add(source.Distinct(fold, distinct));
            }
            else if (fold.Find(field, false) is var dimension and >= 0)
            {
                parts.Add(OfDimension(source.Aggregates(fold, dimension)));
            }
        }

        return Merge(field, parts);
    }

    /// <summary>Merges blocks; cells in the order in which the parts first have them.</summary>
    public static DistinctBlock Merge(string field, IReadOnlyList<DistinctBlock> parts)
    {
        var datasets = new StringDictionary();
        var cells = new CellNumbers();
        var sources = new List<List<(DistinctBlock Part, int Cell)>>();
        foreach (var part in parts)
        {
            for (var cell = 0; cell < part.Cells; cell++)
            {
                var to = cells.Add(datasets.Add(part.Datasets[part.DatasetCodes[cell]]), part.Slots[cell], part.SlotSeconds);
                if (to == sources.Count)
                {
                    sources.Add([]);
                }

                sources[to].Add((part, cell));
            }
        }

        var starts = new int[sources.Count + 1];
        var entries = new uint[parts.Sum(part => part.Entries().Length)];
        var buffer = LentArrays.Rent<uint>(1 << DistinctAccumulator.Precision);
        for (var cell = 0; cell < sources.Count; cell++)
        {
            var kept = 0;
            var to = entries.AsSpan(starts[cell]);
            foreach (var (part, number) in sources[cell])
            {
                to[..kept].CopyTo(buffer);
                kept = Join(buffer.AsSpan(0, kept), part.Entries(number), to);
            }

            starts[cell + 1] = starts[cell] + kept;
        }

        LentArrays.Return(buffer);
        var (codes, slots) = cells.ToArrays();
        return new(field, AggregationLimits.CoarseSeconds, datasets.ToStrings(), codes, slots, starts, entries.AsSpan(0, starts[^1]).ToArray());
    }

    /// <summary>Two ascending runs of entries as one, of equal registers the greater rank; returns how many entries it has.</summary>
    private static int Join(ReadOnlySpan<uint> left, ReadOnlySpan<uint> right, Span<uint> to)
    {
        if (left.IsEmpty)
        {
            right.CopyTo(to);
            return right.Length;
        }

        int l = 0, r = 0, kept = 0;
        while (l < left.Length && r < right.Length)
        {
            uint leftRegister = HyperLogLog.RegisterOf(left[l]), rightRegister = HyperLogLog.RegisterOf(right[r]);
            to[kept++] = leftRegister == rightRegister ? Math.Max(left[l], right[r]) : Math.Min(left[l], right[r]);
            l += leftRegister <= rightRegister ? 1 : 0;
            r += rightRegister <= leftRegister ? 1 : 0;
        }

        left[l..].CopyTo(to[kept..]);
        kept += left.Length - l;
        right[r..].CopyTo(to[kept..]);
        return kept + right.Length - r;
    }

    private static DistinctBlock OfDimension(AggregateBlock block)
    {
        var cells = new CellNumbers();
        var keys = new List<ulong>(block.Cells);
        for (var cell = 0; cell < block.Cells; cell++)
        {
            var value = GroupKey.Read(block.Values[block.ValueCodes[cell]], 1)[0];
            if (value.Kind != FieldKind.Absent)
            {
                var number = cells.Add(block.DatasetCodes[cell], block.Slots[cell], block.SlotSeconds);
                keys.Add(((ulong)number << DistinctBlock.EntryBits) | HyperLogLog.CoarseEntryOf(Hash64.Of(value), DistinctAccumulator.Precision));
            }
        }

        var (codes, slots) = cells.ToArrays();
        return DistinctBlock.Of(block.Field, AggregationLimits.CoarseSeconds, block.Datasets, codes, slots, keys.ToArray());
    }

    /// <summary>Numbers (dataset, coarse slot) pairs from 0. As keys they are one number: slots since 1970 fit in 40 bits for all times that nanoseconds can say.</summary>
    private sealed class CellNumbers
    {
        private const int SlotBits = 40;
        private readonly IntegerMap _cells = new();

        public int Count => _cells.Count;

        public int Add(int dataset, long slot, int slotSeconds)
        {
            var coarse = LeafPlan.FloorDiv(slot * slotSeconds, AggregationLimits.CoarseSeconds);
            return _cells.Add(((long)dataset << SlotBits) | (coarse & ((1L << SlotBits) - 1)));
        }

        public (int[] Datasets, long[] Slots) ToArrays()
        {
            var (datasets, slots) = (new int[Count], new long[Count]);
            for (var i = 0; i < datasets.Length; i++)
            {
                var key = _cells.Key(i);
                (datasets[i], slots[i]) = ((int)(key >> SlotBits), key << (64 - SlotBits) >> (64 - SlotBits));
            }

            return (datasets, slots);
        }
    }
}
