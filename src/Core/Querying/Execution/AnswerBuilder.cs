using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Variance;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Turns a merged partial result into the answer: totals over time, havings, order, limit, the rest as one row, series, and every number's label.</summary>
public static class AnswerBuilder
{
    /// <summary>Most cells of a heatmap's value axis; the grid coarsens until it fits.</summary>
    public const int HeatmapCellsMax = 48;

    /// <summary>Finishes a result.</summary>
    public static QueryAnswer Build(PartialResult result, Receipt receipt)
    {
        var plan = result.Plan;
        var spec = plan.Spec;
        var groups = result.Groups;

        // Cells 0..groups-1 are the groups over all time, then all events together, then the groups past the limit together.
        int all = groups, rest = groups + 1;
        var totals = plan.Accumulators.Select(a => Accumulator.Make(a.Kind, a.Column)).ToArray();
        foreach (var accumulator in totals)
        {
            accumulator.EnsureCells(groups + 2);
        }

        for (var cell = 0; cell < result.Cells; cell++)
        {
            var (group, _) = result.CellOf(cell);
            for (var i = 0; i < totals.Length; i++)
            {
                totals[i].Merge(group, result.Accumulators[i], cell);
            }
        }

        var finisher = new CellFinisher(plan, result, HeatmapGrid.Of(plan, result));
        for (var group = 0; group < groups; group++)
        {
            MergeAll(totals, all, totals, group);
        }

        if (spec.Breakdowns.Count == 0)
        {
            return Ungrouped(plan, result, receipt, finisher, totals, all);
        }

        // A column's label is its total's, without an interval: that is the total's alone.
        var total = finisher.Row([], totals, all, CellPlace.Total);
        var labels = total.Cells.Select(cell => cell.Label with { IntervalLow = null, IntervalHigh = null }).ToArray();

        var rows = new List<(int Group, AnswerRow Row)>();
        var overflow = -1;
        for (var group = 0; group < groups; group++)
        {
            if (result.GroupValues(group) is not { } values)
            {
                overflow = group;
                continue;
            }

            var row = finisher.Row(values, totals, group, CellPlace.OfGroup(group));
            if (spec.Havings.All(having => Holds(having, spec, row)))
            {
                rows.Add((group, row));
            }
        }

        rows.Sort((a, b) => Compare(spec, a.Row, b.Row));
        var kept = rows.Count > spec.Limit ? rows.GetRange(0, spec.Limit) : rows;
        AnswerRow? other = null;
        if (rows.Count > kept.Count || overflow >= 0)
        {
            var others = rows.Skip(kept.Count).Select(row => row.Group).ToList();
            if (overflow >= 0)
            {
                others.Add(overflow);
            }

            foreach (var group in others)
            {
                MergeAll(totals, rest, totals, group);
            }

            other = finisher.Row([], totals, rest, new(null, 0, -1) { Kept = [.. kept.Select(row => row.Group)], Others = others });
        }

        return new()
        {
            Breakdowns = spec.Breakdowns,
            Calculations = [.. spec.Calculations.Select(c => c.ResultKey)],
            Results = [.. kept.Select(k => k.Row)],
            Series = Series(plan, result, finisher, kept),
            Total = total,
            Other = other,
            Labels = labels,
            Time = plan.Time,
            Receipt = receipt with { GroupsLeftOutMax = result.LeftOutMax },
        };
    }

    private static QueryAnswer Ungrouped(
        LeafPlan plan, PartialResult result, Receipt receipt, CellFinisher finisher, Accumulator[] totals, int all)
    {
        // One row even when nothing matched: a COUNT of 0 is an answer.
        var row = finisher.Row([], totals, all, CellPlace.OfGroup(0));
        var holds = plan.Spec.Havings.All(having => Holds(having, plan.Spec, row));
        return new()
        {
            Breakdowns = [],
            Calculations = [.. plan.Spec.Calculations.Select(c => c.ResultKey)],
            Results = holds ? [row] : [],
            Series = holds && result.Groups > 0 ? Series(plan, result, finisher, [(0, row)]) : [],
            Labels = [.. row.Cells.Select(cell => cell.Label)],
            Time = plan.Time,
            Receipt = receipt,
        };
    }

