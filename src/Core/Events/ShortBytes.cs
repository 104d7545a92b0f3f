using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace StreamObserve.Core.Events;

/// <summary>Comparing short runs of bytes inline: names and values of events are mostly below 32 bytes, where a call costs more than the comparison.</summary>
internal static class ShortBytes
{
    /// <summary>True when the <paramref name="length"/> bytes at both places are equal. Both must be readable that far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Equal(ref byte a, ref byte b, int length)
    {
        if (length >= 16)
        {
            if (length > 32)
            {
                return MemoryMarshal.CreateReadOnlySpan(ref a, length).SequenceEqual(MemoryMarshal.CreateReadOnlySpan(ref b, length));
            }

            var last = length - 16;
            return ((Vector128.LoadUnsafe(ref a) ^ Vector128.LoadUnsafe(ref b))
                | (Vector128.LoadUnsafe(ref Unsafe.Add(ref a, last)) ^ Vector128.LoadUnsafe(ref Unsafe.Add(ref b, last)))) == Vector128<byte>.Zero;
        }

        if (length >= 8)
        {
            var last = length - 8;
            return ((Unsafe.ReadUnaligned<ulong>(ref a) ^ Unsafe.ReadUnaligned<ulong>(ref b))
                | (Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref a, last)) ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref b, last)))) == 0;
        }

        if (length >= 4)
        {
            var last = length - 4;
            return ((Unsafe.ReadUnaligned<uint>(ref a) ^ Unsafe.ReadUnaligned<uint>(ref b))
                | (Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref a, last)) ^ Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref b, last)))) == 0;
        }

        // 0 to 3 bytes: the first, the middle and the last are all of them.
        return length == 0 || (a == b && Unsafe.Add(ref a, length >> 1) == Unsafe.Add(ref b, length >> 1) && Unsafe.Add(ref a, length - 1) == Unsafe.Add(ref b, length - 1));
    }
}
