using System.Numerics;
using System.Runtime.CompilerServices;

namespace StreamObserve.Core.Sketches;

/// <summary>
/// The weights of one sign's bins: a dense window of at most <see cref="SketchLimits.QuantileBinsMax"/> bins that grows where values fall.
/// What the window cannot reach lies below its highest used bin less the maximum; it is collapsed into the window's lowest bin, so the content depends only on
/// what was added, not on the order. Single-threaded.
/// </summary>
internal sealed class BinStore
{
    private const int WindowStep = 64;

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
            Cover(low, high);
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
        if (!other.TryGetUsed(out var low, out var high))
        {
            return;
        }

        if (_weights.Length == 0)
        {
            // Fast path: the first that comes.
            (_weights, _lowest) = (other._weights.AsSpan().ToArray(), other._lowest);
            return;
        }

        // The other's weights are taken first: it may be this very store, whose window moves.
        var source = other._weights.AsSpan(low - other._lowest, high - low + 1);
        if (low < _lowest || high >= _lowest + _weights.Length)
        {
            Cover(low, high);
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

            Cover(low + first, low + last);
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

    public double Total()
    {
        var total = 0d;
        foreach (var weight in _weights)
        {
            total += weight;
        }

        return total;
    }

    /// <summary>The lowest and the highest bin that have weight; false when none has.</summary>
    public bool TryGetUsed(out int low, out int high)
    {
        var first = _weights.AsSpan().IndexOfAnyExcept(0d);
        if (first < 0)
        {
            (low, high) = (0, -1);
            return false;
        }

        low = _lowest + first;
        high = _lowest + _weights.AsSpan().LastIndexOfAnyExcept(0d);
        return true;
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
    private void Cover(int low, int high)
    {
        if (!TryGetUsed(out var usedLow, out var usedHigh))
        {
            (usedLow, usedHigh) = (low, high);
        }

        var newLow = Math.Min(low, usedLow);
        var newHigh = Math.Max(high, usedHigh);
        var span = (long)newHigh - newLow + 1;
        if (span > SketchLimits.QuantileBinsMax)
        {
            Collapsed = true;
            newLow = newHigh - SketchLimits.QuantileBinsMax + 1;
            Move(newLow, SketchLimits.QuantileBinsMax);
            return;
        }

        var grown = span + (span / 2);
        var capacity = (int)Math.Min(SketchLimits.QuantileBinsMax, (grown + WindowStep - 1) / WindowStep * WindowStep);
        capacity = Math.Max(capacity, _weights.Length);
        var slack = capacity - (int)span;
        var growsDown = newLow < usedLow;
        var growsUp = newHigh > usedHigh;
        var below = growsDown == growsUp ? slack / 2 : growsDown ? slack : 0;
        Move(newLow - below, capacity);
    }

    private void Move(int lowest, int capacity)
    {
        var moved = new double[capacity];
        for (var i = 0; i < _weights.Length; i++)
        {
            if (_weights[i] > 0)
            {
                moved[Math.Max(_lowest + i - lowest, 0)] += _weights[i];
            }
        }

        _weights = moved;
        _lowest = lowest;
    }
}
