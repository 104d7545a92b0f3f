using System.Globalization;
using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Relations;
using StreamObserve.Core.Sketches;
using StreamObserve.Core.Events;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Execution;

/// <summary>Answers a plan event by event, as plainly as can be: what the scans are measured against.</summary>
internal static class ReferenceScan
{
    public static PartialResult Of(LeafPlan plan, IEnumerable<ModelEvent> events)
    {
        var result = new PartialResult(plan);
        var all = new ReferenceTraces(plan, events);
        foreach (var e in all.Events)
        {
            var inProgress = e.TimeNs >= plan.ReachNs && e.TimeNs < plan.Time.StartNs && DurationNs(e) > plan.Time.StartNs - e.TimeNs;
            if ((e.TimeNs < plan.Time.StartNs && !inProgress) || e.TimeNs >= plan.Time.EndNs || (plan.Dataset is not null && plan.Dataset != e.Dataset)
                || !all.Holds(plan.Spec.Where, e))
            {
                continue;
            }

            // A span from before the range makes a group only where some CONCURRENCY counts it.
            if (inProgress && !plan.Spec.Calculations.Any(c => c.Op == CalculationOp.Concurrency && all.Holds(c.Filter, e)))
            {
                continue;
            }

            var weight = plan.Spec.UsageMode ? 1 : e.Weight;
            var cell = result.Cell(result.Group([.. plan.Spec.Breakdowns.Select(field => all.Value(field, e))]), plan.BucketOf(Math.Max(e.TimeNs, plan.Time.StartNs)));
            for (var i = 0; i < plan.Accumulators.Count; i++)
            {
                var (_, column, _) = plan.Accumulators[i];
                var at = plan.AccumulatorOf.ToList().IndexOf(i);
                if ((at >= 0 && !all.Holds(plan.Spec.Calculations[at].Filter, e)) || (inProgress && result.Accumulators[i] is not ConcurrencyAccumulator))
                {
                    continue;
                }

                var value = column is null ? FieldValue.Absent : all.Value(column, e);
                switch (result.Accumulators[i])
                {
                    case CountAccumulator count:
                        count.Add(cell, 1, weight);
                        break;
                    case MeasureAccumulator measure when value.IsNumber:
                        measure.Add(cell, 1, weight, value.AsDouble * weight, value.AsDouble, value.AsDouble);
                        break;
                    case SketchAccumulator sketch when value.IsNumber:
                        sketch.Use(cell).Add(value.AsDouble, weight);
                        break;
                    case ConcurrencyAccumulator concurrency when DurationNs(e) > 0:
                        concurrency.Add(cell, e.TimeNs, DurationNs(e), weight);
                        break;
                    case DistinctAccumulator distinct when value.Kind != FieldKind.Absent:
                        distinct.Add(cell, Hash64.Of(value));
                        break;
                }
            }
        }

        return result;
    }

    private static double DurationNs(ModelEvent e) => e[LeafPlan.DurationField] is { IsNumber: true } duration ? duration.AsDouble * 1e6 : 0;
}

/// <summary>The state of a partial result, cell by cell.</summary>
internal static class PartialResultState
{
    /// <summary>One line a cell and accumulator, floats to ten digits, in an order of their own.</summary>
    public static List<string> Of(PartialResult result, bool distinctsAreExact = true)
    {
        var lines = new List<string>();
        for (var cell = 0; cell < result.Cells; cell++)
        {
            var (group, bucket) = result.CellOf(cell);
            var key = result.GroupValues(group) is { } values ? string.Join(" · ", values.Select(EventText.Of)) : "(overflow)";
            for (var i = 0; i < result.Accumulators.Count; i++)
            {
                lines.Add($"[{key}] @{bucket} #{i} {State(result.Accumulators[i], cell, distinctsAreExact)}");
            }
        }

        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static string State(Accumulator accumulator, int cell, bool distinctsAreExact)
    {
        switch (accumulator)
        {
            case CountAccumulator count:
                return $"count {count.Rows(cell)} {Digits(count.Weight(cell))}";
            case MeasureAccumulator { } measure:
                return $"measure {measure.Count(cell)} {Digits(measure.Weight(cell))} {Digits(measure.Sum(cell))} {Exactly(measure.Min(cell))} {Exactly(measure.Max(cell))}";
            case SketchAccumulator sketch:
                var text = new StringBuilder("sketch");
                if (sketch.Sketch(cell) is { } bins)
                {
                    foreach (var bin in bins)
                    {
                        text.Append(CultureInfo.InvariantCulture, $" {bin.Sign}:{bin.Bin}:{Digits(bin.Weight)}");
                    }
                }

                return text.ToString();
            case ConcurrencyAccumulator spans:
                return $"spans {Digits(spans.Covered(cell))} {Digits(spans.Change(cell))} {Digits(spans.All(cell))} {Digits(spans.Longest(cell))}";
            case DistinctAccumulator distinct:
                return distinctsAreExact ? $"distinct {distinct.Estimate(cell)}" : "distinct";
            default:
                throw new InvalidOperationException();
        }
    }

    private static string Exactly(double value) => (value == 0 ? 0 : value).ToString("R", CultureInfo.InvariantCulture);

    // Sums taken in another order differ in the last digits; those of values that cancel each other in more of them.
    private static string Digits(double value) => Math.Abs(value) < 1e-6 ? "0" : value.ToString("E8", CultureInfo.InvariantCulture);

    /// <summary>Fails unless both say the same; numbers may differ by a ten-millionth, as sums taken in another order do.</summary>
    public static void AssertSame(List<string> expected, List<string> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            string[] left = expected[i].Split(' ', ':'), right = actual[i].Split(' ', ':');
            Assert.True(left.Length == right.Length && left.Zip(right).All(pair => IsSame(pair.First, pair.Second)), $"expected {expected[i]}\nactual   {actual[i]}");
        }
    }

    private static bool IsSame(string left, string right) =>
        left == right || (double.TryParse(left, NumberStyles.Float, CultureInfo.InvariantCulture, out var a) && double.TryParse(right, NumberStyles.Float, CultureInfo.InvariantCulture, out var b)
            && Math.Abs(a - b) <= 2e-6 + (1e-7 * Math.Abs(a)));

    public static PartialResult Scan(LeafPlan plan, IReadOnlyList<IRowSegment> segments)
    {
        var relations = plan.Relations is null ? null : new RelationIndex(plan);
        foreach (var segment in segments)
        {
            relations?.Add(segment);
        }

        var result = new PartialResult(plan);
        var scan = new RowScan(plan, result, relations);
        foreach (var segment in segments)
        {
            scan.Add(segment, plan.Time.StartNs, plan.Time.EndNs);
        }

        return result;
    }
}
