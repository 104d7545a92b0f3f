using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Variance;

/// <summary>A 95 % interval.</summary>
internal readonly record struct Interval(double Low, double High);

/// <summary>
/// 95 % intervals of estimates. How often they hold is simulated in IntervalCoverageTests; what was chosen and why is in docs/adr/0021-intervals-by-trace.md.
/// Null wherever the sample does not tell. Pure.
/// </summary>
internal static class Intervals
{
    private const double NormalQuantile = 1.959963984540054;

    /// <summary>
    /// Of a total of numbers that are not negative: all totals T from which the estimate is at most t standard errors away, the variance taken as in proportion to T. Unlike
    /// estimate plus or minus t standard errors it holds for small samples too, where a low estimate comes with a low variance.
    /// </summary>
    public static Interval? OfTotal(in SampledTotal total)
    {
        if (!(total.Value > 0) || !(total.Variance > 0))
        {
            return null;
        }

        var t = StudentT(total.DegreesOfFreedom);
        var scale = total.Variance / total.Value;
        var middle = total.Value + (t * t * scale / 2);
        var half = t * Math.Sqrt((scale * total.Value) + (t * t * scale * scale / 4));
        return Checked(middle - half, middle + half);
    }

    /// <summary>Of a total of numbers of both signs.</summary>
    public static Interval? OfMixedTotal(in SampledTotal total)
    {
        if (!(total.Variance > 0))
        {
            return null;
        }

        var half = StudentT(total.DegreesOfFreedom) * Math.Sqrt(total.Variance);
        return Checked(total.Value - half, total.Value + half);
    }

    /// <summary>Of an average: as <see cref="OfTotal"/> where all numbers are of one sign, with half of the degrees of freedom for the ratio's own bias.</summary>
    public static Interval? OfAverage(in SampledTotal average, bool oneSign)
    {
        if (average.Variance == 0)
        {
            return new(average.Value, average.Value);       // every unit has the same average
        }

        var halved = average with { Quartic = average.Quartic * 2 };
        if (!oneSign || average.Value == 0)
        {
            return OfMixedTotal(halved);
        }

        return average.Value > 0 ? OfTotal(halved) : OfTotal(halved with { Value = -average.Value }) is { } mirrored ? new(-mirrored.High, -mirrored.Low) : null;
    }

    /// <summary>
    /// Of a percentile: the variance of the fraction below it gives an interval of that fraction (Wilson's), and the sketch the values at its ends, each rounded
    /// outwards to the end of its bin. Null when the interval reaches past the least or the greatest row.
    /// </summary>
    public static Interval? OfPercentile(QuantileSketch sketch, double quantile, PercentileVariance variance, int cell)
    {
        var weight = sketch.Count;
        var (rows, sampledWeight) = variance.Sampled(cell);
        var all = variance.WeightVariance(cell);
        if (!(all > 0) || sketch.LowestCollapsed)
        {
            return null;
        }

        // As if all rows of a trace lay on one side together.
        var unitsAtLeast = weight * weight / all;
        var (units, freedom) = UnitsAt(sketch, quantile, variance, cell, weight) ?? (unitsAtLeast, 2 * unitsAtLeast);
        if (unitsAtLeast * Math.Min(quantile, 1 - quantile) < VarianceLimits.TailUnitsMin)
        {
            units = Math.Min(units, unitsAtLeast);
        }

        var t = StudentT(freedom);
        var share = t * t / units;
        var middle = (quantile + (share / 2)) / (1 + share);
        var half = t / (1 + share) * Math.Sqrt((quantile * (1 - quantile) / units) + (share / units / 4));
        var rowWeight = sampledWeight / rows;
        var (low, high) = ((middle - half) * weight, (middle + half) * weight);
        if (!(low >= rowWeight / 2) || !(high <= weight - rowWeight))
        {
            return null;
        }

        return Checked(Edge(sketch, low, lower: true), Edge(sketch, high, lower: false));
    }

    /// <summary>Student's t at 97.5 %, of at least one degree of freedom: exact at 1 and 2, within 0.5 % beyond.</summary>
    public static double StudentT(double freedom)
    {
        const double AtOne = 12.706204736, AtTwo = 4.302652730, AtThree = 3.182446305;
        if (!(freedom > 1))
        {
            return AtOne;
        }

        // Between the first ones by the logarithm; then Cornish and Fisher's expansion.
        if (freedom < 2)
        {
            return AtOne * Math.Pow(AtTwo / AtOne, freedom - 1);
        }

        if (freedom < 3)
        {
            return AtTwo * Math.Pow(AtThree / AtTwo, freedom - 2);
        }

        const double Z = NormalQuantile;
        const double Z3 = Z * Z * Z, Z5 = Z3 * Z * Z, Z7 = Z5 * Z * Z, Z9 = Z7 * Z * Z;
        const double G1 = (Z3 + Z) / 4;
        const double G2 = ((5 * Z5) + (16 * Z3) + (3 * Z)) / 96;
        const double G3 = ((3 * Z7) + (19 * Z5) + (17 * Z3) - (15 * Z)) / 384;
        const double G4 = ((79 * Z9) + (776 * Z7) + (1482 * Z5) - (1920 * Z3) - (945 * Z)) / 92160;
        var f = 1 / freedom;
        return Z + (f * (G1 + (f * (G2 + (f * (G3 + (f * G4)))))));
    }

    /// <summary>How many independent rows the sampled fraction near a percentile is worth, and the degrees of freedom behind that.</summary>
    private static (double Units, double Freedom)? UnitsAt(QuantileSketch sketch, double quantile, PercentileVariance variance, int cell, double weight)
    {
        // The end of a step whose fraction below is nearest: rows' likeness within a trace changes slowly with the value.
        double below = 0, nearest = double.NaN;
        int step = int.MinValue, nearestStep = 0;
        foreach (var bin in sketch)
        {
            var next = PercentileVariance.StepOf(bin.Sign, bin.Bin);
            if (next != step && below > 0 && !(Math.Abs((below / weight) - quantile) >= Math.Abs(nearest - quantile)))
            {
                (nearest, nearestStep) = (below / weight, step);
            }

            step = next;
            below += bin.Weight;
        }

        if (double.IsNaN(nearest))
        {
            return null;
        }

        var fraction = variance.Fraction(cell, nearestStep, nearest, weight);
        return fraction.Variance > 0 && fraction.Quartic > 0 ? (nearest * (1 - nearest) / fraction.Variance, fraction.DegreesOfFreedom) : null;
    }

    private static double Edge(QuantileSketch sketch, double weightBelow, bool lower)
    {
        var below = 0d;
        var edge = double.NaN;
        foreach (var bin in sketch)
        {
            below += bin.Weight;
            edge = bin.Sign switch
            {
                0 => 0,
                > 0 => lower ? LogBins.LowerBound(bin.Bin) : LogBins.UpperBound(bin.Bin),
                _ => lower ? -LogBins.UpperBound(bin.Bin) : -LogBins.LowerBound(bin.Bin),
            };
            if (below > weightBelow)
            {
                break;
            }
        }

        return edge;
    }

    private static Interval? Checked(double low, double high) => double.IsFinite(low) && double.IsFinite(high) ? new(low, high) : null;
}
