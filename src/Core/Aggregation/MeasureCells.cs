namespace StreamObserve.Core.Aggregation;

/// <summary>
/// A measure's aggregates over the cells of a block. Sums, minima and maxima are in units of 10^-<see cref="Decimals"/>: numbers of few decimals are whole numbers then,
/// so that sums are exact and in any order the same. Arrays have one entry a cell.
/// </summary>
/// <param name="field">The numeric field.</param>
/// <param name="decimals">0 to <see cref="DecimalsMax"/>, or <see cref="Float"/>: the numbers as they are.</param>
/// <param name="counts">Rows with a number; may be the block's own rows.</param>
/// <param name="weights">Events with a number; null = as the counts.</param>
public sealed class MeasureCells(string field, int decimals, int[] counts, double[]? weights)
{
    /// <summary>Most decimals that are kept as whole numbers.</summary>
    public const int DecimalsMax = 6;

    /// <summary>In place of decimals: numbers that are no decimals of few digits.</summary>
    public const int Float = -1;

    /// <summary>Past it a float can't tell neighbouring whole numbers apart.</summary>
    internal const double WholeMax = 9007199254740992;

    private static readonly double[] Scales = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

    /// <summary>The numeric field.</summary>
    public string Field { get; } = field;

    /// <summary>Decimals of the numbers, or <see cref="Float"/>.</summary>
    public int Decimals { get; } = decimals;

    /// <summary>What the stored numbers are to be divided by: 10^<see cref="Decimals"/>, or 1.</summary>
    public double Scale { get; } = ScaleOf(decimals);

    /// <summary>Rows with a number.</summary>
    public int[] Counts { get; } = counts;

    /// <summary>Events with a number; null = as <see cref="Counts"/>.</summary>
    public double[]? Weights { get; } = weights;

    /// <summary>Sums over events, to be divided by <see cref="Scale"/>.</summary>
    public double[] Sums { get; } = new double[counts.Length];

    /// <summary>Least numbers, to be divided by <see cref="Scale"/>; +infinity where there is none.</summary>
    public double[] Mins { get; } = Filled(counts.Length, double.PositiveInfinity);

    /// <summary>Greatest numbers, to be divided by <see cref="Scale"/>; -infinity where there is none.</summary>
    public double[] Maxs { get; } = Filled(counts.Length, double.NegativeInfinity);

    /// <summary>Bins of the quantile sketches, by cell; null when the block has no sketches of the field.</summary>
    public SketchCells? Sketches { get; set; }

    /// <summary>Events of a cell with a number.</summary>
    public double Weight(int cell) => Weights is null ? Counts[cell] : Weights[cell];

    /// <summary>10^decimals; 1 for <see cref="Float"/>.</summary>
    internal static double ScaleOf(int decimals) => decimals < 0 ? 1 : Scales[decimals];

    private static double[] Filled(int count, double value)
    {
        var array = new double[count];
        Array.Fill(array, value);
        return array;
    }
}
