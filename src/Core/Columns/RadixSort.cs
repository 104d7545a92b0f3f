using System.Numerics;

namespace StreamObserve.Core.Columns;

/// <summary>Sorts keys of few bits in linear time: least significant digit first, 11 bits a pass (Knuth, The Art of Computer Programming, volume 3, 5.2.5).</summary>
internal static class RadixSort
{
    private const int DigitBits = 11;

    /// <summary>
    /// Sorts ascending by the bits from <paramref name="lowBit"/> up, keys that are equal in those staying in their order. <paramref name="greatest"/> is a key that no
    /// other exceeds: it limits the passes.
    /// </summary>
    public static void Sort(Span<ulong> keys, int lowBit, ulong greatest)
    {
        var bits = 64 - BitOperations.LeadingZeroCount(greatest);
        if (keys.Length < 2 || bits <= lowBit)
        {
            return;
        }

        var rented = LentArrays.Rent<ulong>(keys.Length);
        Span<int> starts = stackalloc int[1 << DigitBits];
        var from = keys;
        var to = rented.AsSpan(0, keys.Length);
        for (var shift = lowBit; shift < bits; shift += DigitBits)
        {
            var mask = (1 << Math.Min(DigitBits, bits - shift)) - 1;
            starts[..(mask + 1)].Clear();
            foreach (var key in from)
            {
                starts[(int)(key >> shift) & mask]++;
            }

            var start = 0;
            for (var digit = 0; digit <= mask; digit++)
            {
                (starts[digit], start) = (start, start + starts[digit]);
            }

            foreach (var key in from)
            {
                to[starts[(int)(key >> shift) & mask]++] = key;
            }

            var swap = from;
            from = to;
            to = swap;
        }

        if (from != keys)
        {
            from.CopyTo(keys);
        }

        LentArrays.Return(rented);
    }
}
