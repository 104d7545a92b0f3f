using System.Buffers.Binary;
using System.Text;

namespace StreamObserve.Broker.Protocol;

/// <summary>
/// Reads Kafka's primitive types from a request. In a flexible version strings, bytes and arrays are compact and structures end in
/// tagged fields; the same calls read both forms. Every read past the end throws <see cref="MalformedRequestException"/>.
/// </summary>
internal ref struct ProtocolReader(ReadOnlySpan<byte> buffer, int position, bool flexible)
{
    private readonly ReadOnlySpan<byte> _buffer = buffer;
    private readonly bool _flexible = flexible;

    /// <summary>Index of the next byte in the buffer.</summary>
    public int Position { get; private set; } = position;

    private readonly int Remaining => _buffer.Length - Position;

    private ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)Remaining)
        {
            throw new MalformedRequestException($"a field of {count} bytes runs past the request's end, {Remaining} bytes are left");
        }

        ReadOnlySpan<byte> taken = _buffer.Slice(Position, count);
        Position += count;
        return taken;
    }

    public sbyte ReadInt8() => (sbyte)Take(1)[0];

    public bool ReadBool() => Take(1)[0] != 0;

    public short ReadInt16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public Guid ReadUuid() => new(Take(16), bigEndian: true);

    /// <summary>An unsigned LEB128 number of at most 32 bits.</summary>
    public uint ReadUnsignedVarint()
    {
        uint value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte next = Take(1)[0];
            value |= (uint)(next & 0x7F) << shift;
            if ((next & 0x80) == 0)
            {
                return value;
            }
        }

        throw new MalformedRequestException("a variable-length number has more than 5 bytes");
    }

    /// <summary>The number of elements that follow; -1 is a null array. A count that the rest of the request can't hold is malformed.</summary>
    public int ReadArrayLength()
    {
        int count = _flexible ? (int)ReadUnsignedVarint() - 1 : ReadInt32();
        if (count < -1 || count > Remaining)
        {
            throw new MalformedRequestException($"an array of {count} elements does not fit into the {Remaining} bytes left");
        }

        return count;
    }

    public string? ReadNullableString()
    {
        int length = _flexible ? (int)ReadUnsignedVarint() - 1 : ReadInt16();
        return length < 0 ? null : Encoding.UTF8.GetString(Take(length));
    }

    public string ReadString() =>
        ReadNullableString() ?? throw new MalformedRequestException("a string that must not be null is null");

    /// <summary>Where a byte field lies in the buffer; a null field has length -1.</summary>
    public (int Start, int Length) ReadBytesRange()
    {
        int length = _flexible ? (int)ReadUnsignedVarint() - 1 : ReadInt32();
        if (length < 0)
        {
            return (Position, -1);
        }

        int start = Position;
        Take(length);
        return (start, length);
    }

    /// <summary>A copy of a byte field; null reads as empty.</summary>
    public byte[] ReadBytes()
    {
        (int start, int length) = ReadBytesRange();
        return length <= 0 ? [] : _buffer.Slice(start, length).ToArray();
    }

    /// <summary>Steps over the tagged fields that end a structure of a flexible version; does nothing in other versions.</summary>
    public void SkipTags()
    {
        if (!_flexible)
        {
            return;
        }

        uint count = ReadUnsignedVarint();
        for (uint i = 0; i < count; i++)
        {
            ReadUnsignedVarint();
            uint size = ReadUnsignedVarint();
            Take(size > int.MaxValue ? int.MaxValue : (int)size);
        }
    }
}
