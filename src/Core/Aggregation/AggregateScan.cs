using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>Reads the stored blocks of folds; calls may wait for the disk. Safe for several threads.</summary>
public interface IAggregateSource
{
    /// <summary>A fold's aggregate block by its number in the directory.</summary>
    AggregateBlock Aggregates(FoldDirectory fold, int block);

    /// <summary>A fold's distinct block by its number in the directory.</summary>
    DistinctBlock Distinct(FoldDirectory fold, int block);

    /// <summary>A fold's heavy values by their number in the directory.</summary>
    HeavyHitterBlock HeavyHitters(FoldDirectory fold, int block);
}

/// <summary>
/// Answers a plan from aggregates. What they can answer: at most one field selects (breakdown, conditions; the dataset comes free), measures and sketches are
/// those the blocks hold, distinct counts are over all events, and the series' step is a multiple of the cells' slots.
/// </summary>
public sealed class AggregateScan : IFoldScan
{
    private const int Out = -1;

    // A power of two: an hour by 10 s of one group fits.
    private const int KnownTargets = 512;

    private readonly LeafPlan _plan;
    private readonly string _field;
    private readonly bool _byDataset;

    private AggregateScan(LeafPlan plan, string field, bool byDataset, int slotSeconds)
    {
        _plan = plan;
        _field = field;
        _byDataset = byDataset;
        SlotSeconds = slotSeconds;
    }

    /// <summary>Width of the widest cells involved: the part of the range that aggregates answer has both edges on multiples of it.</summary>
    public int SlotSeconds { get; }

    /// <summary>
    /// A scan when aggregates can answer; null, with the reason for people, when they can't. <paramref name="folds"/> are those that overlap the range.
    /// </summary>
    public static AggregateScan? TryMake(LeafPlan plan, IReadOnlyList<FoldDirectory> folds, out string reason)
    {
        if (plan.Relations is not null)
        {
            reason = "aggregates know nothing of related spans";
            return null;
        }

        if (plan.Calculated is { } calculated && plan.SelectingFields.Concat(plan.Accumulators.Select(spec => spec.Column)).FirstOrDefault(name => name is not null && calculated.Has(name)) is { } derived)
        {
            reason = $"{derived} is a calculated field, which only rows can answer";
            return null;
        }

        var selecting = plan.SelectingFields.ToList();
        var byDataset = selecting.Remove(EventBatch.DatasetField) && !folds.Any(fold => fold.HasField(EventBatch.DatasetField));
        if (!byDataset && plan.SelectingFields.Contains(EventBatch.DatasetField))
        {
            selecting.Add(EventBatch.DatasetField);
        }

        if (selecting.Count > 1)
        {
            reason = $"aggregates are kept by one field; this question selects by {string.Join(" and ", selecting)}";
            return null;
        }

        var field = selecting.Count == 0 ? "" : selecting[0];
        var slotSeconds = AggregationLimits.FineSeconds;
        foreach (var fold in folds)
        {
            if (!Covers(plan, fold, field, byDataset, ref slotSeconds, out reason))
            {
                return null;
            }
        }

        if (plan.Buckets > 1 && plan.Time.GranularitySeconds % slotSeconds != 0)
        {
            reason = $"aggregates are kept by {slotSeconds} s; a series of {plan.Time.GranularitySeconds} s does not fit them";
            return null;
        }

        reason = "";
        return new(plan, field, byDataset, slotSeconds);
    }

    /// <summary>Adds a fold's cells whose slots lie in [startNs, endNs), both multiples of <see cref="SlotSeconds"/>.</summary>
    public void Add(FoldDirectory fold, IAggregateSource source, PartialResult result, long startNs, long endNs)
    {
        if (fold.MaxTimeNs < startNs || fold.MinTimeNs >= endNs)
        {
            return;
        }

        result.UsedAggregates = true;
        var at = fold.HasField(_field) ? fold.Find(_field, false) : 0;
        AddCells(source.Aggregates(fold, at), result, startNs, endNs);
        for (var i = 0; i < _plan.Accumulators.Count; i++)
        {
            var spec = _plan.Accumulators[i];
            if (spec.Kind == AccumulatorKind.Distinct && spec.Column != _field && fold.HasField(spec.Column!))
            {
                AddDistinct(fold, source, result, i, spec.Column!, startNs, endNs);
            }
        }
    }

