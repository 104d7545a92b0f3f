using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace StreamObserve.Core.Columns;

/// <summary>The inner loops over packed values: comparisons to bits, one a value, and copies of all or of chosen values. Pure.</summary>
internal static class PackedScan
{
    /// <summary>Sets the bits of the values in [low, high], which may be empty; clears the others of the words that the values cover.</summary>
    public static void MarkBetween(PackedSpan values, long low, long high, Span<ulong> bits)
    {
        var words = bits[..((values.Count + 63) >> 6)];
        words.Clear();
        if (values.Width == 8)
        {
            if (low <= high)
            {
                Between(values.Entries<ulong>(), (ulong)low - (ulong)values.Least, (ulong)high - (ulong)low, words);
            }

            return;
        }

        // Entries are what a value is above the least: the part of the range that they can reach.
        var reach = values.Width == 0 ? 0 : (1L << (8 * values.Width)) - 1;
        low = Math.Max(low, values.Least);
        high = Math.Min(high, values.Least > long.MaxValue - reach ? long.MaxValue : values.Least + reach);
        if (low > high)
        {
            return;
        }

        long first = low - values.Least, span = high - low;
        if (first == 0 && span == reach)
        {
            words.Fill(ulong.MaxValue);
            ClearTail(words, values.Count);
            return;
        }

        switch (values.Width)
        {
            case 1:
                Between(values.Bytes, (byte)first, (byte)span, words);
                break;
            case 2:
                Between(values.Entries<ushort>(), (ushort)first, (ushort)span, words);
                break;
            default:
                Between(values.Entries<uint>(), (uint)first, (uint)span, words);
                break;
        }
    }

    /// <summary>Sets the bits of the floats that <paramref name="low"/> &lt;= value &lt;= <paramref name="high"/>; clears the others.</summary>
    public static void MarkBetween(ReadOnlySpan<double> values, double low, double high, Span<ulong> bits)
    {
        Vector256<double> lows = Vector256.Create(low), highs = Vector256.Create(high);
        ref var first = ref MemoryMarshal.GetReference(values);
        var i = 0;
        for (var word = 0; i < values.Length; word++)
        {
            ulong marks = 0;
            var end = Math.Min(values.Length, i + 64);
            var lane = 0;
            for (; i + 4 <= end; i += 4, lane += 4)
            {
                var vector = Vector256.LoadUnsafe(ref first, (nuint)i);
                marks |= (ulong)(Vector256.GreaterThanOrEqual(vector, lows) & Vector256.LessThanOrEqual(vector, highs)).ExtractMostSignificantBits() << lane;
            }

            for (; i < end; i++, lane++)
            {
                marks |= values[i] >= low && values[i] <= high ? 1UL << lane : 0;
            }

            bits[word] = marks;
        }
    }

    /// <summary>Sets the bits of the codes whose entry in <paramref name="holds"/> is 1 (else 0); clears the others.</summary>
    public static void MarkCodes(PackedSpan codes, ReadOnlySpan<byte> holds, Span<ulong> bits)
    {
        switch (codes.Width)
        {
            case 0:
                MarkBetween(codes, holds[0] != 0 ? 0 : 1, 0, bits);
                break;
            case 1:
                Codes(codes.Bytes, holds, bits);
                break;
            case 2:
                Codes(codes.Entries<ushort>(), holds, bits);
                break;
            default:
                Codes(codes.Entries<uint>(), holds, bits);
                break;
        }
    }

    /// <summary>Adds to <paramref name="rows"/> the bits of values as bits of the rows that have one: the k-th bit goes to the k-th set bit of <paramref name="presence"/>.</summary>
    public static void Spread(ReadOnlySpan<ulong> bits, ReadOnlySpan<ulong> presence, Span<ulong> rows)
    {
        var at = 0;
        for (var word = 0; word < presence.Length; word++)
        {
            var present = presence[word];
            var count = BitOperations.PopCount(present);
            if (count == 0)
            {
                continue;
            }

            var source = bits[at >> 6] >> (at & 63);
            if ((at & 63) + count > 64)
            {
                source |= bits[(at >> 6) + 1] << (64 - (at & 63));
            }

            rows[word] |= Bmi2.X64.IsSupported ? Bmi2.X64.ParallelBitDeposit(source, present) : Deposit(source, present);
            at += count;
        }
    }

    /// <summary>The codes of the given values, plus <paramref name="start"/>; the values from <paramref name="from"/> on when <paramref name="chosen"/> is empty.</summary>
    public static void CopyCodes(PackedSpan codes, ReadOnlySpan<int> chosen, int from, int start, Span<int> to)
    {
        switch (codes.Width)
        {
            case 0:
                to.Fill(start);
                break;
            case 1:
                Copy(codes.Bytes, chosen, from, start, to);
                break;
            case 2:
                Copy(codes.Entries<ushort>(), chosen, from, start, to);
                break;
            default:
                Copy(codes.Entries<uint>(), chosen, from, start, to);
                break;
        }
    }

