using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
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

        var labels = spec.Calculations.Select((_, i) => finisher.Finish(i, totals[plan.AccumulatorOf[i]], all).Label).ToArray();
        if (spec.Breakdowns.Count == 0)
        {
            return Ungrouped(plan, result, receipt, finisher, totals, all, labels);
        }

        var rows = new List<(int Group, AnswerRow Row)>();
        var overflow = -1;
        for (var group = 0; group < groups; group++)
        {
            if (result.GroupValues(group) is not { } values)
            {
                overflow = group;
                continue;
            }

            var row = finisher.Row(values, totals, group);
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
            foreach (var (group, _) in rows.Skip(kept.Count))
            {
                MergeAll(totals, rest, totals, group);
            }

            if (overflow >= 0)
            {
                MergeAll(totals, rest, totals, overflow);
            }

            other = finisher.Row([], totals, rest);
        }

        return new()
        {
            Breakdowns = spec.Breakdowns,
            Calculations = [.. spec.Calculations.Select(c => c.ResultKey)],
            Results = [.. kept.Select(k => k.Row)],
            Series = Series(plan, result, finisher, kept),
            Total = finisher.Row([], totals, all),
            Other = other,
            Labels = labels,
            Time = plan.Time,
            Receipt = receipt,
        };
    }

    private static QueryAnswer Ungrouped(
        LeafPlan plan, PartialResult result, Receipt receipt, CellFinisher finisher, Accumulator[] totals, int all, NumberLabel[] labels)
    {
        // One row even when nothing matched: a COUNT of 0 is an answer.
        var row = finisher.Row([], totals, all);
        var holds = plan.Spec.Havings.All(having => Holds(having, plan.Spec, row));
        return new()
        {
            Breakdowns = [],
            Calculations = [.. plan.Spec.Calculations.Select(c => c.ResultKey)],
            Results = holds ? [row] : [],
            Series = holds && result.Groups > 0 ? Series(plan, result, finisher, [(0, row)]) : [],
            Labels = labels,
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
            rows.Add(finisher.Row(kept[cells[i].Rank].Row.Group, result.Accumulators, cells[i].Cell));
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

/// <summary>Finishes cells: state to number and label.</summary>
internal sealed class CellFinisher(LeafPlan plan, PartialResult result, HeatmapGrid grid)
{
    private readonly bool _sampled = result.IsSampled && !plan.Spec.UsageMode;

    public AnswerRow Row(IReadOnlyList<FieldValue> group, IReadOnlyList<Accumulator> accumulators, int cell)
    {
        var cells = new AnswerCell[plan.AccumulatorOf.Count];
        for (var i = 0; i < cells.Length; i++)
        {
            cells[i] = Finish(i, accumulators[plan.AccumulatorOf[i]], cell);
        }

        return new(group, cells);
    }

    public AnswerCell Finish(int calculation, Accumulator accumulator, int cell)
    {
        var op = plan.Spec.Calculations[calculation].Op;
        return accumulator switch
        {
            CountAccumulator count => new(Number(count.Weight(cell)), null, Additive()),
            MeasureAccumulator measure => Measure(op, measure, cell),
            DistinctAccumulator distinct => Distinct(distinct.Estimate(cell)),
            SketchAccumulator sketch => op == CalculationOp.Heatmap
                ? new(FieldValue.Absent, grid.Cells(sketch.Sketch(cell)), Additive())
                : Percentile(sketch.Sketch(cell), op.Quantile()!.Value),
            _ => throw new InvalidOperationException($"an accumulator of type {accumulator.GetType()}"),
        };
    }

    private AnswerCell Measure(CalculationOp op, MeasureAccumulator measure, int cell)
    {
        if (measure.Count(cell) == 0)
        {
            return new(op == CalculationOp.Sum ? FieldValue.Of(0) : FieldValue.Absent, null, Additive());
        }

        return op switch
        {
            CalculationOp.Sum => new(Number(measure.Sum(cell)), null, Additive()),
            CalculationOp.Avg => new(Number(measure.Sum(cell) / measure.Weight(cell)), null, _sampled ? new(LabelKind.Estimated) : NumberLabel.Exact),
            CalculationOp.Min => new(Number(measure.Min(cell)), null, LeavesOut ? new(LabelKind.AtMost) : NumberLabel.Exact),
            _ => new(Number(measure.Max(cell)), null, LeavesOut ? new(LabelKind.AtLeast) : NumberLabel.Exact),
        };
    }

    private AnswerCell Distinct((double Estimate, double Bound) distinct)
    {
        var label = LeavesOut ? new NumberLabel(LabelKind.AtLeast)
            : distinct.Bound > 0 ? new NumberLabel(LabelKind.Bounded, distinct.Bound)
            : NumberLabel.Exact;
        return new(Number(distinct.Estimate), null, label);
    }

    private AnswerCell Percentile(QuantileSketch? sketch, double quantile)
    {
        if (sketch is null || sketch.IsEmpty)
        {
            return new(FieldValue.Absent, null, new(LabelKind.Bounded, LogBins.RelativeError));
        }

        var value = sketch.Quantile(quantile, out var bounded);
        return new(Number(value), null, _sampled ? new(LabelKind.Estimated) : bounded ? new(LabelKind.Bounded, LogBins.RelativeError) : new(value < 0 ? LabelKind.AtLeast : LabelKind.AtMost));
    }

    private bool LeavesOut => _sampled || result.HasUncountedDrops;

    /// <summary>Counts and sums: estimates where rows stand for others, a lower bound where rows were dropped with none to stand for them.</summary>
    private NumberLabel Additive() => result.HasUncountedDrops ? new(LabelKind.AtLeast) : _sampled ? new(LabelKind.Estimated) : NumberLabel.Exact;

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
            // A bin that holds all smaller magnitudes too reaches down to zero, and so does its bucket.
            double from = sketch.IsCollapsed(bin) ? 0 : Edge(cell), to = Edge(cell + 1);
            cells.Add(bin.Sign switch { 0 => new(0, 0, bin.Weight), > 0 => new(from, to, bin.Weight), _ => new(-to, 0 - from, bin.Weight) });
        }

        return cells;
    }

    private double Edge(int cell) => Math.Pow(2, (double)cell * _step / LogBins.PerDoubling);
}
