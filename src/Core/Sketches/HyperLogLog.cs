using System.Numerics;
using System.Runtime.CompilerServices;

namespace StreamObserve.Core.Sketches;

/// <summary>
/// Counts distinct 64-bit hashes (<see cref="Hash64"/>). Up to 2^p / 8 of them it keeps each, as the sparse form of HyperLogLog++ does (Heule, Nunkesser, Hall, 2013):
/// the upper 26 bits and the run of zeros after them, 4 bytes a hash; beyond, 2^p registers of one byte. The estimate over registers is the improved raw estimator of
/// Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017, arXiv:1702.01284), section 4, which needs no bias table.
/// What aggregates store is coarse: of a hash the register and rank alone (<see cref="CoarseEntryOf"/>). A sketch that took any of it is coarse too: few entries are
/// kept in the same table, by register, and estimated like registers.
/// The content is a function of the set of hashes (and of coarse or not) alone, so merging is associative, commutative and idempotent, and the empty sketch is its identity.
/// Single-threaded; reuse with <see cref="Clear"/>.
/// </summary>
public sealed partial class HyperLogLog
{
    private const int SparseIndexBits = 26;
    private const int SparseRankBits = 6;
    private const int SparseTableStart = 16;
    private const uint RankMask = (1u << SparseRankBits) - 1;

    // The sparse table: open addressing over entries of 26 bits of index (coarse: the register) and 6 bits of rank. A rank is at least 1, so 0 is a free slot.
    private uint[] _sparse = [];
    private int _sparseCount;
    private bool _isCoarse;
    private byte[]? _registers;

    /// <summary>An empty sketch.</summary>
    /// <param name="precision">From 10 to 14; anything else is refused with <see cref="ArgumentOutOfRangeException"/>. The standard error is 1.04 / sqrt(2^precision).</param>
    public HyperLogLog(int precision)
    {
        if (precision is < SketchLimits.HyperLogLogPrecisionMin or > SketchLimits.HyperLogLogPrecisionMax)
        {
            throw new ArgumentOutOfRangeException(
                nameof(precision), precision, $"the precision is from {SketchLimits.HyperLogLogPrecisionMin} to {SketchLimits.HyperLogLogPrecisionMax}");
        }

        Precision = precision;
    }

    /// <summary>The number of index bits: 2^Precision registers.</summary>
    public int Precision { get; }

    /// <summary>True while every hash is kept, so that the estimate is exact but for collisions in 26 bits.</summary>
    public bool IsSparse => _registers is null && !_isCoarse;

    /// <summary>Bytes of memory held, about.</summary>
    public long MemoryBytes => 48 + (_sparse.Length * 4L) + (_registers?.Length ?? 0);

    /// <summary>True when no hash was added.</summary>
    public bool IsEmpty => _registers is null && _sparseCount == 0;

    private int SparseCountMax => SparseMax(Precision);

    /// <summary>Adds one hash, which must be uniform over 64 bits. Allocates only while the sketch is sparse and grows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddHash(ulong hash)
    {
        var registers = _registers;
        if (registers is null)
        {
            AddEntry(_isCoarse ? CoarseEntryOf(hash, Precision) : EntryOf(hash));
            return;
        }

        // The bit put below the hash ends the run of zeros.
        var rank = (byte)(BitOperations.LeadingZeroCount((hash << Precision) | (1UL << (Precision - 1))) + 1);
        ref var register = ref registers[(int)(hash >> (64 - Precision))];
        if (rank > register)
        {
            register = rank;
        }
    }

    /// <summary>Adds all hashes of the other sketch, which is left as it is. Another precision is refused with <see cref="ArgumentException"/>.</summary>
    public void Merge(HyperLogLog other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Precision != Precision)
        {
            throw new ArgumentException($"a sketch of precision {other.Precision} cannot be merged into one of {Precision}", nameof(other));
        }

