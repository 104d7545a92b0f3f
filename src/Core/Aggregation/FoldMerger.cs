using StreamObserve.Core.Columns;

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
                blocks.Add(DistinctMerge.Merge(field, folds, source).Encode(_writer, _packer));
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
}
