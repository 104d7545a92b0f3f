namespace StreamObserve.Core.Sketches;

/// <summary>One bin of a <see cref="QuantileSketch"/> that has weight.</summary>
/// <param name="Sign">-1 for negative values, 0 for those that count as zero, 1 for positive ones.</param>
/// <param name="Bin">The bin of the magnitude (<see cref="LogBins"/>); 0 when <paramref name="Sign"/> is 0.</param>
/// <param name="Weight">The weight of the values in it; greater than 0.</param>
public readonly record struct SketchBin(int Sign, int Bin, double Weight)
{
    /// <summary>The number that stands for the values in it, within <see cref="LogBins.RelativeError"/> of each (unless collapsed).</summary>
    public double Representative => Sign == 0 ? 0 : Sign * LogBins.Representative(Bin);
}
