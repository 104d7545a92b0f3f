using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace StreamObserve.Core.Sketches;

/// <summary>Writes a sketch's export into a span, or, without one, only measures it, so that size and content come from the same code.</summary>
internal ref struct SketchWriter
{
    private readonly Span<byte> _destination;
    private readonly bool _measuring;

    private SketchWriter(Span<byte> destination, bool measuring)
    {
        _destination = destination;
        _measuring = measuring;
    }

    /// <summary>Bytes written, or that would have been.</summary>
    public int Position { get; private set; }

    public static SketchWriter Measuring() => new(default, measuring: true);

    public static SketchWriter Into(Span<byte> destination) => new(destination, measuring: false);

    public void WriteByte(byte value)
    {
        if (!_measuring)
        {
            _destination[Position] = value;
        }

        Position++;
    }

    /// <summary>LEB128: seven bits a byte, lowest first.</summary>
    public void WriteVarint(ulong value)
    {
        while (value >= 0x80)
        {
            WriteByte((byte)(value | 0x80));
            value >>= 7;
        }

        WriteByte((byte)value);
    }

    public void WriteZigZag(int value) => WriteVarint((uint)((value << 1) ^ (value >> 31)));

    public void WriteDouble(double value)
    {
        if (!_measuring)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(_destination[Position..], value);
        }

        Position += sizeof(double);
    }

    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        if (!_measuring)
        {
            value.CopyTo(_destination[Position..]);
        }

        Position += value.Length;
    }

    /// <summary>A weight: a varint where the export is integral, else a double.</summary>
    public void WriteWeight(double weight, bool integral)
    {
        if (integral)
        {
            WriteVarint((ulong)weight);
        }
        else
        {
            WriteDouble(weight);
        }
    }
}

/// <summary>Reads a sketch's export. Damage is an <see cref="InvalidDataException"/>, never a read past the end.</summary>
internal ref struct SketchReader(ReadOnlySpan<byte> source)
{
    private readonly ReadOnlySpan<byte> _source = source;

    /// <summary>Bytes read.</summary>
    public int Position { get; private set; }

    public byte ReadByte()
    {
        if (Position >= _source.Length)
        {
            throw Damaged("it ends early");
        }

        return _source[Position++];
    }

    public ulong ReadVarint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var part = ReadByte();
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }

        throw Damaged("a number is longer than 64 bits");
    }

    /// <summary>A varint that must be at most <paramref name="max"/>.</summary>
    public int ReadCount(int max)
    {
        var value = ReadVarint();
        return value <= (ulong)max ? (int)value : throw Damaged($"a count is {value}, the most is {max}");
    }

    public int ReadZigZag()
    {
        var value = ReadVarint();
        return value <= uint.MaxValue ? (int)((uint)value >> 1) ^ -(int)(value & 1) : throw Damaged($"a bin is {value}");
    }

    public double ReadDouble()
    {
        if (_source.Length - Position < sizeof(double))
        {
            throw Damaged("it ends early");
        }

        var value = BinaryPrimitives.ReadDoubleLittleEndian(_source[Position..]);
        Position += sizeof(double);
        return value;
    }

    public ReadOnlySpan<byte> ReadBytes(int length)
    {
        if (_source.Length - Position < length)
        {
            throw Damaged("it ends early");
        }

        var value = _source.Slice(Position, length);
        Position += length;
        return value;
    }

    public double ReadWeight(bool integral)
    {
        var weight = integral ? ReadVarint() : ReadDouble();
        return weight > 0 && double.IsFinite(weight) ? weight : throw Damaged($"a weight is {weight}");
    }

    public readonly InvalidDataException Damaged(string how) => new($"the exported sketch is damaged near byte {Position}: {how}");
}

/// <summary>Weights that survive a round trip through an integer.</summary>
internal static class SketchWeights
{
    /// <summary>2^53: integers up to here are exact doubles.</summary>
    public const double ExactIntegerMax = 9_007_199_254_740_992;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsIntegral(double weight) => weight <= ExactIntegerMax && Math.Floor(weight) == weight;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(double weight)
    {
        if (!(weight > 0 && weight <= double.MaxValue))
        {
            throw new ArgumentOutOfRangeException(nameof(weight), weight, "a weight must be finite and greater than 0");
        }
    }
}
