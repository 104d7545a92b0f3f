namespace StreamObserve.Core.Sketches;

/// <summary>A sketch bin of either sign as one number, in ascending order of value: zero is 0, negative values are below.</summary>
internal static class SketchCodes
{
    private const int Middle = 1 << 20;

    public static int Of(double value) => LogBins.CountsAsZero(value) ? 0 : value > 0 ? Middle + LogBins.BinOf(value) : -Middle - LogBins.BinOf(-value);

    /// <summary>The bin of a code other than 0, of either sign.</summary>
    public static int BinOf(int code) => code > 0 ? code - Middle : -code - Middle;
}
