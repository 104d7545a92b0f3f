using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Variance;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Finishes cells: state to number and label.</summary>
internal sealed class CellFinisher(LeafPlan plan, PartialResult result, HeatmapGrid grid)
{
    private readonly VarianceTable? _variances = result.Variances();
    private readonly bool _hasLongSpans = HasLongSpans(result);

    /// <summary>
    /// A calculation's value in a cell. Of RATE_* it is the value whose differences make the rate, of CONCURRENCY the one over the whole range:
    /// <see cref="AnswerPeriod"/> knows the cells before and after.
    /// </summary>
    public AnswerCell Finish(int calculation, Accumulator accumulator, int cell, CellPlace place)
    {
        var finished = FinishWhole(calculation, accumulator, cell, place);
        return result.LeftOutMax > 0 ? finished with { Label = WithMissed(plan.Spec.Calculations[calculation].Op, place, finished) } : finished;
    }

    /// <summary>A number of spans in progress; where some last longer than is looked back, others like them may be missing.</summary>
    public AnswerCell Concurrency(double spans, CellPlace place) => new(Number(spans), null, _hasLongSpans ? new(LabelKind.AtLeast) : PlainLabel(place));

    /// <summary>
    /// The number that <see cref="Finish"/> gives, without its label; NaN when it is absent. Not of RATE_* and CONCURRENCY, whose numbers need the cells before.
    /// </summary>
    public double Value(int calculation, Accumulator accumulator, int cell)
    {
        var op = plan.Spec.Calculations[calculation].Op;
        var value = accumulator switch
        {
            CountAccumulator count => count.Weight(cell),
            MeasureAccumulator measure => MeasureValue(op, measure, cell),
            DistinctAccumulator distinct => distinct.Estimate(cell).Estimate,
            SketchAccumulator sketch => op != CalculationOp.Heatmap && sketch.Sketch(cell) is { IsEmpty: false } bins ? bins.Quantile(op.Quantile()!.Value, out _) : double.NaN,
            _ => throw new InvalidOperationException($"an accumulator of type {accumulator.GetType()}"),
        };
        return double.IsFinite(value) ? value : double.NaN;
    }

    private static double MeasureValue(CalculationOp op, MeasureAccumulator measure, int cell) =>
        measure.Count(cell) == 0 ? op == CalculationOp.Sum ? 0 : double.NaN
        : op switch
        {
            CalculationOp.Min => measure.Min(cell),
            CalculationOp.Max => measure.Max(cell),
            CalculationOp.Sum => measure.Sum(cell),
            _ => measure.Sum(cell) / measure.Weight(cell),
        };

    private AnswerCell FinishWhole(int calculation, Accumulator accumulator, int cell, CellPlace place)
    {
        var op = plan.Spec.Calculations[calculation].Op;
        var at = plan.AccumulatorOf[calculation];
        return accumulator switch
        {
            CountAccumulator count => new(Number(count.Weight(cell)), null, CountLabel(at, count, cell, place)),
            MeasureAccumulator measure => Measure(op, at, measure, cell, place),
            DistinctAccumulator distinct => Distinct(distinct.Estimate(cell), place),
            ConcurrencyAccumulator concurrency => Concurrency(concurrency.All(cell) / (plan.Time.EndNs - plan.Time.StartNs), place),
            SketchAccumulator sketch => op == CalculationOp.Heatmap
                ? new(FieldValue.Absent, grid.Cells(sketch.Sketch(cell)), PlainLabel(place))
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

        // Of RATE_*, what its differences are of.
        op = op.RateOf() ?? op;
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
        var label = !leavesOut ? bounded ? new(LabelKind.Bounded, LogBins.RelativeError) : new(value < 0 ? LabelKind.AtLeast : LabelKind.AtMost)
            : !LeavesOutForGood && Sampled<PercentileVariance>(at, place) is { } variance ? Estimate(Intervals.OfPercentile(sketch, quantile, variance, place.Cell))
            : new NumberLabel(LabelKind.Estimated);
        return new(Number(value), null, label);
    }

    private NumberLabel PlainLabel(CellPlace place) =>
        !LeavesOut(place) ? NumberLabel.Exact : LeavesOutForGood || !result.IsSampled ? new(LabelKind.AtLeast) : new(LabelKind.Estimated);

    private static NumberLabel Estimate(Interval? interval) => new(LabelKind.Estimated, null, interval?.Low, interval?.High);

    private static bool HasLongSpans(PartialResult result)
    {
        foreach (var accumulator in result.Accumulators)
        {
            for (var cell = 0; accumulator is ConcurrencyAccumulator spans && cell < result.Cells; cell++)
            {
                if (spans.Longest(cell) > ExecutionLimits.ConcurrencyReachNs)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>A sum past the range of a float is no number that an answer could carry.</summary>
    public static FieldValue Number(double value) => double.IsFinite(value) ? ColumnVector.FloatValue(value) : FieldValue.Absent;
}