        if (other._registers is { } theirs)
        {
            MergeRegisters(theirs);
            _isCoarse |= other._isCoarse;
        }
        else if (other != this)
        {
            if (other._isCoarse)
            {
                MakeCoarse();
            }

            foreach (var entry in other._sparse)
            {
                if (entry != 0)
                {
                    AddEntry(other._isCoarse ? entry : Native(entry));
                }
            }
        }
    }

    /// <summary>Adds coarse entries of this sketch's precision; the sketch is coarse from then on.</summary>
    public void AddCoarse(ReadOnlySpan<uint> entries)
    {
        MakeCoarse();
        var i = 0;
        for (; i < entries.Length && _registers is null; i++)
        {
            AddEntry(entries[i]);
        }

        if (_registers is { } registers)
        {
            foreach (var entry in entries[i..])
            {
                ref var register = ref registers[entry >> SparseRankBits];
                register = Math.Max(register, (byte)(entry & RankMask));
            }
        }
    }

    /// <summary>Forgets all hashes.</summary>
    public void Clear()
    {
        Array.Clear(_sparse);
        _sparseCount = 0;
        _registers = null;
        _isCoarse = false;
    }

    /// <summary>The number of distinct hashes added, within <see cref="RelativeErrorBound"/>.</summary>
    public double Estimate()
    {
        if (IsSparse)
        {
            return _sparseCount;
        }

        Span<int> counts = stackalloc int[66];
        counts.Clear();
        if (_registers is { } registers)
        {
            foreach (var register in registers)
            {
                counts[register]++;
            }
        }
        else
        {
            counts[0] = (1 << Precision) - _sparseCount;
            foreach (var entry in _sparse)
            {
                counts[(int)(entry & RankMask)] += entry != 0 ? 1 : 0;
            }
        }

        return EstimateOf(counts, Precision);
    }

    /// <summary>
    /// The relative error that <see cref="Estimate"/> keeps with a probability of 99.7 % (three standard deviations).
    /// Sparse, it is 0 as long as a collision in 26 bits is less likely than 0.3 %, and one in the count after that.
    /// </summary>
    public double RelativeErrorBound
    {
        get
        {
            if (!IsSparse)
            {
                return 3 * 1.04 / Math.Sqrt(1 << Precision);
            }

            var expectedCollisions = (double)_sparseCount * _sparseCount / (2L << SparseIndexBits);
            return expectedCollisions < 0.003 ? 0 : 1.0 / _sparseCount;
        }
    }

    private static int SparseMax(int precision) => (1 << precision) / 8;

    private void AddEntry(uint entry)
    {
        if (_registers is { } registers)
        {
            RaiseRegister(registers, entry);
            return;
        }

        if (_sparseCount * 2 >= _sparse.Length)
        {
            GrowSparse();
        }

        if (!InsertSparse(_sparse, entry) || ++_sparseCount <= SparseCountMax)
        {
            return;
        }

        MakeDense();
    }

    /// <summary>True when the entry's index is new; else the greater rank is kept.</summary>
    private static bool InsertSparse(uint[] table, uint entry)
    {
        var mask = table.Length - 1;
        for (var slot = (int)(entry >> SparseRankBits) & mask; ; slot = (slot + 1) & mask)
        {
            var there = table[slot];
            if (there == 0)
            {
                table[slot] = entry;
                return true;
            }

            if (there >> SparseRankBits == entry >> SparseRankBits)
            {
                table[slot] = Math.Max(there, entry);
                return false;
            }
        }
    }

    private void GrowSparse()
    {
        var grown = new uint[Math.Max(SparseTableStart, _sparse.Length * 2)];
        foreach (var entry in _sparse)
        {
            if (entry != 0)
            {
                InsertSparse(grown, entry);
            }
        }

        _sparse = grown;
    }

    private void MakeDense()
    {
        var registers = new byte[1 << Precision];
        foreach (var entry in _sparse)
        {
            if (entry != 0)
            {
                RaiseRegister(registers, entry);
            }
        }

        _registers = registers;
        _sparse = [];
        _sparseCount = 0;
    }

    /// <summary>An entry of the fine form as this sketch's form has it.</summary>
    private uint Native(uint fine) => _isCoarse ? CoarseOf(fine) : fine;

    /// <summary>The register and rank that the fine entry's hash has.</summary>
    private uint CoarseOf(uint fine)
    {
        var restBits = SparseIndexBits - Precision;
        var index = fine >> SparseRankBits;
        var rest = index & ((1u << restBits) - 1);
        var rank = rest != 0
            ? BitOperations.LeadingZeroCount(rest) - (32 - restBits) + 1
            : restBits + (int)(fine & RankMask);
        return (index >> restBits << SparseRankBits) | (uint)rank;
    }

    private void RaiseRegister(byte[] registers, uint entry)
    {
        var coarse = _isCoarse ? entry : CoarseOf(entry);
        ref var register = ref registers[coarse >> SparseRankBits];
        register = Math.Max(register, (byte)(coarse & RankMask));
    }

    private void MakeCoarse()
    {
        if (_isCoarse)
        {
            return;
        }

        var fine = _sparse;
        _sparse = [];
        _sparseCount = 0;
        _isCoarse = true;
        foreach (var entry in fine)
        {
            if (entry != 0)
            {
                AddEntry(CoarseOf(entry));
            }
        }
    }

    private void MergeRegisters(byte[] theirs)
    {
        if (_registers is null)
        {
            MakeDense();
        }

        var mine = _registers!;
        var i = 0;
        for (; i <= mine.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Max(new Vector<byte>(mine, i), new Vector<byte>(theirs, i)).CopyTo(mine, i);
        }

        for (; i < mine.Length; i++)
        {
            mine[i] = Math.Max(mine[i], theirs[i]);
        }
    }

    private static double EstimateOf(ReadOnlySpan<int> counts, int precision)
    {
        // Ertl's q: the ranks that a register can hold are 0 to q + 1.
        var q = 64 - precision;
        double m = 1 << precision;
        var z = m * Tau(1 - (counts[q + 1] / m));
        for (var rank = q; rank >= 1; rank--)
        {
            z = 0.5 * (z + counts[rank]);
        }

        z += m * Sigma(counts[0] / m);
        const double AlphaInfinity = 0.72134752044448170; // 1 / (2 ln 2)
        return AlphaInfinity * m * m / z;
    }

    private static double Sigma(double x)
    {
        if (x == 1)
        {
            return double.PositiveInfinity;
        }

        var (power, sum) = (1d, x);
        double previous;
        do
        {
            x *= x;
            previous = sum;
            sum += x * power;
            power += power;
        }
        while (sum != previous);
        return sum;
    }

    private static double Tau(double x)
    {
        if (x is 0 or 1)
        {
            return 0;
        }

        var (power, sum) = (1d, 1 - x);
        double previous;
        do
        {
            x = Math.Sqrt(x);
            previous = sum;
            power *= 0.5;
            sum -= (1 - x) * (1 - x) * power;
        }
        while (sum != previous);
        return sum / 3;
    }
}
