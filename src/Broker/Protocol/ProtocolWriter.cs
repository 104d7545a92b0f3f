using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace StreamObserve.Broker.Protocol;

/// <summary>
/// Writes Kafka's primitive types into one pooled, growing buffer. With <see cref="Flexible"/> set, strings, bytes and arrays are
/// compact and <see cref="WriteTags"/> ends a structure. Not thread-safe; reused from answer to answer by its connection.
/// </summary>
internal sealed class ProtocolWriter : IDisposable
{
    private byte[] _buffer;

    public ProtocolWriter(int capacity = 1024) => _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    /// <summary>Whether what is written belongs to a flexible version.</summary>
    public bool Flexible { get; set; }

    /// <summary>Bytes written so far; may be moved by a caller that fills a reserved area.</summary>
    public int Position { get; set; }

    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, Position);

    public ReadOnlySpan<byte> WrittenSpan => _buffer.AsSpan(0, Position);

    /// <summary>The part of the buffer at <paramref name="start"/>, grown to hold it; what it held stays. Valid until the next write.</summary>
    public Span<byte> Reserve(int start, int count)
    {
        EnsureCapacity(start + count);
        return _buffer.AsSpan(start, count);
    }

    /// <summary>Forgets what was written, and gives a buffer above <paramref name="keepBytesMax"/> back to the pool.</summary>
    public void Reset(int keepBytesMax)
    {
        Position = 0;
        if (_buffer.Length > keepBytesMax)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = ArrayPool<byte>.Shared.Rent(1024);
        }
    }

    public void WriteInt8(sbyte value) => Next(1)[0] = (byte)value;

    public void WriteBool(bool value) => Next(1)[0] = value ? (byte)1 : (byte)0;

    public void WriteInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Next(2), value);

    public void WriteError(ErrorCode value) => WriteInt16((short)value);

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Next(4), value);

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Next(8), value);

    public void WriteUuid(Guid value) => value.TryWriteBytes(Next(16), bigEndian: true, out _);

    /// <summary>The size in bytes of <paramref name="value"/> as an unsigned LEB128 number.</summary>
    public static int UnsignedVarintSize(uint value)
    {
        int size = 1;
        while (value >= 0x80)
        {
            value >>= 7;
            size++;
        }

        return size;
    }

    public void WriteUnsignedVarint(uint value)
    {
        while (value >= 0x80)
        {
            Next(1)[0] = (byte)(value | 0x80);
            value >>= 7;
        }

        Next(1)[0] = (byte)value;
    }

    /// <summary>The number of elements that the caller writes next; -1 writes a null array.</summary>
    public void WriteArrayLength(int count)
    {
        if (Flexible)
        {
            WriteUnsignedVarint((uint)(count + 1));
        }
        else
        {
            WriteInt32(count);
        }
    }

    public void WriteString(string? value)
    {
        if (value is null)
        {
            if (Flexible)
            {
                WriteUnsignedVarint(0);
            }
            else
            {
                WriteInt16(-1);
            }

            return;
        }

        int size = Encoding.UTF8.GetByteCount(value);
        if (Flexible)
        {
            WriteUnsignedVarint((uint)size + 1);
        }
        else
        {
            WriteInt16(checked((short)size));
        }

        Encoding.UTF8.GetBytes(value, Next(size));
    }

    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        WriteArrayLength(value.Length);
        value.CopyTo(Next(value.Length));
    }

    /// <summary>Ends a structure: no tagged fields. Nothing in a version that is not flexible.</summary>
    public void WriteTags()
    {
        if (Flexible)
        {
            Next(1)[0] = 0;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private Span<byte> Next(int count)
    {
        EnsureCapacity(Position + count);
        Span<byte> span = _buffer.AsSpan(Position, count);
        Position += count;
        return span;
    }

    private void EnsureCapacity(int capacity)
    {
        if (capacity <= _buffer.Length)
        {
            return;
        }

        byte[] grown = ArrayPool<byte>.Shared.Rent(Math.Max(capacity, Math.Min(_buffer.Length * 2, Limits.WriterGrowthBytesMax)));
        _buffer.CopyTo(grown, 0); // all of it: a reserved area may lie past the position
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = grown;
    }
}
