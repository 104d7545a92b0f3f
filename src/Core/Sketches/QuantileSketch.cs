using System.Runtime.CompilerServices;

namespace StreamObserve.Core.Sketches;

/// <summary>
/// A DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019) over the bins of
/// <see cref="LogBins"/>: the value at any rank is within <see cref="LogBins.RelativeError"/> (0.99 %) of the true one, whatever the distribution.
/// Positive, negative and zero values; weights are real and greater than zero. Merging is associative and commutative, with the empty sketch as identity
/// (exactly so for integral weights up to 2^53 in sum).
/// Single-threaded; reuse with <see cref="Clear"/>.
/// </summary>
public sealed partial class QuantileSketch
{
    private readonly BinStore _positive = new();
    private readonly BinStore _negative = new();
    private double _zero;

    /// <summary>The sum of the weights added. Costs one pass over the bins.</summary>
    public double Count => _zero + _positive.Total() + _negative.Total();

    /// <summary>Bytes of memory held, about.</summary>
    public long MemoryBytes => 160 + ((_positive.Weights.Length + _negative.Weights.Length) * 8L);

    /// <summary>True when nothing was added.</summary>
    public bool IsEmpty => _zero == 0 && !_positive.TryGetUsed(out _, out _) && !_negative.TryGetUsed(out _, out _);

    /// <summary>
    /// True when values of one sign spanned more than <see cref="SketchLimits.QuantileBinsMax"/> bins, so that the smallest magnitudes are counted in one bin above
    /// their own. Quantiles that fall there are not within the error bound; <see cref="Quantile(double, out bool)"/> tells which.
    /// </summary>
    public bool LowestCollapsed => _positive.Collapsed || _negative.Collapsed;

    /// <summary>
    /// Counts a value. NaN, infinities and weights that are not finite or not greater than 0 are refused with <see cref="ArgumentOutOfRangeException"/>.
    /// Magnitudes below 2^-1022 count as zero. Allocates only when the values' range grows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(double value, double weight = 1)
    {
        SketchWeights.Check(weight);
        var bits = BitConverter.DoubleToUInt64Bits(value);
        if (bits - LogBins.SmallestNormalBits < LogBins.InfinityBits - LogBins.SmallestNormalBits)
        {
            _positive.Add(LogBins.BinOfNormal(bits), weight);
        }
        else
        {
            AddNotPositive(value, weight);
        }
    }

    /// <summary>Counts a whole bin, e.g. from a flat array of bins kept elsewhere. Refuses what <see cref="Add"/> would.</summary>
    public void Add(SketchBin bin)
    {
        SketchWeights.Check(bin.Weight);
        if (bin.Sign == 0)
        {
            _zero += bin.Weight;
            return;
        }

        if (bin.Bin is < LogBins.Lowest or > LogBins.Highest)
        {
            throw new ArgumentOutOfRangeException(nameof(bin), bin.Bin, $"a bin is from {LogBins.Lowest} to {LogBins.Highest}");
        }

        (bin.Sign > 0 ? _positive : _negative).Add(bin.Bin, bin.Weight);
    }

    /// <summary>Counts whole bins of positive numbers, from <paramref name="low"/> on, which must all exist.</summary>
    internal void AddPositive(int low, ReadOnlySpan<int> counts) => _positive.Add(low, counts);

    /// <summary>Makes room for bins of positive numbers that are about to come.</summary>
    internal void ExpectPositive(int low, int high) => _positive.EnsureRoom(low, high);

    /// <summary>Counts one positive number by its bin, which must exist.</summary>
    internal void AddPositive(int bin) => _positive.Add(bin, 1);

    /// <summary>
    /// Counts whole bins: code i is <paramref name="firstCode"/> + offsets[i] (<see cref="SketchCodes"/>), the offsets ascend, the counts are above 0. Trusted, as read
    /// from a checked block.
    /// </summary>
    internal void AddOrdered(int firstCode, ReadOnlySpan<ushort> offsets, ReadOnlySpan<ushort> counts)
    {
        var negative = 0;
        while (negative < offsets.Length && firstCode + offsets[negative] < 0)
        {
            negative++;
        }

        if (negative > 0)
        {
            _negative.AddOrdered(SketchCodes.BinOf(firstCode), -1, offsets[..negative], counts[..negative]);
        }

        if (negative < offsets.Length && firstCode + offsets[negative] == 0)
        {
            _zero += counts[negative++];
        }

        if (negative < offsets.Length)
        {
            _positive.AddOrdered(firstCode - SketchCodes.Middle, 1, offsets[negative..], counts[negative..]);
        }
    }

    /// <summary>Adds all that the other sketch has counted; the other is left as it is.</summary>
    public void Merge(QuantileSketch other)
    {
        ArgumentNullException.ThrowIfNull(other);
        _zero += other._zero;
        _positive.Merge(other._positive);
        _negative.Merge(other._negative);
    }

    /// <summary>Forgets all values; keeps the memory.</summary>
    public void Clear()
    {
        _zero = 0;
        _positive.Clear();
        _negative.Clear();
    }

    /// <summary>Forgets all values and gives the memory to the next sketches.</summary>
    internal void Release()
    {
        _zero = 0;
        _positive.Release();
        _negative.Release();
    }

    /// <summary>
    /// The value at rank q * (Count - 1) of the values in ascending order, counted from 0, on the line between the two neighbours where the rank falls between ranks; NaN
    /// when empty. Each of the two is within <see cref="LogBins.RelativeError"/>, so what lies between them is too, unless one is negative and the other positive.
    /// </summary>
    /// <param name="q">From 0 to 1; anything else is refused with <see cref="ArgumentOutOfRangeException"/>.</param>
    public double Quantile(double q) => Quantile(q, out _);

