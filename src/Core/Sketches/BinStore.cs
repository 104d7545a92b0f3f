using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StreamObserve.Core.Sketches;

/// <summary>
/// The weights of one sign's bins: a dense window of at most <see cref="SketchLimits.QuantileBinsMax"/> bins that grows where values fall.
/// What the window cannot reach lies below its highest used bin less the maximum; it is collapsed into the window's lowest bin, so the content depends only on
/// what was added, not on the order. Single-threaded.
/// </summary>
internal sealed class BinStore
{
    private const int StrideOfSearch = 32;

    private double[] _weights = [];
    private int _lowest;

    /// <summary>True when weight was moved into a higher bin than its own.</summary>
    public bool Collapsed { get; set; }

    /// <summary>The weights of the bins from <see cref="Lowest"/> up; many may be zero.</summary>
    public ReadOnlySpan<double> Weights => _weights;

    /// <summary>True when the window is as large as it gets and used to the top, so that it cannot move down.</summary>
    private bool IsFull => _weights.Length == SketchLimits.QuantileBinsMax && _weights[^1] > 0;

    /// <summary>The bin of the first weight.</summary>
    public int Lowest => _lowest;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int bin, double weight)
    {
        var weights = _weights;
        var slot = bin - _lowest;
        if ((uint)slot < (uint)weights.Length)
        {
            weights[slot] += weight;
        }
        else
        {
            AddOutside(bin, weight);
        }
    }

    /// <summary>Makes the window hold the bins before they are added, where all of them fit beside what is there; else nothing.</summary>
    public void EnsureRoom(int low, int high)
    {
        if ((low < _lowest || high >= _lowest + _weights.Length) && !(TryGetUsed(out var usedLow, out var usedHigh)
            && (long)Math.Max(high, usedHigh) - Math.Min(low, usedLow) >= SketchLimits.QuantileBinsMax) && (long)high - low < SketchLimits.QuantileBinsMax)
        {
            Cover(low, high, growsOn: false);
        }
    }

    /// <summary>Adds bins in order: bin i is <paramref name="firstBin"/> plus or minus (<paramref name="direction"/>) offsets[i].</summary>
    public void AddOrdered(int firstBin, int direction, ReadOnlySpan<ushort> offsets, ReadOnlySpan<ushort> counts)
    {
        int first = firstBin + (direction * offsets[0]), last = firstBin + (direction * offsets[^1]);
        var (low, high) = first <= last ? (first, last) : (last, first);
        if (high >= _lowest + _weights.Length || (low < _lowest && !IsFull))
        {
            Cover(low, high);
        }

        var weights = _weights;
        var shift = firstBin - _lowest;
        if (low >= _lowest && direction > 0)
        {
            // Fast path: nothing is collapsed.
            for (var i = 0; i < offsets.Length; i++)
            {
                weights[shift + offsets[i]] += counts[i];
            }

            return;
        }

        Collapsed |= low < _lowest;
        for (var i = 0; i < offsets.Length; i++)
        {
            weights[Math.Max(shift + (direction * offsets[i]), 0)] += counts[i];
        }
    }

    public void Merge(BinStore other)
    {
        Collapsed |= other.Collapsed;
        if (other._weights.Length > 0 && other._lowest >= _lowest && other._lowest + other._weights.Length <= _lowest + _weights.Length)
        {
            // Fast path: a window within this one.
            AddAll(_weights.AsSpan(other._lowest - _lowest, other._weights.Length), other._weights);
            return;
        }

        if (!other.TryGetUsed(out var low, out var high))
        {
            return;
        }

        if (_weights.Length == 0)
        {
            // Fast path: the first that comes.
            _weights = BinArrays.Rent(other._weights.Length);
            other._weights.CopyTo(_weights, 0);
            _lowest = other._lowest;
            return;
        }

        var source = other._weights.AsSpan(low - other._lowest, high - low + 1);
        if (low < _lowest || high >= _lowest + _weights.Length)
        {
            Cover(low, high);       // never of this very store: what it uses is covered
        }

        var below = Math.Clamp(_lowest - low, 0, source.Length);
        for (var i = 0; i < below; i++)
        {
            _weights[0] += source[i];
        }

        if (below < source.Length)
        {
            AddAll(_weights.AsSpan(low + below - _lowest, source.Length - below), source[below..]);
        }
    }

    /// <summary>Adds counts of the bins from <paramref name="low"/> on.</summary>
    public void Add(int low, ReadOnlySpan<int> counts)
    {
        var first = counts.IndexOfAnyExcept(0);
        if (first < 0)
        {
            return;
        }

        var last = counts.LastIndexOfAnyExcept(0);
        if (low + first < _lowest || low + last >= _lowest + _weights.Length)
        {
            if (low + first < _lowest && _weights.Length == SketchLimits.QuantileBinsMax)
            {
                // Slow path: near the widest window, what is too low collapses one bin at a time.
                for (var i = first; i <= last; i++)
                {
                    if (counts[i] != 0)
                    {
                        Add(low + i, counts[i]);
                    }
                }

                return;
            }

            // A whole segment's numbers come at once: the next ones' range will hardly be wider.
            Cover(low + first, low + last, growsOn: _weights.Length > 0);
        }

        var weights = _weights;
        for (var i = first; i <= last; i++)
        {
            if (counts[i] != 0)
            {
                weights[Math.Max(low + i - _lowest, 0)] += counts[i];
            }
        }
    }

    public void Clear()
    {
        Array.Clear(_weights);
        Collapsed = false;
    }

    /// <summary>Forgets all values, and the memory.</summary>
    public void Release()
    {
        BinArrays.Return(_weights);
        _weights = [];
        _lowest = 0;
        Collapsed = false;
    }

    /// <summary>The sum of all weights, in an order that depends on the machine: for weights that are whole numbers the same in any.</summary>
    public double Total() => Sum(_weights);

    /// <summary>
    /// Finds the lowest bin with which the sum of the weights up to it is above <paramref name="rank"/>; the highest that is used when there is none, the bin before the window when nothing is.
    /// <paramref name="sum"/>: up to and with that bin.
    /// </summary>
    public int FindRank(double rank, out double sum)
    {
        var weights = _weights.AsSpan();
        sum = 0;
        var from = 0;
        for (; from + StrideOfSearch <= weights.Length; from += StrideOfSearch)
        {
            var next = sum + Sum(weights.Slice(from, StrideOfSearch));
            if (next > rank)
            {
                break;
            }

            sum = next;
        }

        for (; from < weights.Length; from++)
        {
            sum += weights[from];
            if (sum > rank)
            {
                return _lowest + from;
            }
        }

        return TryGetUsed(out _, out var high) ? high : _lowest - 1;
    }

    /// <summary>The next higher bin that has weight; one past the window when there is none.</summary>
    public int Next(int bin)
    {
        var at = BitsOf(_weights)[(bin - _lowest + 1)..].IndexOfAnyExcept(0);
        return at < 0 ? _lowest + _weights.Length : bin + 1 + at;
    }

    /// <summary>The lowest and the highest bin that have weight; false when none has.</summary>
    public bool TryGetUsed(out int low, out int high)
    {
        var bits = BitsOf(_weights);
        var first = bits.IndexOfAnyExcept(0);
        if (first < 0)
        {
            (low, high) = (0, -1);
            return false;
        }

        low = _lowest + first;
        high = _lowest + bits.LastIndexOfAnyExcept(0);
        return true;
    }

    /// <summary>Weights as whole numbers, many of which can be compared with nothing at once: no weight is -0.</summary>
    private static ReadOnlySpan<long> BitsOf(ReadOnlySpan<double> weights) => MemoryMarshal.Cast<double, long>(weights);

    private static double Sum(ReadOnlySpan<double> weights)
    {
        var sums = Vector<double>.Zero;
        var i = 0;
        for (; i <= weights.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            sums += new Vector<double>(weights[i..]);
        }

        var total = Vector.Sum(sums);
        for (; i < weights.Length; i++)
        {
            total += weights[i];
        }

        return total;
    }

    private static void AddAll(Span<double> to, ReadOnlySpan<double> added)
    {
        var i = 0;
        for (; i <= added.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            (new Vector<double>(to[i..]) + new Vector<double>(added[i..])).CopyTo(to[i..]);
        }

        for (; i < added.Length; i++)
        {
            to[i] += added[i];
        }
    }

    private void AddOutside(int bin, double weight)
    {
        // Fast path of a store that is collapsed already.
        if (bin < _lowest && IsFull)
        {
            _weights[0] += weight;
            Collapsed = true;
            return;
        }

        Cover(bin, bin);
        _weights[Math.Max(bin - _lowest, 0)] += weight;
    }

    /// <summary>Moves or grows the window so that it holds what has weight and the given bins, the highest first where that is too much.</summary>
    private void Cover(int low, int high, bool growsOn = true)
    {
        var hasUsed = TryGetUsed(out var usedLow, out var usedHigh);
        var newLow = hasUsed ? Math.Min(low, usedLow) : low;
        var newHigh = hasUsed ? Math.Max(high, usedHigh) : high;
        var span = (long)newHigh - newLow + 1;
        if (span > SketchLimits.QuantileBinsMax)
        {
            Collapsed = true;
            Move(newHigh - SketchLimits.QuantileBinsMax + 1, SketchLimits.QuantileBinsMax, usedLow, usedHigh);
            return;
        }

        var grown = growsOn ? span + (span / 2) : span;
        var capacity = (int)Math.Min(SketchLimits.QuantileBinsMax, (grown + BinArrays.Step - 1) / BinArrays.Step * BinArrays.Step);
        capacity = Math.Max(capacity, _weights.Length);
        var slack = capacity - (int)span;
        var growsDown = hasUsed && newLow < usedLow;
        var growsUp = hasUsed && newHigh > usedHigh;
        var below = growsDown == growsUp ? slack / 2 : growsDown ? slack : 0;
        Move(newLow - below, capacity, usedLow, usedHigh);
    }

    /// <summary>Puts what has weight, which is bins <paramref name="usedLow"/> to <paramref name="usedHigh"/>, into another window; what lies below it into its lowest bin.</summary>
    private void Move(int lowest, int capacity, int usedLow, int usedHigh)
    {
        var moved = BinArrays.Rent(capacity);
        var bin = usedLow;
        for (; bin <= usedHigh && bin < lowest; bin++)
        {
            moved[0] += _weights[bin - _lowest];
        }

        if (bin <= usedHigh)
        {
            AddAll(moved.AsSpan(bin - lowest, usedHigh - bin + 1), _weights.AsSpan(bin - _lowest, usedHigh - bin + 1));
        }

        BinArrays.Return(_weights);
        _weights = moved;
        _lowest = lowest;
    }
}
