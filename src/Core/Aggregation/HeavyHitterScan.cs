using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Aggregation;

/// <summary>What adds folds to a result.</summary>
public interface IFoldScan
{
    /// <summary>Width of the widest cells involved: the part of the range that aggregates answer has both edges on multiples of it.</summary>
    int SlotSeconds { get; }

    /// <summary>Adds a fold's cells whose slots lie in [startNs, endNs), both multiples of <see cref="SlotSeconds"/>.</summary>
    void Add(FoldDirectory fold, IAggregateSource source, PartialResult result, long startNs, long endNs);
}

/// <summary>
/// Answers COUNT by a field with too many values to be a dimension, from the heavy values of each fold: counts with bounds, the rest in the overflow group, and how many
/// events a value may have that is in neither.
/// </summary>
public sealed class HeavyHitterScan : IFoldScan
{
    private static readonly byte[] AbsentKey = [0];
    private readonly LeafPlan _plan;
    private readonly string _field;
    private readonly bool _withAbsent;

    private HeavyHitterScan(LeafPlan plan, string field, bool withAbsent, int slotSeconds)
    {
        _plan = plan;
        _field = field;
        _withAbsent = withAbsent;
        SlotSeconds = slotSeconds;
    }

    /// <inheritdoc/>
    public int SlotSeconds { get; }

    /// <summary>
    /// A scan when heavy values can answer: the question is COUNT by one field, of all events of a dataset or of those that have the field. Null when not, with the reason.
    /// </summary>
    public static HeavyHitterScan? TryMake(LeafPlan plan, IReadOnlyList<FoldDirectory> folds, out string reason)
    {
        var spec = plan.Spec;
        reason = "heavy values answer COUNT by one field";
        if (spec.Breakdowns.Count != 1 || plan.Accumulators.Count != 1 || plan.Accumulators[0].Kind != AccumulatorKind.Count)
        {
            return null;
        }

        var field = spec.Breakdowns[0];
        if (field == EventBatch.DatasetField || (spec.Where is { } where && where is not Condition.Match { Op: FilterOp.Exists } match) || (spec.Where is Condition.Match m && m.Column != field))
        {
            return null;
        }

        var slotSeconds = AggregationLimits.CoarseSeconds;
        foreach (var fold in folds)
        {
            if (fold.HasField(field) && fold.FindHeavyHitters(field) < 0 && fold.Find(field, false) < 0)
            {
                reason = $"field {field} has no heavy values in some aggregates";
                return null;
            }

            if (spec.UsageMode && fold.IsWeighted)
            {
                reason = "aggregates are weighted by sample rate; usage_mode asks for rows";
                return null;
            }
        }

        if (plan.Buckets > 1 && plan.Time.GranularitySeconds % slotSeconds != 0)
        {
            reason = $"heavy values are kept by {slotSeconds} s; a series of {plan.Time.GranularitySeconds} s does not fit them";
            return null;
        }

        reason = "";
        return new(plan, field, spec.Where is null, slotSeconds);
    }

    /// <summary>True when a result of heavy values says something: one at least has more events than any that was left out may have.</summary>
    public static bool IsWorthwhile(PartialResult result)
    {
        var weights = new double[result.Groups];
        for (var cell = 0; cell < result.Cells; cell++)
        {
            weights[result.CellOf(cell).Group] += result.Count.Weight(cell);
        }

        for (var group = 0; group < weights.Length; group++)
        {
            if (weights[group] > result.LeftOutMax && result.GroupValues(group) is { } values && values[0].Kind != Events.FieldKind.Absent)
            {
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public void Add(FoldDirectory fold, IAggregateSource source, PartialResult result, long startNs, long endNs)
    {
        if (fold.MaxTimeNs < startNs || fold.MinTimeNs >= endNs)
        {
            return;
        }

        result.UsedAggregates = true;
        result.Purge();
        var block = BlockOf(fold, _field, source) ?? throw new InvalidOperationException($"fold {fold.Id} has no heavy values of {_field}");
        var cells = block.Cells;
        var known = result.Groups;
        var isTotals = cells.Field.Length == 0;
        var groupOf = new int[cells.Values.Count];
        Array.Fill(groupOf, -1);
        var restWeight = 0d;
        var width = cells.SlotSeconds * 1_000_000_000L;
        for (var cell = 0; cell < cells.Cells; cell++)
        {
            var time = cells.Slots[cell] * width;
            var value = cells.Values[cells.ValueCodes[cell]];
            if (time < startNs || time >= endNs || (!_withAbsent && (isTotals || value.SequenceEqual(AbsentKey)))
                || (_plan.DatasetUtf8 is { } dataset && !cells.Datasets[cells.DatasetCodes[cell]].SequenceEqual(dataset)))
            {
                continue;
            }

            ref var group = ref groupOf[cells.ValueCodes[cell]];
            group = group >= 0 ? group : result.Group(isTotals ? AbsentKey : value);
            restWeight += value.SequenceEqual(HeavyHitterBlock.RestKey) ? cells.Weight(cell) : 0;
            result.Count.Add(result.Cell(group, _plan.BucketOf(time)), cells.Rows[cell], cells.Weight(cell));
        }

        AddMissed(block, result, known, groupOf, restWeight);
    }

    /// <summary>A fold's heavy values, or its dimension or, without the field, its totals as such; null when it has none of them.</summary>
    internal static HeavyHitterBlock? BlockOf(FoldDirectory fold, string field, IAggregateSource source)
    {
        if (fold.FindHeavyHitters(field) is var heavy and >= 0)
        {
            return source.HeavyHitters(fold, heavy);
        }

        var dimension = fold.HasField(field) ? fold.Find(field, false) : 0;
        return dimension < 0 ? null : new(source.Aggregates(fold, dimension), [], 0);
    }

    /// <summary>What is left out of the range is at most the rest of the range, and of the fold.</summary>
    private static void AddMissed(HeavyHitterBlock block, PartialResult result, int known, int[] groupOf, double restWeight)
    {
        var groups = new List<int>();
        var missed = new List<double>();
        for (var value = 0; value < groupOf.Length; value++)
        {
            if (groupOf[value] >= 0)
            {
                groups.Add(groupOf[value]);
                var exact = value >= block.Missed.Length || block.Cells.Values[value].SequenceEqual(AbsentKey);
                missed.Add(exact ? 0 : Math.Min(restWeight, block.Missed[value]));
            }
        }

        result.AddMissed(known, [.. groups], [.. missed], Math.Min(restWeight, block.LeftOutMax));
    }
}
