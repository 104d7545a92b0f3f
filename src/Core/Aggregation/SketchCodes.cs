using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>A sketch bin of either sign as one number in ascending order of value: zero is 0, negative values are below.</summary>
internal static class SketchCodes
{
    /// <summary>Added to make codes positive.</summary>
    public const int Offset = 1 << 24;

    private const int Middle = 1 << 20;

    public static int Of(double value) => LogBins.CountsAsZero(value) ? 0 : value > 0 ? Middle + LogBins.BinOf(value) : -Middle - LogBins.BinOf(-value);

    public static SketchBin BinOf(int code, double weight) => code switch
    {
        0 => new(0, 0, weight),
        > 0 => new(1, code - Middle, weight),
        _ => new(-1, -code - Middle, weight),
    };
}
