namespace StreamObserve.Core.Sketches;

/// <summary>A sketch bin of either sign as one number, in ascending order of value: zero is 0, negative values are below.</summary>
internal static class SketchCodes
{
    /// <summary>The code of bin 0 of positive values.</summary>
    public const int Middle = 1 << 20;

    public static int Of(double value) => LogBins.CountsAsZero(value) ? 0 : value > 0 ? Middle + LogBins.BinOf(value) : -Middle - LogBins.BinOf(-value);

    /// <summary>The bin of a code other than 0, of either sign.</summary>
    public static int BinOf(int code) => code > 0 ? code - Middle : -code - Middle;

    /// <summary>The bin of a code, with a weight.</summary>
    public static SketchBin BinOf(int code, double weight) => code == 0 ? new(0, 0, weight) : new(code > 0 ? 1 : -1, BinOf(code), weight);
}
