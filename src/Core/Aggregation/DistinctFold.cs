using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>The distinct count of one field of a fold: by (dataset, time slot) the registers that its rows hit, and their greatest ranks.</summary>
internal static class DistinctFold
{
    /// <summary>Writes the coarse entry of each row's value, 0 where the row lacks the field.</summary>
    public static void Entries(FoldInput input, string field, Span<uint> entries)
    {
        entries.Clear();
        Span<byte> scratch = stackalloc byte[64];
        foreach (var (batch, firstRow) in input.Batches)
        {
            foreach (var (name, vector) in batch.Columns)
            {
                if (name != field)
                {
                    continue;
                }

                var ofCodes = vector.Type == ColumnType.Dictionary ? new uint[vector.Strings.Count] : [];
                for (var code = 0; code < ofCodes.Length; code++)
                {
                    ofCodes[code] = HyperLogLog.CoarseEntryOf(Hash64.Of(vector.Strings[code]), DistinctAccumulator.Precision);
                }

                for (int row = 0, k = 0; row < batch.Rows; row++)
                {
                    if (vector.Has(row))
                    {
                        entries[firstRow + row] = ofCodes.Length > 0
                            ? ofCodes[vector.Codes[k]]
                            : HyperLogLog.CoarseEntryOf(DistinctAccumulator.HashOf(vector, k, scratch), DistinctAccumulator.Precision);
                        k++;
                    }
                }
            }
        }
    }

    /// <summary>The block of a field whose rows have these entries.</summary>
    public static DistinctBlock Of(string field, FoldInput input, FoldSlots slots, ReadOnlySpan<uint> entries)
    {
        var rented = LentArrays.Rent<ulong>(entries.Length);
        var count = 0;
        for (var row = 0; row < entries.Length; row++)
        {
            if (entries[row] != 0)
            {
                rented[count++] = ((ulong)slots.IndexOf[row] << DistinctBlock.EntryBits) | entries[row];
            }
        }

        var block = DistinctBlock.Of(field, AggregationLimits.CoarseSeconds, input.Datasets, slots.Datasets, slots.Slots, rented.AsSpan(0, count));
        LentArrays.Return(rented);
        return block;
    }
}
