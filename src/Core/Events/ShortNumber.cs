using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace StreamObserve.Core.Events;

/// <summary>
/// Reads most numbers of JSON at once, 16 bytes in a vector: how many digits there are, and where the point stands, only moves bytes, no branch depends on it. Digits become numbers pair by
/// pair (multiply and add neighbours: 2, 4, 8 digits).
/// </summary>
internal static class ShortNumber
{
    /// <summary>Bytes that must be readable.</summary>
    public const int Readable = 17;

    /// <summary>Most bytes without the sign: what ends the number stands in the vector too. So few digits are a whole number that a float holds, as is any power of ten that divides it: one division rounds correctly (Clinger's fast path).</summary>
    public const int BytesMax = 15;

    private static readonly double[] PowersOfTen = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    /// <summary>
    /// Reads an integer or digits with a point, of at most <see cref="BytesMax"/> bytes besides a sign, that begins at <paramref name="at"/>. False for anything else, be it a number or not, and where the processor has no such
    /// instructions. What follows the number is not looked at, but for an exponent.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ref byte at, out int length, out FieldKind kind, out long bits)
    {
        length = 0;
        kind = FieldKind.Integer;
        bits = 0;
        if (!Sse41.IsSupported)
        {
            return false;
        }

        var sign = at == (byte)'-' ? 1 : 0;
        ref var first = ref Unsafe.Add(ref at, sign);
        var digits = Vector128.LoadUnsafe(ref first) - Vector128.Create((byte)'0');
        var others = Vector128.GreaterThan(digits, Vector128.Create((byte)9)).ExtractMostSignificantBits() | (1u << Vector128<byte>.Count);
        var whole = BitOperations.TrailingZeroCount(others);
        var point = Unsafe.Add(ref first, whole) == (byte)'.' ? 1 : 0;
        var end = BitOperations.TrailingZeroCount(point != 0 ? (others & (others - 1)) | (1u << Vector128<byte>.Count) : others);
        var scale = end - whole - point;
        var count = end - point;
        if (whole == 0 || end > BytesMax || scale < point || (first == (byte)'0' && whole > 1) || (Unsafe.Add(ref first, end) | 0x20) == 'e')
        {
            return false;
        }

        // The last digit goes to the last byte, those before the point a place further; what stands before them becomes zero.
        var number = Vector128<sbyte>.Indices + Vector128.Create((sbyte)(count - Vector128<byte>.Count));
        var from = number - Vector128.GreaterThanOrEqual(number, Vector128.Create((sbyte)whole));
        var aligned = Vector128.ShuffleNative(digits, from.AsByte());
        var pairs = Ssse3.MultiplyAddAdjacent(aligned, Vector128.Create((short)0x010A).AsSByte());
        var fours = Sse2.MultiplyAddAdjacent(pairs, Vector128.Create(0x0001_0064).AsInt16());
        var eights = Sse2.MultiplyAddAdjacent(Sse41.PackUnsignedSaturate(fours, fours).AsInt16(), Vector128.Create(0x0001_2710).AsInt16());
        var mantissa = (eights.ToScalar() * 100_000_000L) + eights.GetElement(1);
        mantissa = (mantissa ^ -sign) + sign;
        length = sign + end;
        bits = mantissa;
        if (point != 0)
        {
            kind = FieldKind.Float;
            var value = (double)mantissa / PowersOfTen[scale];
            bits = BitConverter.DoubleToInt64Bits(mantissa == 0 && sign != 0 ? -0d : value);
        }

        return true;
    }
}
