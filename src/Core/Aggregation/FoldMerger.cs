using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// Makes one fold of several: cells of the same (dataset, time slot, value) become one, blocks are ordered and compressed. The merged fold answers every question that
/// all of its parts answer, with the same numbers. Holds working memory: one a thread; dispose it.
/// </summary>
public sealed class FoldMerger : IDisposable
{
    private readonly ByteWriter _writer = new(1 << 16);
    private readonly ChunkPacker _packer = new(AggregationLimits.MergedCompressionLevel);

    /// <summary>Merges folds, of which there is at least one; <paramref name="source"/> reads their blocks. Throws <see cref="OperationCanceledException"/> between two fields when cancelled.</summary>
    public Fold Merge(long id, IReadOnlyList<FoldDirectory> folds, IAggregateSource source, CancellationToken cancellation = default)
    {
        var entries = new List<BlockEntry>();
        var blocks = new List<byte[]>();
        foreach (var field in FieldsOf(folds))
        {
            cancellation.ThrowIfCancellationRequested();
            if (folds.All(fold => !fold.HasField(field) || fold.Find(field, false) >= 0))
            {
                // Where a fold has no such field, its totals are the cells of the absent value.
                var parts = folds.Select(fold => source.Aggregates(fold, Math.Max(0, fold.Find(field, false)))).ToList();
                var merge = new CellMerge(field, parts);
                foreach (var (measure, hasSketch) in MeasuresOf(folds, field))
                {
                    merge.AddMeasure(measure, hasSketch);
                }

                entries.Add(new(field, false, merge.Block.SlotSeconds, [.. merge.Block.Measures.Select(measure => (measure.Field, measure.Sketches is not null))]));
                blocks.Add(AggregateBlockFormat.Encode(merge.Block, _writer, _packer));
            }
            else if (folds.All(fold => !fold.HasField(field) || fold.Find(field, true) >= 0 || fold.Find(field, false) >= 0))
            {
                entries.Add(new(field, true, AggregationLimits.CoarseSeconds, []));
                blocks.Add(MergeDistinct(field, folds, source).Encode(_writer, _packer));
                if (HeavyHitterMerge.TryMerge(field, folds, source) is { } heavy)
                {
                    entries.Add(new(field, false, heavy.Cells.SlotSeconds, []) { IsHeavyHitters = true });
                    blocks.Add(heavy.Encode(_writer, _packer));
                }
            }
        }

        var directory = new FoldDirectory
        {
            Id = id,
            Rows = folds.Sum(fold => fold.Rows),
            MinTimeNs = folds.Min(fold => fold.MinTimeNs),
            MaxTimeNs = folds.Max(fold => fold.MaxTimeNs),
            IsWeighted = folds.Any(fold => fold.IsWeighted),
            IsMerged = true,
            Blocks = entries,
            Fields = folds.SelectMany(fold => fold.Fields).ToHashSet(),
        };
        return new(directory, blocks);
    }

    /// <inheritdoc/>
    public void Dispose() => _packer.Dispose();

    /// <summary>The totals first, then every field of any block, in the order of the folds.</summary>
    private static List<string> FieldsOf(IReadOnlyList<FoldDirectory> folds) => [.. folds.SelectMany(fold => fold.Blocks).Select(entry => entry.Field).Prepend("").Distinct()];

    /// <summary>The measures that every fold which has both fields keeps for the dimension, with sketches where all have them.</summary>
    private static IEnumerable<(string Field, bool HasSketch)> MeasuresOf(IReadOnlyList<FoldDirectory> folds, string dimension)
    {
        var entries = folds.Select(fold => (Fold: fold, Entry: fold.Blocks[Math.Max(0, fold.Find(dimension, false))])).ToList();
        return entries.SelectMany(part => part.Entry.Measures).Select(measure => measure.Field).Distinct()
            .Where(field => entries.TrueForAll(part => !part.Fold.HasField(field) || part.Entry.Has(field, false)))
            .Select(field => (field, entries.TrueForAll(part => !part.Fold.HasField(field) || part.Entry.Has(field, true))));
    }

    private static DistinctBlock MergeDistinct(string field, IReadOnlyList<FoldDirectory> folds, IAggregateSource source)
    {
        var datasets = new StringDictionary();
        var cells = new IntegerMap();
        var keys = new List<ulong>();
        foreach (var fold in folds)
        {
            if (fold.Find(field, true) is var distinct and >= 0)
            {
                var block = source.Distinct(fold, distinct);
                for (var cell = 0; cell < block.Cells; cell++)
                {
                    var to = Cell(block.Datasets[block.DatasetCodes[cell]], block.Slots[cell], block.SlotSeconds);
                    foreach (var entry in block.Entries(cell))
                    {
                        keys.Add(to | entry);
                    }
                }
            }
            else if (fold.Find(field, false) is var dimension and >= 0)
            {
                var block = source.Aggregates(fold, dimension);
                for (var cell = 0; cell < block.Cells; cell++)
                {
                    var value = GroupKey.Read(block.Values[block.ValueCodes[cell]], 1)[0];
                    if (value.Kind != FieldKind.Absent)
                    {
                        keys.Add(Cell(block.Datasets[block.DatasetCodes[cell]], block.Slots[cell], block.SlotSeconds)
                            | HyperLogLog.CoarseEntryOf(Hash64.Of(value), DistinctAccumulator.Precision));
                    }
                }
            }
        }

        var ordered = keys.ToArray();
        RadixSort.Sort(ordered, 0, ((ulong)cells.Count << DistinctBlock.EntryBits) - 1);
        var codes = new int[cells.Count];
        var slots = new long[cells.Count];
        for (var i = 0; i < codes.Length; i++)
        {
            (codes[i], slots[i]) = CellKeys.Of(cells.Key(i));
        }

        return DistinctBlock.OfOrdered(field, AggregationLimits.CoarseSeconds, datasets.ToStrings(), codes, slots, ordered);

        ulong Cell(ReadOnlySpan<byte> dataset, long slot, int slotSeconds)
        {
            var coarse = LeafPlan.FloorDiv(slot * slotSeconds, AggregationLimits.CoarseSeconds);
            return (ulong)cells.Add(CellKeys.Of(datasets.Add(dataset), coarse)) << DistinctBlock.EntryBits;
        }
    }

    /// <summary>A (dataset, slot) pair as one number: slots since 1970 fit in 40 bits for all times that nanoseconds can say.</summary>
    private static class CellKeys
    {
        private const int SlotBits = 40;

        public static long Of(int dataset, long slot) => ((long)dataset << SlotBits) | (slot & ((1L << SlotBits) - 1));

        public static (int Dataset, long Slot) Of(long key) => ((int)(key >> SlotBits), key << (64 - SlotBits) >> (64 - SlotBits));
    }
}
