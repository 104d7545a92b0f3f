using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.Intrinsics;
using System.Text;

namespace StreamObserve.Core.Events;

/// <summary>
/// The 128-bit key of a trace. A trace id of 32 lower-case hexadecimal digits is its own 16 bytes (big-endian); any other text is its XXH128.
/// The key, and with it the partition, is a function of the text alone: part of the stored format.
/// </summary>
public readonly record struct TraceKey(ulong High, ulong Low)
{
    /// <summary>The key of a trace id's UTF-8 text.</summary>
    public static TraceKey Of(ReadOnlySpan<byte> text)
    {
        if (text.Length == 32)
        {
            Span<byte> raw = stackalloc byte[16];
            if (Hex.TryDecodeLower(text, raw))
            {
                return FromBytes(raw);
            }
        }

        var hash = XxHash128.HashToUInt128(text);
        return new((ulong)(hash >> 64), (ulong)hash);
    }

    /// <summary>The key of a trace id's text.</summary>
    public static TraceKey Of(string text) => Of(Encoding.UTF8.GetBytes(text));

    /// <summary>The key whose 16 bytes these are.</summary>
    public static TraceKey FromBytes(ReadOnlySpan<byte> raw) => new(BinaryPrimitives.ReadUInt64BigEndian(raw), BinaryPrimitives.ReadUInt64BigEndian(raw[8..]));

    /// <summary>The partition 0..count-1 in which the trace lives.</summary>
    public int PartitionOf(int count)
    {
        // Ids may carry structure (a timestamp in front, a counter behind): multiply and fold before taking the high bits.
        var mixed = FastMix(High ^ 0x9E3779B97F4A7C15UL, Low ^ 0xC2B2AE3D27D4EB4FUL);
        return (int)Math.BigMul(mixed, (ulong)count, out _);
    }

    private static ulong FastMix(ulong a, ulong b)
    {
        var high = Math.BigMul(a | 1, b | 1, out var low);
        var x = high ^ low ^ a ^ b;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 31);
    }
}

/// <summary>Lower-case hexadecimal, the form in which ids are written.</summary>
public static class Hex
{
    /// <summary>Decodes; false, with <paramref name="destination"/> undefined, unless all of the text is lower-case hexadecimal of twice the destination's length.</summary>
    public static bool TryDecodeLower(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        if (text.Length != destination.Length * 2)
        {
            return false;
        }

        var i = 0;
        for (; i + 8 <= destination.Length; i += 8)
        {
            if (!TryDecode16(text.Slice(i * 2, 16), destination[i..]))
            {
                return false;
            }
        }

        for (; i < destination.Length; i++)
        {
            var value = (Digits[text[i * 2]] * 16) | (int)Digits[text[(i * 2) + 1]];
            if (value < 0)
            {
                return false;
            }

            destination[i] = (byte)value;
        }

        return true;
    }

    /// <summary>16 digits to 8 bytes at once.</summary>
    private static bool TryDecode16(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        var characters = Vector128.Create(text);
        var decimals = characters - Vector128.Create((byte)'0');
        var letters = characters - Vector128.Create((byte)'a');
        var isDecimal = Vector128.LessThanOrEqual(decimals, Vector128.Create((byte)9));
        var isLetter = Vector128.LessThanOrEqual(letters, Vector128.Create((byte)5));
        if ((isDecimal | isLetter) != Vector128<byte>.AllBitsSet)
        {
            return false;
        }

        // A pair of digits is a little-endian 16-bit lane, the first digit in its lower half.
        var pairs = Vector128.ConditionalSelect(isDecimal, decimals, letters + Vector128.Create((byte)10)).AsUInt16();
        var bytes = ((pairs & Vector128.Create((ushort)0x00FF)) << 4) | (pairs >> 8);
        BinaryPrimitives.WriteUInt64LittleEndian(destination, Vector128.Narrow(bytes, bytes).AsUInt64().ToScalar());
        return true;
    }

    /// <summary>Encodes into twice as many bytes.</summary>
    public static void EncodeLower(ReadOnlySpan<byte> raw, Span<byte> destination)
    {
        for (var i = 0; i < raw.Length; i++)
        {
            destination[i * 2] = "0123456789abcdef"u8[raw[i] >> 4];
            destination[(i * 2) + 1] = "0123456789abcdef"u8[raw[i] & 15];
        }
    }

    private static ReadOnlySpan<int> Digits => DigitTable;

    private static readonly int[] DigitTable = MakeDigits();

    private static int[] MakeDigits()
    {
        var table = new int[256];
        Array.Fill(table, -1);
        for (var i = 0; i < 10; i++)
        {
            table['0' + i] = i;
        }

        for (var i = 0; i < 6; i++)
        {
            table['a' + i] = (10 + i);
        }

        return table;
    }
}