    /// <summary>Adds to <paramref name="counts"/> how often each code occurs among the given values; among all when <paramref name="chosen"/> is empty.</summary>
    public static void CountCodes(PackedSpan codes, ReadOnlySpan<int> chosen, Span<int> counts)
    {
        switch (codes.Width)
        {
            case 0:
                counts[0] += chosen.IsEmpty ? codes.Count : chosen.Length;
                break;
            case 1:
                Count(codes.Bytes, chosen, counts);
                break;
            case 2:
                Count(codes.Entries<ushort>(), chosen, counts);
                break;
            default:
                Count(codes.Entries<uint>(), chosen, counts);
                break;
        }
    }

    /// <summary>The given values divided by <paramref name="scale"/>; the values from <paramref name="from"/> on when <paramref name="chosen"/> is empty.</summary>
    public static void CopyNumbers(PackedSpan values, double scale, ReadOnlySpan<int> chosen, int from, Span<double> to)
    {
        switch (values.Width)
        {
            case 0:
                to.Fill(values.Least / scale);
                break;
            case 1:
                Numbers(values.Bytes, values.Least, chosen, from, to);
                break;
            case 2:
                Numbers(values.Entries<ushort>(), values.Least, chosen, from, to);
                break;
            case 4:
                Numbers(values.Entries<uint>(), values.Least, chosen, from, to);
                break;
            default:
                Numbers(values.Entries<ulong>(), values.Least, chosen, from, to);
                break;
        }

        if (values.Width != 0 && scale != 1)
        {
            Divide(to, scale);
        }
    }

    private static void Count<T>(ReadOnlySpan<T> entries, ReadOnlySpan<int> chosen, Span<int> counts)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (chosen.IsEmpty)
        {
            foreach (var entry in entries)
            {
                counts[int.CreateTruncating(entry)]++;
            }

            return;
        }

        foreach (var k in chosen)
        {
            counts[int.CreateTruncating(entries[k])]++;
        }
    }

    private static void Divide(Span<double> values, double by)
    {
        var divisor = new Vector<double>(by);
        var vectors = MemoryMarshal.Cast<double, Vector<double>>(values);
        for (var i = 0; i < vectors.Length; i++)
        {
            vectors[i] /= divisor;
        }

        for (var i = vectors.Length * Vector<double>.Count; i < values.Length; i++)
        {
            values[i] /= by;
        }
    }

    private static void Between<T>(ReadOnlySpan<T> entries, T low, T span, Span<ulong> bits)
        where T : unmanaged, IBinaryInteger<T>
    {
        Vector256<T> lows = Vector256.Create(low), spans = Vector256.Create(span);
        ref var first = ref MemoryMarshal.GetReference(entries);
        var whole = entries.Length >> 6;
        for (var word = 0; word < whole; word++)
        {
            ulong marks = 0;
            for (var lane = 0; lane < 64; lane += Vector256<T>.Count)
            {
                // One comparison: what lies below the range wraps around to far above it.
                var above = Vector256.LoadUnsafe(ref first, (nuint)((word << 6) + lane)) - lows;
                marks |= (ulong)Vector256.LessThanOrEqual(above, spans).ExtractMostSignificantBits() << lane;
            }

            bits[word] = marks;
        }

        for (var k = whole << 6; k < entries.Length; k++)
        {
            bits[k >> 6] |= unchecked(entries[k] - low) <= span ? 1UL << (k & 63) : 0;
        }
    }

    private static void Codes<T>(ReadOnlySpan<T> codes, ReadOnlySpan<byte> holds, Span<ulong> bits)
        where T : unmanaged, IBinaryInteger<T>
    {
        for (int k = 0, word = 0; k < codes.Length; word++)
        {
            ulong marks = 0;
            var end = Math.Min(codes.Length, k + 64);
            for (var lane = 0; k < end; k++, lane++)
            {
                marks |= (ulong)holds[int.CreateTruncating(codes[k])] << lane;
            }

            bits[word] = marks;
        }
    }

    private static void Copy<T>(ReadOnlySpan<T> codes, ReadOnlySpan<int> chosen, int from, int start, Span<int> to)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (chosen.IsEmpty)
        {
            codes = codes.Slice(from, to.Length);
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = start + int.CreateTruncating(codes[i]);
            }

            return;
        }

        for (var i = 0; i < to.Length; i++)
        {
            to[i] = start + int.CreateTruncating(codes[chosen[i]]);
        }
    }

    private static void Numbers<T>(ReadOnlySpan<T> entries, long least, ReadOnlySpan<int> chosen, int from, Span<double> to)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (chosen.IsEmpty)
        {
            entries = entries.Slice(from, to.Length);
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = least + long.CreateTruncating(entries[i]);
            }

            return;
        }

        for (var i = 0; i < to.Length; i++)
        {
            to[i] = least + long.CreateTruncating(entries[chosen[i]]);
        }
    }

    /// <summary>What <see cref="Bmi2.X64.ParallelBitDeposit"/> does, for processors without it.</summary>
    internal static ulong Deposit(ulong source, ulong mask)
    {
        ulong deposited = 0;
        for (; mask != 0; mask &= mask - 1, source >>= 1)
        {
            deposited |= (source & 1) != 0 ? mask & (0 - mask) : 0;
        }

        return deposited;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ClearTail(Span<ulong> words, int count)
    {
        if ((count & 63) != 0)
        {
            words[^1] &= (1UL << (count & 63)) - 1;
        }
    }
}
