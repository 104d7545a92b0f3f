using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// Bins of the quantile sketches of many cells, side by side: those of cell c are numbers [Starts[c], Starts[c + 1]), in ascending order of their codes
/// (<see cref="SketchCodes"/>). In memory four bytes a bin, as long as codes and weights are of the usual range. Immutable.
/// </summary>
public sealed class SketchCells
{
    private readonly int _firstCode;
    private readonly ushort[]? _offsets;
    private readonly ushort[]? _counts;
    private readonly int[]? _codes;
    private readonly double[]? _weights;

    private SketchCells(int[] starts, int firstCode, int lastCode, ushort[] offsets, ushort[] counts) =>
        (Starts, _firstCode, LastCode, _offsets, _counts) = (starts, firstCode, lastCode, offsets, counts);

    private SketchCells(int[] starts, int[] codes, double[] weights) => (Starts, _codes, _weights) = (starts, codes, weights);

    /// <summary>Where each cell's bins start; one entry more than there are cells.</summary>
    public int[] Starts { get; }

    /// <summary>How many cells.</summary>
    public int Cells => Starts.Length - 1;

    /// <summary>How many bins.</summary>
    public int Bins => Starts[^1];

    /// <summary>Bytes of memory held, about.</summary>
    public long MemoryBytes => (Starts.Length * 4L) + (Bins * (_offsets is null ? 12L : 4L));

    /// <summary>Sketches of these bins, which are copied.</summary>
    public static SketchCells Of(int[] starts, ReadOnlySpan<int> codes, ReadOnlySpan<double> weights)
    {
        int least = int.MaxValue, greatest = int.MinValue;
        var isSmall = true;
        for (var i = 0; i < codes.Length; i++)
        {
            (least, greatest) = (Math.Min(least, codes[i]), Math.Max(greatest, codes[i]));
            isSmall &= weights[i] <= ushort.MaxValue && weights[i] == (ushort)weights[i];
        }

        if (!isSmall || (long)greatest - least > ushort.MaxValue)
        {
            return new(starts, codes.ToArray(), weights.ToArray());
        }

        var offsets = new ushort[codes.Length];
        var counts = new ushort[codes.Length];
        for (var i = 0; i < codes.Length; i++)
        {
            (offsets[i], counts[i]) = ((ushort)(codes[i] - least), (ushort)weights[i]);
        }

        return new(starts, least, greatest, offsets, counts);
    }

    /// <summary>The bins of positive numbers within which all bins of all cells lie, where none is of another number and codes are of the usual range.</summary>
    public (int Low, int High)? PositiveRange => _offsets is { Length: > 0 } && _firstCode > 0 ? (_firstCode - SketchCodes.Middle, LastCode - SketchCodes.Middle) : null;

    private int LastCode { get; }

    /// <summary>True when the cell has no bin.</summary>
    public bool IsEmpty(int cell) => Starts[cell] == Starts[cell + 1];

    /// <summary>The code of a bin by its number.</summary>
    public int Code(int bin) => _offsets is null ? _codes![bin] : _firstCode + _offsets[bin];

    /// <summary>The weight of a bin by its number.</summary>
    public double Weight(int bin) => _counts is null ? _weights![bin] : _counts[bin];

    /// <summary>Adds a cell's bins, of which there is one, to a sketch.</summary>
    public void AddTo(QuantileSketch sketch, int cell)
    {
        int from = Starts[cell], count = Starts[cell + 1] - from;
        if (_offsets is not null)
        {
            // Fast path: whole numbers of a small range.
            sketch.AddOrdered(_firstCode, _offsets.AsSpan(from, count), _counts.AsSpan(from, count));
            return;
        }

        for (var i = from; i < from + count; i++)
        {
            sketch.Add(SketchCodes.BinOf(_codes![i], _weights![i]));
        }
    }
}