    private static bool Covers(LeafPlan plan, FoldDirectory fold, string field, bool byDataset, ref int slotSeconds, out string reason)
    {
        reason = "";
        var at = fold.HasField(field) ? fold.Find(field, false) : 0;
        if (at < 0)
        {
            reason = $"field {field} has too many values to be kept in aggregates";
            return false;
        }

        if (plan.Spec.UsageMode && fold.IsWeighted)
        {
            reason = "aggregates are weighted by sample rate; usage_mode asks for rows";
            return false;
        }

        var entry = fold.Blocks[at];
        slotSeconds = Math.Max(slotSeconds, entry.SlotSeconds);
        foreach (var spec in plan.Accumulators)
        {
            switch (spec.Kind)
            {
                case AccumulatorKind.Count:
                    break;
                case AccumulatorKind.Concurrency:
                    reason = "CONCURRENCY follows each span over time; aggregates hold none";
                    return false;
                case AccumulatorKind.Distinct when spec.Column == field:
                    break;
                case AccumulatorKind.Distinct when spec.Column == EventBatch.DatasetField && !fold.HasField(spec.Column):
                    reason = "datasets are not counted in aggregates";
                    return false;
                case AccumulatorKind.Distinct:
                    if (!fold.HasField(spec.Column!))
                    {
                        break;
                    }

                    if (field.Length > 0 || spec.Filter is not null)
                    {
                        reason = $"distinct values of {spec.Column} are counted over all events, not by {field}";
                        return false;
                    }

                    var distinct = fold.Find(spec.Column!, true);
                    var dimension = fold.Find(spec.Column!, false);
                    if (distinct < 0 && dimension < 0)
                    {
                        reason = $"distinct values of {spec.Column} are not counted in aggregates";
                        return false;
                    }

                    slotSeconds = Math.Max(slotSeconds, fold.Blocks[Math.Max(distinct, dimension)].SlotSeconds);
                    break;
                default:
                    var sketch = spec.Kind == AccumulatorKind.Sketch;
                    if (fold.HasField(spec.Column!) && !entry.Has(spec.Column!, sketch))
                    {
                        reason = $"aggregates by {(field.Length == 0 ? "time" : field)} hold no {(sketch ? "quantile sketches" : "sums")} of {spec.Column}";
                        return false;
                    }

                    break;
            }
        }

        return true;
    }

    private void AddCells(AggregateBlock block, PartialResult result, long startNs, long endNs)
    {
        var isField = block.Field.Length > 0 && block.Field == _field;
        var wanted = new CellChoice(_plan, block, _field, _byDataset, isField, result);
        var measures = new MeasureCells?[_plan.Accumulators.Count];
        for (var i = 0; i < measures.Length; i++)
        {
            measures[i] = result.Accumulators[i] is MeasureAccumulator or SketchAccumulator ? block.Measure(_plan.Accumulators[i].Column!) : null;
            if (result.Accumulators[i] is SketchAccumulator sketch && measures[i]?.Sketches?.PositiveRange is var (low, high))
            {
                sketch.Expect(low, high);
            }
        }

        // One accumulator after the other: where a cell goes to is found once, and what kind of accumulator it is.
        int[] lent = [];
        var targets = LentArray.Room(ref lent, block.Cells);
        FindTargets(block, wanted, result, startNs, endNs, targets);
        for (var i = 0; i < measures.Length; i++)
        {
            AddAll(block, wanted, i, measures[i], result.Accumulators[i], targets);
        }

        LentArray.Return(ref lent);
    }

