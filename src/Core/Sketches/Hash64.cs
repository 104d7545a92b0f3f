using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sketches;

/// <summary>
/// The one 64-bit hash of values, used wherever distinct values are counted. It is XXH3-64 (xxHash specification 0.8) and stable for good: hashes are stored
/// and merged across machines and versions. Text is hashed as its UTF-8 bytes with seed 0; numbers and truth values as 8 little-endian bytes with seeds of
/// their own, so that the text "1", the number 1 and true differ, while the integer 1 and the float 1.0, which are one JSON number, do not.
/// Pure, thread-safe, allocation-free. Not for keys an adversary could choose to collide.
/// </summary>
public static class Hash64
{
    private const long NumberSeed = 1;
    private const long BoolSeed = 2;

    /// <summary>The hash of a text's UTF-8 bytes.</summary>
    public static ulong Of(ReadOnlySpan<byte> utf8) => XxHash3.HashToUInt64(utf8);

    /// <summary>The hash of a text: that of its UTF-8 bytes, lone surrogates as U+FFFD.</summary>
    public static ulong Of(ReadOnlySpan<char> text) => Utf8Bytes.Map(text, static bytes => XxHash3.HashToUInt64(bytes));

    /// <summary>The hash of an integer.</summary>
    public static ulong Of(long value)
    {
        // An integer past 2^53 that no double holds keeps its own bytes; a double never equals it.
        var number = (double)value;
        return number < long.MaxValue && (long)number == value ? OfBits(BitConverter.DoubleToInt64Bits(number), NumberSeed) : OfBits(value, ~NumberSeed);
    }

    /// <summary>The hash of a float; that of the integer where it is one. -0.0 is 0.</summary>
    public static ulong Of(double value) => OfBits(BitConverter.DoubleToInt64Bits(value == 0 ? 0 : value), NumberSeed);

    /// <summary>The hash of a truth value.</summary>
    public static ulong Of(bool value) => OfBits(value ? 1 : 0, BoolSeed);

    /// <summary>The hash of a present value; an absent one is refused with <see cref="ArgumentException"/>, since it counts as no value.</summary>
    public static ulong Of(FieldValue value) => value.Kind switch
    {
        FieldKind.String => Of(value.AsString),
        FieldKind.Integer => Of(value.AsInteger),
        FieldKind.Float => Of(value.AsDouble),
        FieldKind.Bool => Of(value.AsBool),
        _ => throw new ArgumentException("an absent value has no hash", nameof(value)),
    };

    private static ulong OfBits(long bits, long seed)
    {
        var little = BitConverter.IsLittleEndian ? bits : BinaryPrimitives.ReverseEndianness(bits);
        return XxHash3.HashToUInt64(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in little)), seed);
    }
}

/// <summary>The UTF-8 bytes of a text, on the stack where they fit.</summary>
internal static class Utf8Bytes
{
    private const int StackBytes = 256;

    public static TResult Map<TResult>(ReadOnlySpan<char> text, Func<ReadOnlySpan<byte>, TResult> map)
    {
        var bound = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (bound <= StackBytes)
        {
            Span<byte> bytes = stackalloc byte[StackBytes];
            return map(bytes[..Encoding.UTF8.GetBytes(text, bytes)]);
        }

        var rented = LentArrays.Rent<byte>(bound);
        try
        {
            return map(rented.AsSpan(0, Encoding.UTF8.GetBytes(text, rented)));
        }
        finally
        {
            LentArrays.Return(rented);
        }
    }
}
