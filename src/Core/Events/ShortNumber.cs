using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace StreamObserve.Core.Events;

/// <summary>
/// Reads most numbers of JSON: as 16 bytes in a vector, where how many digits there are, and where the point stands, only moves bytes, and digits become numbers pair by pair (multiply and add
/// neighbours: 2, 4, 8 digits); or digit by digit. In both a float's digits and the power of ten that divides them are exact floats, so one division rounds correctly (Clinger's fast path).
/// </summary>
internal static class ShortNumber
{
    /// <summary>Bytes that must be readable for <see cref="TryRead"/>: a sign, a vector, the byte behind it.</summary>
    public const int Readable = 18;

    /// <summary>Most bytes of a number for <see cref="TryRead"/>, without the sign: what ends it stands in the vector too.</summary>
    public const int BytesMax = 15;

    private static readonly double[] PowersOfTen = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    /// <summary>
    /// Reads an integer or digits with a point, of at most <see cref="BytesMax"/> bytes besides a sign, that begins at <paramref name="at"/>, where <see cref="Readable"/> bytes must be readable.
    /// False for anything else, be it a number or not, and where the processor has no such instructions. What follows the number is not looked at, but for an exponent.
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

    /// <summary>
    /// Reads, digit by digit, an integer of at most 18 digits or, of at most 15, digits with a point: where the bytes behind are too few for <see cref="TryRead"/>, or the digits too many. False for
    /// anything else, be it a number or not.
    /// </summary>
    public static bool TryReadDigits(ReadOnlySpan<byte> s, int i, out int end, out FieldKind kind, out long bits)
    {
        var isNegative = s[i] == (byte)'-';
        var first = isNegative ? i + 1 : i;
        var at = first;
        long mantissa = 0;
        uint digit;
        while ((uint)at < (uint)s.Length && (digit = (uint)(s[at] - '0')) <= 9)
        {
            mantissa = (mantissa * 10) + digit;
            at++;
        }

        var digits = at - first;
        var next = (uint)at < (uint)s.Length ? s[at] : (byte)' ';
        kind = FieldKind.Integer;
        bits = isNegative ? -mantissa : mantissa;
        end = at;
        if (digits == 0 || digits > 18 || (digits > 1 && s[first] == (byte)'0') || (next | 0x20) == 'e')
        {
            return false;
        }

        if (next != (byte)'.')
        {
            return true;
        }

        at++;
        while ((uint)at < (uint)s.Length && (digit = (uint)(s[at] - '0')) <= 9)
        {
            mantissa = (mantissa * 10) + digit;
            at++;
        }

        var scale = at - end - 1;
        next = (uint)at < (uint)s.Length ? s[at] : (byte)' ';
        if (scale == 0 || digits + scale > 15 || (next | 0x20) == 'e')
        {
            return false;
        }

        var value = mantissa / PowersOfTen[scale];
        kind = FieldKind.Float;
        bits = BitConverter.DoubleToInt64Bits(isNegative ? -value : value);
        end = at;
        return true;
    }
}