    /// <summary>The result's cell for each cell of the block whose slot lies in [startNs, endNs), <see cref="Out"/> for the others.</summary>
    private void FindTargets(AggregateBlock block, CellChoice wanted, PartialResult result, long startNs, long endNs, Span<int> targets)
    {
        var width = block.SlotSeconds * 1_000_000_000L;
        var (startSlot, endSlot) = (startNs / width, endNs / width);
        var slotsPerBucket = _plan.Buckets == 1 ? 0 : _plan.StepNs / width;

        // Cells come by dataset, value and slot: the next one is of the same group and bucket, or of those of another dataset's.
        Span<(int Group, int Bucket, int Target)> known = stackalloc (int, int, int)[KnownTargets];
        known.Fill((Out, 0, 0));
        var last = known[0];
        for (var cell = 0; cell < targets.Length; cell++)
        {
            var slot = block.Slots[cell];
            if (slot < startSlot || slot >= endSlot || !wanted.TryGroup(cell, out var group))
            {
                targets[cell] = Out;
                continue;
            }

            var bucket = slotsPerBucket switch
            {
                0 => 0,
                1 => (int)(slot - _plan.FirstBucket),
                _ => _plan.BucketOf(slot * width),
            };
            if (group != last.Group || bucket != last.Bucket)
            {
                ref var near = ref known[(bucket + (group * 31)) & (KnownTargets - 1)];
                if (group != near.Group || bucket != near.Bucket)
                {
                    near = (group, bucket, result.Cell(group, bucket));
                }

                last = near;
            }

            targets[cell] = last.Target;
        }
    }

    private void AddAll(AggregateBlock block, CellChoice wanted, int index, MeasureCells? cells, Accumulator accumulator, ReadOnlySpan<int> targets)
    {
        if (cells is null && accumulator is MeasureAccumulator or SketchAccumulator)
        {
            return;
        }

        for (var cell = 0; cell < targets.Length; cell++)
        {
            var to = targets[cell];
            if (to == Out || !wanted.PassesFilter(index, cell))
            {
                continue;
            }

            switch (accumulator)
            {
                case CountAccumulator count:
                    count.Add(to, block.Rows[cell], block.Weight(cell));
                    break;
                case MeasureAccumulator measure when cells!.Counts[cell] > 0:
                    measure.Add(
                        to, cells.Counts[cell], cells.Weight(cell), cells.Sums[cell] / cells.Scale, cells.Mins[cell] / cells.Scale, cells.Maxs[cell] / cells.Scale);
                    break;
                case SketchAccumulator sketch when cells!.Sketches is { } sketches:
                    if (!sketches.IsEmpty(cell))
                    {
                        sketches.AddTo(sketch.Use(to), cell);
                    }

                    break;
                case DistinctAccumulator distinct when _plan.Accumulators[index].Column == block.Field:
                    AddValue(distinct, to, block.Values[block.ValueCodes[cell]]);
                    break;
            }
        }
    }

    /// <summary>Distinct values over all events: from the field's sketches, or from its own dimension, whose values are all there.</summary>
    private void AddDistinct(FoldDirectory fold, IAggregateSource source, PartialResult result, int index, string column, long startNs, long endNs)
    {
        var accumulator = (DistinctAccumulator)result.Accumulators[index];
        var at = fold.Find(column, true);
        if (at < 0)
        {
            var block = source.Aggregates(fold, fold.Find(column, false));
            var choice = new CellChoice(_plan, block, "", _byDataset, false, result);
            for (var cell = 0; cell < block.Cells; cell++)
            {
                var time = block.Slots[cell] * block.SlotSeconds * 1_000_000_000L;
                if (time >= startNs && time < endNs && choice.TryGroup(cell, out var group))
                {
                    AddValue(accumulator, result.Cell(group, _plan.BucketOf(time)), block.Values[block.ValueCodes[cell]]);
                }
            }

            return;
        }

        var distinct = source.Distinct(fold, at);
        for (var cell = 0; cell < distinct.Cells; cell++)
        {
            var time = distinct.Slots[cell] * distinct.SlotSeconds * 1_000_000_000L;
            var dataset = distinct.Datasets[distinct.DatasetCodes[cell]];
            if (time >= startNs && time < endNs && IsDataset(dataset) && DatasetGroup(dataset, result) is { } group)
            {
                accumulator.AddCoarse(result.Cell(group, _plan.BucketOf(time)), distinct.Entries(cell));
            }
        }
    }

