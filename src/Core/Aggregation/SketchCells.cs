using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// Bins of the quantile sketches of many cells, side by side: those of cell c are numbers [Starts[c], Starts[c + 1]), in ascending order of their codes
/// (<see cref="SketchCodes"/>). In memory four bytes a bin, as long as codes and weights are of the usual range. Immutable.
/// </summary>
public sealed class SketchCells
{
    private readonly ushort[]? _offsets;
    private readonly ushort[]? _counts;
    private readonly int[]? _codes;
    private readonly double[]? _weights;

    private SketchCells(int[] starts, int[] codes, double[] weights) => (Starts, _codes, _weights) = (starts, codes, weights);

    /// <summary>
    /// Compact sketches: bin i has the code <paramref name="firstCode"/> + <paramref name="offsets"/>[i], none is past <paramref name="lastCode"/>. The arrays are its own from now on.
    /// </summary>
    internal SketchCells(int[] starts, int firstCode, int lastCode, ushort[] offsets, ushort[] counts) =>
        (Starts, FirstCode, LastCode, _offsets, _counts) = (starts, firstCode, lastCode, offsets, counts);

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
        var counts = LentArrays.Rent<int>(codes.Length);
        var isSmall = true;
        for (var i = 0; i < codes.Length; i++)
        {
            counts[i] = (ushort)weights[i];
            isSmall &= counts[i] == weights[i];
        }

        var sketches = isSmall ? Of(starts, codes, counts.AsSpan(0, codes.Length)) : new(starts, codes.ToArray(), weights.ToArray());
        LentArrays.Return(counts);
        return sketches;
    }

    /// <summary>Sketches of these bins, which are copied; counts of no less than 0.</summary>
    public static SketchCells Of(int[] starts, ReadOnlySpan<int> codes, ReadOnlySpan<int> counts)
    {
        int least = int.MaxValue, greatest = int.MinValue, all = 0;
        for (var i = 0; i < codes.Length; i++)
        {
            (least, greatest) = (Math.Min(least, codes[i]), Math.Max(greatest, codes[i]));
            all |= counts[i];
        }

        if (all > ushort.MaxValue || (long)greatest - least > ushort.MaxValue)
        {
            var weights = new double[counts.Length];
            for (var i = 0; i < weights.Length; i++)
            {
                weights[i] = counts[i];
            }

            return new(starts, codes.ToArray(), weights);
        }

        var offsets = new ushort[codes.Length];
        var small = new ushort[codes.Length];
        for (var i = 0; i < codes.Length; i++)
        {
            (offsets[i], small[i]) = ((ushort)(codes[i] - least), (ushort)counts[i]);
        }

        return new(starts, least, greatest, offsets, small);
    }

    /// <summary>The bins of positive numbers within which all bins of all cells lie, where none is of another number and codes are of the usual range.</summary>
    public (int Low, int High)? PositiveRange => _offsets is { Length: > 0 } && FirstCode > 0 ? (FirstCode - SketchCodes.Middle, LastCode - SketchCodes.Middle) : null;

    /// <summary>True when codes and weights are of the usual range: then there are <see cref="Offsets"/> and <see cref="Counts"/>.</summary>
    internal bool IsCompact => _offsets is not null;

    /// <summary>What the offsets are added to.</summary>
    internal int FirstCode { get; }

    /// <summary>A code that none is past.</summary>
    internal int LastCode { get; }

    /// <summary>By bin, the distance of its code to <see cref="FirstCode"/>.</summary>
    internal ReadOnlySpan<ushort> Offsets => _offsets;

    /// <summary>By bin, its weight.</summary>
    internal ReadOnlySpan<ushort> Counts => _counts;

    /// <summary>True when the cell has no bin.</summary>
    public bool IsEmpty(int cell) => Starts[cell] == Starts[cell + 1];

    /// <summary>The code of a bin by its number.</summary>
    public int Code(int bin) => _offsets is null ? _codes![bin] : FirstCode + _offsets[bin];

    /// <summary>The weight of a bin by its number.</summary>
    public double Weight(int bin) => _counts is null ? _weights![bin] : _counts[bin];

    /// <summary>Adds a cell's bins, of which there is one, to a sketch.</summary>
    public void AddTo(QuantileSketch sketch, int cell)
    {
        int from = Starts[cell], count = Starts[cell + 1] - from;
        if (_offsets is not null)
        {
            // Fast path: whole numbers of a small range.
            sketch.AddOrdered(FirstCode, _offsets.AsSpan(from, count), _counts.AsSpan(from, count));
            return;
        }

        for (var i = from; i < from + count; i++)
        {
            sketch.Add(SketchCodes.BinOf(_codes![i], _weights![i]));
        }
    }
}
