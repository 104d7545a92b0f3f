namespace StreamObserve.Core.Querying.Variance;

/// <summary>
/// The variance of the groups past the limit together, which no leaf could know: they are known only when all groups are. A bound from above, so the interval may be
/// wider than need be. For totals of numbers that are not negative, the square of a trace's whole is at least that of its kept groups, each by itself, plus that of
/// the rest; for others no more is sure than that standard errors add up.
/// </summary>
internal static class OtherVariance
{
    /// <summary>The total of the groups past the limit; null when that can't be bounded. <paramref name="of"/> gives a cell's total, its value 0 when nothing was sampled.</summary>
    public static SampledTotal? Of(Func<VarianceLevel, int, SampledTotal> of, IReadOnlyList<int> kept, IReadOnlyList<int> others, bool notNegative)
    {
        var all = of(VarianceLevel.Total, 0);
        double value = 0, squares = 0, deviations = 0, keptSquares = 0, keptDeviations = 0;
        foreach (var group in others)
        {
            var total = of(VarianceLevel.Group, group);
            value += total.Value;
            squares += total.Variance;
            deviations += Math.Sqrt(total.Variance);
        }

        foreach (var group in kept)
        {
            var total = of(VarianceLevel.Group, group);
            keptSquares += total.Variance;
            keptDeviations += Math.Sqrt(total.Variance);
        }

        var byDeviations = Math.Min(deviations, Math.Sqrt(all.Variance) + keptDeviations);
        var variance = byDeviations * byDeviations;
        if (notNegative)
        {
            variance = Math.Min(variance, Math.Max(squares, all.Variance - keptSquares));
        }

        // The total's degrees of freedom: the others are most of its groups.
        return double.IsFinite(variance) ? new(value, variance, 2 * variance * variance / all.DegreesOfFreedom) : null;
    }
}