    private static List<AnswerPoint> Series(LeafPlan plan, PartialResult result, CellFinisher finisher, List<(int Group, AnswerRow Row)> kept)
    {
        var rank = new Dictionary<int, int>();
        for (var i = 0; i < kept.Count; i++)
        {
            rank[kept[i].Group] = i;
        }

        var cells = new List<(int Bucket, int Rank, int Cell)>();
        for (var cell = 0; cell < result.Cells; cell++)
        {
            var (group, bucket) = result.CellOf(cell);
            if (rank.TryGetValue(group, out var at))
            {
                cells.Add((bucket, at, cell));
            }
        }

        cells.Sort();
        var points = new List<AnswerPoint>();
        var rows = new List<AnswerRow>();
        for (var i = 0; i < cells.Count; i++)
        {
            var place = plan.Buckets > 1 ? CellPlace.OfSeries(cells[i].Cell, cells[i].Bucket) : CellPlace.OfGroup(kept[cells[i].Rank].Group);
            rows.Add(finisher.Row(kept[cells[i].Rank].Row.Group, result.Accumulators, cells[i].Cell, place));
            if (i + 1 == cells.Count || cells[i + 1].Bucket != cells[i].Bucket)
            {
                points.Add(new(plan.BucketStartNs(cells[i].Bucket), [.. rows]));
                rows.Clear();
            }
        }

        return points;
    }

    private static void MergeAll(Accumulator[] to, int cell, Accumulator[] from, int fromCell)
    {
        for (var i = 0; i < to.Length; i++)
        {
            to[i].Merge(cell, from[i], fromCell);
        }
    }

    private static int Compare(QuerySpec spec, AnswerRow a, AnswerRow b)
    {
        if (spec.Orders.Count == 0)
        {
            var byFirst = b.Cells[0].Value.CompareTo(a.Cells[0].Value);
            if (byFirst != 0)
            {
                return byFirst;
            }
        }

        foreach (var order in spec.Orders)
        {
            var (left, right) = (OrderValue(order, spec, a), OrderValue(order, spec, b));
            var compared = left.CompareTo(right);
            if (compared != 0)
            {
                return order.Descending ? -compared : compared;
            }
        }

        // Ties by the groups' values, so that the same data gives the same rows.
        for (var i = 0; i < a.Group.Count; i++)
        {
            var compared = a.Group[i].CompareTo(b.Group[i]);
            if (compared != 0)
            {
                return compared;
            }
        }

        return 0;
    }

    private static FieldValue OrderValue(Order order, QuerySpec spec, AnswerRow row)
    {
        if (order.Op is { } op)
        {
            var calculation = IndexOf(spec, op, order.Column);
            return calculation < 0 ? FieldValue.Absent : row.Cells[calculation].Value;
        }

        for (var i = 0; i < spec.Breakdowns.Count; i++)
        {
            if (spec.Breakdowns[i] == order.Column)
            {
                return row.Group[i];
            }
        }

        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            if (spec.Calculations[i].Name == order.Column)
            {
                return row.Cells[i].Value;
            }
        }

