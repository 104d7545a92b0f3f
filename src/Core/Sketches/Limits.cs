namespace StreamObserve.Core.Sketches;

/// <summary>The bounds of the sketches: value, unit, reason, and what happens past each.</summary>
public static class SketchLimits
{
    /// <summary>
    /// Bins of one sign in a <see cref="QuantileSketch"/>. 2,048 bins span a factor of 2^58, at 16 KiB. Past it the bins of the smallest
    /// magnitudes collapse into one and <see cref="QuantileSketch.LowestCollapsed"/> says so.
    /// </summary>
    public const int QuantileBinsMax = 2048;

    /// <summary>
    /// Bytes of bins that finished queries left for the next ones, in a process: what a question with some thousand sketches needs. Past it they are left to the collector.
    /// </summary>
    public const long IdleBinBytesMax = 8L << 20;

    /// <summary>Least precision of a <see cref="HyperLogLog"/>: 1,024 registers, a standard error of 3.25 %. Less is refused.</summary>
    public const int HyperLogLogPrecisionMin = 10;

    /// <summary>Greatest precision of a <see cref="HyperLogLog"/>: 16,384 registers, a standard error of 0.81 %. More is refused.</summary>
    public const int HyperLogLogPrecisionMax = 14;

    /// <summary>Capacity of a <see cref="HeavyHitters"/>, in keys. It bounds memory (twice as many counters at most). More is refused.</summary>
    public const int HeavyHittersCapacityMax = 65_536;
}