    private static void AddValue(DistinctAccumulator accumulator, int cell, ReadOnlySpan<byte> key)
    {
        var value = GroupKey.Read(key, 1)[0];
        if (value.Kind != FieldKind.Absent)
        {
            accumulator.Add(cell, Hash64.Of(value));
        }
    }

    private bool IsDataset(ReadOnlySpan<byte> name) => _plan.DatasetUtf8 is null || name.SequenceEqual(_plan.DatasetUtf8);

    private int? DatasetGroup(ReadOnlySpan<byte> dataset, PartialResult result)
    {
        if (!_byDataset)
        {
            return result.Group(default(ReadOnlySpan<byte>));
        }

        var value = FieldValue.Of(System.Text.Encoding.UTF8.GetString(dataset));
        if (_plan.Spec.Where is { } where && !ConditionFilter.Holds(where, field => field == EventBatch.DatasetField ? value : FieldValue.Absent))
        {
            return null;
        }

        return result.Group([.. _plan.Spec.Breakdowns.Select(_ => value)]);
    }

    /// <summary>Which cells of a block take part, in which group, and in which filtered calculations: decided once for each (dataset, value).</summary>
    private sealed class CellChoice
    {
        private readonly LeafPlan _plan;
        private readonly AggregateBlock _block;
        private readonly string _field;
        private readonly bool _byDataset;
        private readonly bool _isField;
        private readonly PartialResult _result;
        private readonly int[] _groups;
        private readonly bool[]?[] _passes;

        public CellChoice(LeafPlan plan, AggregateBlock block, string field, bool byDataset, bool isField, PartialResult result)
        {
            _plan = plan;
            _block = block;
            _field = field;
            _byDataset = byDataset;
            _isField = isField;
            _result = result;
            _groups = new int[block.Datasets.Count * block.Values.Count];
            Array.Fill(_groups, Undecided);
            _passes = new bool[]?[_groups.Length];
        }

        private const int Undecided = -2;

        public bool TryGroup(int cell, out int group)
        {
            var at = (_block.DatasetCodes[cell] * _block.Values.Count) + _block.ValueCodes[cell];
            group = _groups[at] != Undecided ? _groups[at] : _groups[at] = Decide(at);
            return group >= 0;
        }

        public bool PassesFilter(int accumulator, int cell) =>
            _plan.Accumulators[accumulator].Filter is null || _passes[(_block.DatasetCodes[cell] * _block.Values.Count) + _block.ValueCodes[cell]]![accumulator];

        private int Decide(int at)
        {
            var dataset = _block.Datasets[at / _block.Values.Count];
            if (_plan.DatasetUtf8 is not null && !dataset.SequenceEqual(_plan.DatasetUtf8))
            {
                return Out;
            }

            var value = _isField ? GroupKey.Read(_block.Values[at % _block.Values.Count], 1)[0] : FieldValue.Absent;
            var datasetValue = _byDataset ? FieldValue.Of(System.Text.Encoding.UTF8.GetString(dataset)) : FieldValue.Absent;
            FieldValue Look(string field) => field == _field ? value : _byDataset && field == EventBatch.DatasetField ? datasetValue : FieldValue.Absent;
            if (_plan.Spec.Where is { } where && !ConditionFilter.Holds(where, Look))
            {
                return Out;
            }

            _passes[at] = [.. _plan.Accumulators.Select(spec => spec.Filter is null || ConditionFilter.Holds(spec.Filter, Look))];
            return _result.Group([.. _plan.Spec.Breakdowns.Select(Look)]);
        }
    }
}
