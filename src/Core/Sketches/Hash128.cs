using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;

namespace StreamObserve.Core.Sketches;

/// <summary>
/// The 128-bit hash that stands for a text id (a trace id above all) as a key of fixed size: always XXH3-128 (xxHash specification 0.8) of its UTF-8 text, also for
/// ids that are 32 hexadecimal digits, so that equal texts and only they (but for a chance of n^2 / 2^129 among n ids) have equal keys. Stable for good. Pure and thread-safe.
/// </summary>
/// <param name="High">The upper 64 bits.</param>
/// <param name="Low">The lower 64 bits.</param>
public readonly record struct Hash128(ulong High, ulong Low) : IComparable<Hash128>
{
    /// <summary>The length of <see cref="Write"/>, in bytes.</summary>
    public const int SizeBytes = 16;

    /// <summary>The hash of a text's UTF-8 bytes.</summary>
    public static Hash128 Of(ReadOnlySpan<byte> utf8)
    {
        var hash = XxHash128.HashToUInt128(utf8);
        return new Hash128((ulong)(hash >> 64), (ulong)hash);
    }

    /// <summary>The hash of a text: that of its UTF-8 bytes, lone surrogates as U+FFFD.</summary>
    public static Hash128 Of(ReadOnlySpan<char> text) => Utf8Bytes.Map(text, static bytes => Of(bytes));

    /// <summary>Writes 16 bytes, big-endian, so that byte order is hash order. A shorter destination is an <see cref="ArgumentException"/>.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, High);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Low);
    }

    /// <summary>Reads what <see cref="Write"/> wrote. A shorter source is an <see cref="ArgumentException"/>.</summary>
    public static Hash128 Read(ReadOnlySpan<byte> source) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(source), BinaryPrimitives.ReadUInt64BigEndian(source[8..]));

    /// <inheritdoc/>
    public int CompareTo(Hash128 other) => High != other.High ? High.CompareTo(other.High) : Low.CompareTo(other.Low);

    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{High:x16}{Low:x16}");
}