        return FieldValue.Absent;
    }

    private static bool Holds(Having having, QuerySpec spec, AnswerRow row)
    {
        var calculation = IndexOf(spec, having.Op, having.Column);
        if (calculation < 0 || !row.Cells[calculation].Value.IsNumber)
        {
            return false;
        }

        var value = row.Cells[calculation].Value.AsDouble;
        return having.Comparison switch
        {
            FilterOp.Equal => value == having.Value,
            FilterOp.NotEqual => value != having.Value,
            FilterOp.Greater => value > having.Value,
            FilterOp.GreaterOrEqual => value >= having.Value,
            FilterOp.Less => value < having.Value,
            _ => value <= having.Value,
        };
    }

    private static int IndexOf(QuerySpec spec, CalculationOp op, string? column)
    {
        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            if (spec.Calculations[i].Op == op && (spec.Calculations[i].Column == column || op == CalculationOp.Count))
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>Where a cell's variance is: at a level by number, or, for the groups past the limit, that of the kept groups and of the others.</summary>
internal readonly record struct CellPlace(VarianceLevel? Level, int Cell, int Bucket)
{
    public static CellPlace Total => new(VarianceLevel.Total, 0, -1);

    public IReadOnlyList<int> Kept { get; init; } = [];

    public IReadOnlyList<int> Others { get; init; } = [];

    public static CellPlace OfGroup(int group) => new(VarianceLevel.Group, group, -1);

    public static CellPlace OfSeries(int cell, int bucket) => new(VarianceLevel.Series, cell, bucket);
}

/// <summary>Finishes cells: state to number and label.</summary>
internal sealed class CellFinisher(LeafPlan plan, PartialResult result, HeatmapGrid grid)
{
    private readonly VarianceTable? _variances = result.Variances();

    public AnswerRow Row(IReadOnlyList<FieldValue> group, IReadOnlyList<Accumulator> accumulators, int cell, CellPlace place)
    {
        var cells = new AnswerCell[plan.AccumulatorOf.Count];
        for (var i = 0; i < cells.Length; i++)
        {
            cells[i] = Finish(i, accumulators[plan.AccumulatorOf[i]], cell, place);
            if (result.LeftOutMax > 0)
            {
                cells[i] = cells[i] with { Label = WithMissed(plan.Spec.Calculations[i].Op, place, cells[i]) };
            }
        }

        return new(group, cells);
    }

    private AnswerCell Finish(int calculation, Accumulator accumulator, int cell, CellPlace place)
    {
        var op = plan.Spec.Calculations[calculation].Op;
        var at = plan.AccumulatorOf[calculation];
        return accumulator switch
        {
            CountAccumulator count => new(Number(count.Weight(cell)), null, CountLabel(at, count, cell, place)),
            MeasureAccumulator measure => Measure(op, at, measure, cell, place),
            DistinctAccumulator distinct => Distinct(distinct.Estimate(cell), place),
            SketchAccumulator sketch => op == CalculationOp.Heatmap
                ? new(FieldValue.Absent, grid.Cells(sketch.Sketch(cell)), HeatmapLabel(place))
                : Percentile(at, sketch.Sketch(cell), op.Quantile()!.Value, place),
            _ => throw new InvalidOperationException($"an accumulator of type {accumulator.GetType()}"),
        };
    }

    /// <summary>The label of a cell when groups were left out: its group may miss what was counted in the overflow group while it was not there.</summary>
    private NumberLabel WithMissed(CalculationOp op, CellPlace place, in AnswerCell finished)
    {
        var label = finished.Label;
        if (place.Level is VarianceLevel.Total)
        {
            return label;
        }

        if (place.Level is null)
        {
            // The others hold what the kept groups miss.
            return place.Kept.All(group => result.Missed(group) == 0) ? label : label.Kind == LabelKind.Exact && op is CalculationOp.Count or CalculationOp.Heatmap ? new(LabelKind.AtMost) : new(LabelKind.Estimated);
        }

        var missed = result.Missed(place.Level == VarianceLevel.Group ? place.Cell : result.CellOf(place.Cell).Group);
        if (missed == 0)
        {
            return label;
        }

        switch (op)
        {
            case CalculationOp.Count when label.Kind == LabelKind.Exact:
                var count = finished.Value.AsDouble;
                return count > 0 ? new(LabelKind.Bounded, missed / count, count, count + missed) : new(LabelKind.AtLeast);
            case CalculationOp.Count:
                return label with { IntervalHigh = label.IntervalHigh + missed };
            case CalculationOp.Max or CalculationOp.CountDistinct or CalculationOp.Heatmap:
                return new(LabelKind.AtLeast);
            case CalculationOp.Min:
                return new(LabelKind.AtMost);
            default:
                // Sums too: nobody knows the sign of what is missing.
                return new(LabelKind.Estimated);
        }
    }

    /// <summary>True when rows that the cell is about may be missing from it.</summary>
    private bool LeavesOut(CellPlace place) => result.HasUnreadRows || result.LeavesOut(place.Bucket);

    /// <summary>True when rows are missing for which no other row stands.</summary>
    private bool LeavesOutForGood => result.HasUnreadRows || (result.HasUncountedDrops && !plan.Spec.UsageMode);

    /// <summary>The state of a cell's variance, unless no sampled row fell into the cell; null for the groups past the limit.</summary>
    private T? Sampled<T>(int accumulator, CellPlace place)
        where T : VarianceState => place.Level is { } level && _variances?[level, accumulator] is T state && !state.IsEmpty(place.Cell) ? state : null;

    private NumberLabel CountLabel(int at, CountAccumulator count, int cell, CellPlace place)
    {
        if (!LeavesOut(place))
        {
            return NumberLabel.Exact;
        }

        var sampled = place.Level is null
            ? OtherTotal(at, place, true, static (state, of) => ((CountVariance)state).Weight(of))
            : Sampled<CountVariance>(at, place)?.Weight(place.Cell);
        var label = TotalLabel(sampled, count.Weight(cell), LabelKind.AtLeast, 1);
        return label.IntervalLow < count.Rows(cell) ? label with { IntervalLow = count.Rows(cell) } : label;
    }

    /// <summary>
    /// The label of a total of which rows may be missing. With sampled rows among it an estimate, else only a bound: all its rows were sure to be kept, which says
    /// nothing of those that were not.
    /// </summary>
    private NumberLabel TotalLabel(SampledTotal? sampled, double value, LabelKind? bound, int sign)
    {
        var kind = bound is { } known && (sampled is null || LeavesOutForGood) ? known : LabelKind.Estimated;
        if (sampled is not { } total)
        {
            return new(kind);
        }

        var sure = value - total.Value;
        var interval = sign switch
        {
            > 0 => Intervals.OfTotal(total),
            < 0 => Intervals.OfTotal(total with { Value = -total.Value }) is { } mirrored ? new Interval(-mirrored.High, -mirrored.Low) : null,
            _ => Intervals.OfMixedTotal(total),
        };
        return interval is { } of ? new(kind, null, sure + of.Low, sure + of.High) : new(kind);
    }

    private SampledTotal? OtherTotal(int at, CellPlace place, bool notNegative, Func<VarianceState, int, SampledTotal> of)
    {
        if (_variances is not { } table)
        {
            return null;
        }

        SampledTotal Of(VarianceLevel level, int cell) => table[level, at] is { } state && !state.IsEmpty(cell) ? of(state, cell) : default;
        return OtherVariance.Of(Of, place.Kept, place.Others, notNegative) is { Value: not 0 } total ? total : null;
    }

    private AnswerCell Measure(CalculationOp op, int at, MeasureAccumulator measure, int cell, CellPlace place)
    {
        var leavesOut = LeavesOut(place);
        if (measure.Count(cell) == 0)
        {
            var none = leavesOut ? new(LabelKind.Estimated) : NumberLabel.Exact;
            return new(op == CalculationOp.Sum ? FieldValue.Of(0) : FieldValue.Absent, null, none);
        }

        var (min, max) = (measure.Min(cell), measure.Max(cell));
        switch (op)
        {
            case CalculationOp.Min:
                return new(Number(min), null, leavesOut ? new(LabelKind.AtMost) : NumberLabel.Exact);
            case CalculationOp.Max:
                return new(Number(max), null, leavesOut ? new(LabelKind.AtLeast) : NumberLabel.Exact);
        }

        var sign = min >= 0 ? 1 : max <= 0 ? -1 : 0;
        if (op == CalculationOp.Sum)
        {
            var sum = measure.Sum(cell);
            return new(Number(sum), null, leavesOut ? SumLabel(at, sum, sign, place) : NumberLabel.Exact);
        }

        var average = measure.Sum(cell) / measure.Weight(cell);
        var label = !leavesOut ? NumberLabel.Exact
            : !LeavesOutForGood && Sampled<MeasureVariance>(at, place) is { } variance
                ? Estimate(Intervals.OfAverage(variance.Average(place.Cell, average, measure.Weight(cell)), sign != 0))
            : new(LabelKind.Estimated);
        return new(Number(average), null, label);
    }

    private NumberLabel SumLabel(int at, double sum, int sign, CellPlace place)
    {
        var sampled = place.Level is null
            ? OtherTotal(at, place, sign != 0, static (state, of) => ((MeasureVariance)state).Sum(of))
            : Sampled<MeasureVariance>(at, place)?.Sum(place.Cell);
        return TotalLabel(sampled, sum, sign switch { > 0 => LabelKind.AtLeast, < 0 => LabelKind.AtMost, _ => null }, sign);
    }

    private AnswerCell Distinct((double Estimate, double Bound) distinct, CellPlace place)
    {
        var label = LeavesOut(place) ? new NumberLabel(LabelKind.AtLeast)
            : distinct.Bound > 0 ? new NumberLabel(LabelKind.Bounded, distinct.Bound)
            : NumberLabel.Exact;
        return new(Number(distinct.Estimate), null, label);
    }

    private AnswerCell Percentile(int at, QuantileSketch? sketch, double quantile, CellPlace place)
    {
        var leavesOut = LeavesOut(place);
        if (sketch is null || sketch.IsEmpty)
        {
            return new(FieldValue.Absent, null, leavesOut ? new(LabelKind.Estimated) : new(LabelKind.Bounded, LogBins.RelativeError));
        }

        var value = sketch.Quantile(quantile, out var bounded);
        var label = !leavesOut ? bounded ? new(LabelKind.Bounded, LogBins.RelativeError) : new(LabelKind.AtMost)
            : !LeavesOutForGood && Sampled<PercentileVariance>(at, place) is { } variance ? Estimate(Intervals.OfPercentile(sketch, quantile, variance, place.Cell))
            : new NumberLabel(LabelKind.Estimated);
        return new(Number(value), null, label);
    }

    private NumberLabel HeatmapLabel(CellPlace place) =>
        !LeavesOut(place) ? NumberLabel.Exact : LeavesOutForGood || !result.IsSampled ? new(LabelKind.AtLeast) : new(LabelKind.Estimated);

    private static NumberLabel Estimate(Interval? interval) => new(LabelKind.Estimated, null, interval?.Low, interval?.High);

    /// <summary>A sum past the range of a float is no number that an answer could carry.</summary>
    private static FieldValue Number(double value) => double.IsFinite(value) ? ColumnVector.FloatValue(value) : FieldValue.Absent;
}

/// <summary>One log-spaced value axis for all cells of an answer: edges are powers of 2 and, when there is room, of 2^(1/5), 2^(1/7) or 2^(1/35).</summary>
internal sealed class HeatmapGrid
{
    private static readonly int[] Steps = [1, 5, 7, 35, 70, 140, 350, 700];
    private readonly int _step;

    private HeatmapGrid(int step) => _step = step;

    public static HeatmapGrid Of(LeafPlan plan, PartialResult result)
    {
        int low = int.MaxValue, high = int.MinValue;
        var sides = 0;
        for (var i = 0; i < plan.Spec.Calculations.Count; i++)
        {
            if (plan.Spec.Calculations[i].Op != CalculationOp.Heatmap)
            {
                continue;
            }

            var sketches = (SketchAccumulator)result.Accumulators[plan.AccumulatorOf[i]];
            for (var cell = 0; cell < result.Cells; cell++)
            {
                if (sketches.Sketch(cell) is not { } sketch)
                {
                    continue;
                }

                foreach (var bin in sketch)
                {
                    if (bin.Sign != 0)
                    {
                        (low, high) = (Math.Min(low, bin.Bin), Math.Max(high, bin.Bin));
                        sides |= bin.Sign > 0 ? 1 : 2;
                    }
                }
            }
        }

        var span = low > high ? 0 : ((long)high - low + 1) * (sides == 3 ? 2 : 1);
        return new(Steps.FirstOrDefault(step => span / step <= AnswerBuilder.HeatmapCellsMax, Steps[^1]));
    }

    public IReadOnlyList<HeatmapBucket> Cells(QuantileSketch? sketch)
    {
        if (sketch is null)
        {
            return [];
        }

        var cells = new List<HeatmapBucket>();
        (int Sign, int Cell) last = (2, 0);
        foreach (var bin in sketch)
        {
            // Bin b holds (2^((b-1)/35), 2^(b/35)]: cell c of the grid holds the bins c * step + 1 .. (c + 1) * step.
            var cell = bin.Sign == 0 ? 0 : (int)Math.Floor((bin.Bin - 1) / (double)_step);
            if ((bin.Sign, cell) == last)
            {
                cells[^1] = cells[^1] with { Count = cells[^1].Count + bin.Weight };
                continue;
            }

            last = (bin.Sign, cell);
            double from = Edge(cell), to = Edge(cell + 1);
            cells.Add(bin.Sign switch { 0 => new(0, 0, bin.Weight), > 0 => new(from, to, bin.Weight), _ => new(-to, -from, bin.Weight) });
        }

        return cells;
    }

    private double Edge(int cell) => Math.Pow(2, (double)cell * _step / LogBins.PerDoubling);
}
