namespace StreamObserve.Core.Querying.Variance;

/// <summary>Bounds of what a leaf keeps to say how far its estimates may be off.</summary>
public static class VarianceLimits
{
    /// <summary>Numbers (8 bytes each) of one query's signed sums. Past it sums take half the buckets, down to <see cref="BucketsMin"/>; past that cells have no interval.</summary>
    public const int NumbersMax = 1 << 21;

    /// <summary>Buckets of a sum when there are few: traces that don't share one are told apart.</summary>
    public const int BucketsMax = 128;

    /// <summary>Fewest buckets of a sum. A variance from so many is off by a third or so, and Student's t widens the interval for it.</summary>
    public const int BucketsMin = 16;

    /// <summary>Fine bins of a quantile sketch in one step of a percentile's variance: a fifth of a doubling.</summary>
    public const int BinsPerStep = 7;

    /// <summary>
    /// Traces' worth of rows that must lie on the thinner side of a percentile for the variance there to be trusted. With fewer, rows of a trace count as wholly alike,
    /// which is the most that they can be: wider than need be, never too narrow.
    /// </summary>
    public const double TailUnitsMin = 4;
}
