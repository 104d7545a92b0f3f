namespace StreamObserve.Core.Querying.Variance;

/// <summary>
/// Sums in which each sampling unit (a trace) is added to one of some buckets with a sign of its own, both by the unit's hash. The squares of a sum's buckets add
/// up to an unbiased estimate of the sum of the units' squared totals, whatever the order in which a unit's rows come and however far apart: what a table of units
/// would give exactly, in bounded memory and without one. With fewer units than buckets it is nearly exact. Single-threaded.
/// </summary>
/// <remarks>
/// The tug-of-war sketch of Alon, Matias and Szegedy (STOC 1996) in the bucketed form of Thorup and Zhang (SODA 2004). When room runs out every sum takes half its
/// buckets: bucket i and i + n/2 become one, which is what the sum would be had it begun so.
/// </remarks>
internal sealed class SignedSums
{
    private readonly int _numbersMax;
    private double[] _sums = [];
    private double[] _plain = [];

    public SignedSums(int numbersMax = VarianceLimits.NumbersMax) => _numbersMax = numbersMax;

    /// <summary>Buckets of each sum, a power of two.</summary>
    public int Buckets { get; private set; } = VarianceLimits.BucketsMax;

    /// <summary>Sums so far.</summary>
    public int Count { get; private set; }

    /// <summary>Room for some more sums, the first of which is returned; -1 when there is none left. An eighth of all is for those that are <paramref name="favoured"/>.</summary>
    public int Allocate(int count, bool favoured = false)
    {
        var numbersMax = favoured ? _numbersMax : _numbersMax - (_numbersMax / 8);
        while ((long)(Count + count) * Buckets > numbersMax)
        {
            if (Buckets == VarianceLimits.BucketsMin)
            {
                return -1;
            }

            Halve();
        }

        var first = Count;
        Count += count;
        if (Count > _plain.Length)
        {
            Array.Resize(ref _plain, Math.Max(Count, _plain.Length * 2));
        }

        var needed = Count * Buckets;
        if (needed > _sums.Length)
        {
            Array.Resize(ref _sums, (int)Math.Min(Math.Max(needed, _sums.Length * 2L), _numbersMax));
        }

        return first;
    }

    /// <summary>Adds a row of a unit: its value to the plain sum, the value times <paramref name="scale"/> to the unit's bucket.</summary>
    public void Add(int sum, ulong unit, double value, double scale)
    {
        _plain[sum] += value;
        var signed = (long)unit < 0 ? -value : value;
        _sums[(sum * Buckets) + (int)(unit & (uint)(Buckets - 1))] += signed * scale;
    }

    /// <summary>The sum of the values as they are.</summary>
    public double Plain(int sum) => _plain[sum];

    /// <summary>The buckets of a sum; valid until the next <see cref="Allocate"/>.</summary>
    public ReadOnlySpan<double> Of(int sum) => _sums.AsSpan(sum * Buckets, Buckets);

    /// <summary>Adds a sum of others, to which rows of any units went: the two together are what one sum of all rows would be.</summary>
    public void AddFrom(int sum, SignedSums others, int other)
    {
        while (Buckets > others.Buckets)
        {
            Halve();
        }

        _plain[sum] += others._plain[other];
        var buckets = others.Of(other);
        for (var i = 0; i < buckets.Length; i++)
        {
            _sums[(sum * Buckets) + (i & (Buckets - 1))] += buckets[i];
        }
    }

    private void Halve()
    {
        var half = Buckets / 2;
        for (var sum = 0; sum < Count; sum++)
        {
            var from = sum * Buckets;
            var to = sum * half;
            for (var i = 0; i < half; i++)
            {
                _sums[to + i] = _sums[from + i] + _sums[from + half + i];
            }
        }

        _sums.AsSpan(Count * half, Math.Min(_sums.Length, Count * Buckets) - (Count * half)).Clear();
        Buckets = half;
    }
}
