using StreamObserve.Core.Querying;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>What a cell of an answer must be: a number and how far off an answer may be, or the numbers that a heatmap is made of.</summary>
/// <param name="Value">The number; null where no event gives one.</param>
/// <param name="Slack">How far off an answer of this label may be: rounding, or the error that the label admits.</param>
/// <param name="Label">The best label that it can carry.</param>
internal sealed record OracleCell(double? Value, double Slack, LabelKind Label)
{
    /// <summary>How far off any answer may be, whatever its label: closer than that, what is greater cannot be told.</summary>
    public double Doubt { get; init; } = Slack;

    /// <summary>Values and weights behind a heatmap; null for a number.</summary>
    public IReadOnlyList<(double Value, double Weight)>? Heatmap { get; init; }

    /// <summary>True of a formula's: it takes over what its calculations are off by, and states no bound.</summary>
    public bool IsFormula { get; init; }

    /// <summary>True when an answer may know no more than a bound on one side: of a percentile past what a sketch can hold apart, and of a formula of one.</summary>
    public bool MayBeOneSided { get; init; }

    /// <summary>True when nothing can be said of the number, not even whether there is one.</summary>
    public bool IsOpen => double.IsPositiveInfinity(IsFormula ? Doubt : Slack);

    /// <summary>How far off an answer may be that has this label.</summary>
    public double SlackOf(NumberLabel label) =>
        IsFormula && label.Kind != LabelKind.Exact ? Doubt
        : Label == LabelKind.Exact && Value is { } value ? Slack + (Math.Abs(value) * (label.Bound ?? 0))
        : Slack;
}

/// <summary>Calculations over rows, one after the other and as plainly as can be.</summary>
internal static class OracleCalculation
{
    private const double Rounding = 1e-9;

    /// <summary>Past it, whether a sum is too large for a float goes by the order in which it is taken.</summary>
    private const double SumMax = 1e307;
    private const double DistinctError = 0.025;

    /// <summary>Powers of two that the values of one sign may span before a sketch counts the smallest of them in one bin.</summary>
    private const double SketchSpan = 58;

    /// <summary>
    /// The cell of a calculation over some rows that meet its filter. Of RATE_* it is what the differences are of; <see cref="Difference"/> and <see cref="OverDifferences"/>
    /// make the rate. CONCURRENCY is not among them: it is about time.
    /// </summary>
    public static OracleCell Of(Calculation calculation, IReadOnlyList<OracleRow> rows, bool isUnweighted)
    {
        if (calculation.Op == CalculationOp.Count)
        {
            return Sum([.. rows.Select(row => (1d, Weight(row)))], 1);
        }

        var values = rows.Select(row => (Value: row[calculation.Column!], Weight: Weight(row))).Where(v => v.Value is not null).ToList();
        if (calculation.Op == CalculationOp.CountDistinct)
        {
            var distinct = values.Select(v => v.Value!).Distinct().Count();
            return new(distinct, 0, LabelKind.Exact) { Doubt = distinct * DistinctError };
        }

        var numbers = values.Where(v => OracleValue.IsNumber(v.Value)).Select(v => (Value: OracleValue.AsDouble(v.Value!), v.Weight)).ToList();
        return calculation.Op switch
        {
            CalculationOp.Sum => Sum(numbers, 1),
            CalculationOp.RateSum => numbers.Count == 0 ? new(null, 0, LabelKind.Exact) : Sum(numbers, 1),
            CalculationOp.Avg or CalculationOp.RateAvg => numbers.Count == 0 ? new(null, 0, LabelKind.Exact) : Sum(numbers, numbers.Sum(n => n.Weight)),
            CalculationOp.Min => new(numbers.Count == 0 ? null : numbers.Min(n => n.Value), 0, LabelKind.Exact),
            CalculationOp.Max or CalculationOp.RateMax => new(numbers.Count == 0 ? null : numbers.Max(n => n.Value), 0, LabelKind.Exact),
            CalculationOp.Heatmap => new(null, 0, LabelKind.Exact) { Heatmap = [.. numbers.Select(n => (Sketched(n.Value), n.Weight))] },
            _ when calculation.Op.Quantile() is { } q => Percentile(q, [.. numbers.Select(n => (Sketched(n.Value), n.Weight)).OrderBy(n => n.Item1)]),
            _ => throw new ArgumentOutOfRangeException(nameof(calculation), calculation, "no such calculation"),
        };

        double Weight(OracleRow row) => isUnweighted ? 1 : row.Weight;
    }