    /// <summary>As <see cref="Quantile(double)"/>; <paramref name="bounded"/> is false when the answer comes from a collapsed bin and has no error bound.</summary>
    public double Quantile(double q, out bool bounded)
    {
        if (!(q >= 0 && q <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(q), q, "a quantile is from 0 to 1");
        }

        bounded = true;
        var notPositive = _zero + _negative.Total();
        var position = Math.Max(0, q * (notPositive + _positive.Total() - 1));
        var rank = Math.Floor(position);
        var share = position - rank;
        if (rank >= notPositive)
        {
            // Fast path: among the positive numbers, whose sum is found many bins at a time.
            return PositiveQuantile(rank - notPositive, share, out bounded);
        }

        var below = 0d;
        var lower = double.NaN;
        foreach (var bin in this)
        {
            below += bin.Weight;
            if (below <= rank)
            {
                continue;
            }

            if (double.IsNaN(lower))
            {
                lower = bin.Representative;
                bounded = !IsCollapsed(bin);
                if (share == 0 || below > rank + 1)
                {
                    return lower;
                }
            }
            else if (below > rank + 1)
            {
                bounded &= !IsCollapsed(bin);
                return ((1 - share) * lower) + (share * bin.Representative);
            }
        }

        return lower;
    }

    private double PositiveQuantile(double rank, double share, out bool bounded)
    {
        bounded = true;
        var store = _positive;
        var at = store.FindRank(rank, out var below);
        var end = store.Lowest + store.Weights.Length;
        if (at < store.Lowest)
        {
            return double.NaN;
        }

        var lower = new SketchBin(1, at, 1);
        bounded = !IsCollapsed(lower);
        if (share == 0 || below > rank + 1)
        {
            return lower.Representative;
        }

        for (at = store.Next(at); at < end; at = store.Next(at))
        {
            below += store.Weights[at - store.Lowest];
            if (below > rank + 1)
            {
                var upper = new SketchBin(1, at, 1);
                return ((1 - share) * lower.Representative) + (share * upper.Representative);
            }
        }

        return lower.Representative;
    }

    /// <summary>The least and the greatest number of a bin of either sign, the bin of zero aside; false when there is none.</summary>
    internal bool TryGetRange(out int low, out int high, out bool hasPositive, out bool hasNegative)
    {
        hasPositive = _positive.TryGetUsed(out var positiveLow, out var positiveHigh);
        hasNegative = _negative.TryGetUsed(out var negativeLow, out var negativeHigh);
        (low, high) = (hasPositive, hasNegative) switch
        {
            (true, true) => (Math.Min(positiveLow, negativeLow), Math.Max(positiveHigh, negativeHigh)),
            (true, false) => (positiveLow, positiveHigh),
            _ => (negativeLow, negativeHigh),
        };
        return hasPositive || hasNegative;
    }

    /// <summary>The bins that have weight, in ascending order of value. Adding or merging meanwhile is not allowed.</summary>
    public BinEnumerator GetEnumerator() => new(this);

    /// <summary>True of the bin in which all magnitudes below its own are counted too.</summary>
    internal bool IsCollapsed(SketchBin bin)
    {
        if (bin.Sign == 0)
        {
            return false;
        }

        var store = bin.Sign > 0 ? _positive : _negative;
        return store.Collapsed && store.TryGetUsed(out var low, out _) && bin.Bin == low;
    }

    private void AddNotPositive(double value, double weight)
    {
        if (LogBins.CountsAsZero(value))
        {
            _zero += weight;
            return;
        }

        if (!double.IsFinite(value))
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, "a value must be finite");
        }

        _negative.Add(LogBins.BinOf(-value), weight);
    }

    /// <summary>Walks the bins of a sketch in ascending order of value.</summary>
    public struct BinEnumerator
    {
        private readonly QuantileSketch _sketch;
        private int _slot;
        private int _sign;

        internal BinEnumerator(QuantileSketch sketch)
        {
            _sketch = sketch;
            _sign = -1;
            _slot = sketch._negative.Weights.Length;
        }

        /// <summary>The bin that <see cref="MoveNext"/> came to.</summary>
        public SketchBin Current { get; private set; }

        /// <summary>Goes to the next bin; false after the last.</summary>
        public bool MoveNext() => _sign switch
        {
            < 0 => MoveNegative(),
            0 => MoveZero(),
            _ => MovePositive(),
        };

        private bool MoveNegative()
        {
            var weights = _sketch._negative.Weights;
            while (--_slot >= 0)
            {
                if (weights[_slot] > 0)
                {
                    Current = new SketchBin(-1, _sketch._negative.Lowest + _slot, weights[_slot]);
                    return true;
                }
            }

            _sign = 0;
            return MoveZero();
        }

        private bool MoveZero()
        {
            _sign = 1;
            _slot = -1;
            if (_sketch._zero > 0)
            {
                Current = new SketchBin(0, 0, _sketch._zero);
                return true;
            }

            return MovePositive();
        }

        private bool MovePositive()
        {
            var weights = _sketch._positive.Weights;
            while (++_slot < weights.Length)
            {
                if (weights[_slot] > 0)
                {
                    Current = new SketchBin(1, _sketch._positive.Lowest + _slot, weights[_slot]);
                    return true;
                }
            }

            return false;
        }
    }
}