    /// <summary>What a point's number is more than that of the last point before it that has one.</summary>
    public static OracleCell Difference(OracleCell number, OracleCell? before) =>
        number.Value is null || before?.Value is null ? new(null, 0, LabelKind.Exact) : new(number.Value - before.Value, number.Slack + before.Slack, LabelKind.Exact);

    /// <summary>The average, sum or greatest of the differences of a row's points.</summary>
    public static OracleCell OverDifferences(CalculationOp op, IReadOnlyList<OracleCell> differences)
    {
        var shown = differences.Where(d => d.Value is not null).ToList();
        if (shown.Count == 0)
        {
            return new(null, 0, LabelKind.Exact);
        }

        var slack = shown.Max(d => d.Slack);
        if (op == CalculationOp.RateMax)
        {
            return new(shown.Max(d => d.Value), slack, LabelKind.Exact);
        }

        var sum = Sum([.. shown.Select(d => (d.Value!.Value, 1d))], op == CalculationOp.RateAvg ? shown.Count : 1);
        return sum with { Slack = sum.Slack + (slack * shown.Count), Doubt = sum.Slack + (slack * shown.Count) };
    }

    /// <summary>Exact where every step is: sums of halves. Others differ in the last digits with the order in which they are taken.</summary>
    private static OracleCell Sum(IReadOnlyList<(double Value, double Weight)> numbers, double by)
    {
        double[] terms = [.. numbers.Select(n => n.Value * n.Weight)];
        var magnitude = terms.Sum(Math.Abs);
        if (!(magnitude < SumMax))
        {
            return new(0, double.PositiveInfinity, LabelKind.Exact);
        }

        var isExact = magnitude < 1L << 50 && terms.All(t => Math.Floor(2 * t) == 2 * t);
        return new(terms.Sum() / by, isExact ? 0 : magnitude / by * Rounding, LabelKind.Exact);
    }

    /// <summary>Magnitudes below the smallest normal float count as zero.</summary>
    private static double Sketched(double value) => Math.Abs(value) < 2.2250738585072014e-308 ? 0 : value;

    /// <summary>At rank q * (n - 1) of the n events in order of value; between two ranks on the line from one to the other.</summary>
    private static OracleCell Percentile(double q, List<(double Value, double Weight)> sorted)
    {
        if (sorted.Count == 0)
        {
            return new(null, 0, LabelKind.Bounded);
        }

        var rank = Math.Max(0, q * (sorted.Sum(n => n.Weight) - 1));
        var share = rank - Math.Floor(rank);
        double lower = At(Math.Floor(rank)) * (1 - share), upper = At(Math.Floor(rank) + 1) * share;
        var slack = (Math.Abs(lower) + Math.Abs(upper)) * (LogBins.RelativeError + Rounding);
        var isWide = IsWide(sorted.Where(n => n.Value > 0)) || IsWide(sorted.Where(n => n.Value < 0));
        return new(lower + upper, slack, LabelKind.Bounded) { Doubt = isWide ? double.PositiveInfinity : slack, MayBeOneSided = isWide };

        double At(double wanted)
        {
            var below = 0d;
            foreach (var (value, weight) in sorted)
            {
                below += weight;
                if (below > wanted)
                {
                    return value;
                }
            }

            return sorted[^1].Value;
        }

        static bool IsWide(IEnumerable<(double Value, double Weight)> ofOneSign) =>
            ofOneSign.Select(n => Math.Log2(Math.Abs(n.Value))).ToList() is { Count: > 0 } logarithms && logarithms.Max() - logarithms.Min() > SketchSpan;
    }
}
