using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace StreamObserve.Core.Columns;

/// <summary>A growing little-endian byte buffer, reusable after <see cref="Clear"/>. Not thread-safe.</summary>
public sealed class ByteWriter
{
    private byte[] _buffer;

    /// <summary>An empty buffer.</summary>
    public ByteWriter(int capacity = 256) => _buffer = new byte[capacity];

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What was written; valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    /// <summary>What was written, as memory; valid until the next write.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, Length);

    /// <summary>Forgets what was written, keeps the buffer.</summary>
    public void Clear() => Length = 0;

    /// <summary>Room for <paramref name="count"/> bytes, counted as written: the caller fills all of it.</summary>
    public Span<byte> Take(int count)
    {
        Ensure(count);
        var span = _buffer.AsSpan(Length, count);
        Length += count;
        return span;
    }

    /// <summary>Takes back the last bytes.</summary>
    public void Rewind(int length) => Length = length;

    /// <summary>One byte.</summary>
    public void U8(byte value)
    {
        Ensure(1);
        _buffer[Length++] = value;
    }

    /// <summary>Eight bytes.</summary>
    public void I64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);

    /// <summary>Eight bytes.</summary>
    public void F64(double value) => BinaryPrimitives.WriteDoubleLittleEndian(Take(8), value);

    /// <summary>A 32-bit float: the nearest to the value.</summary>
    public void F32(double value) => BinaryPrimitives.WriteSingleLittleEndian(Take(4), (float)value);

    /// <summary>Unsigned LEB128, 1 to 10 bytes.</summary>
    public void Varint(ulong value)
    {
        // Fast path: most numbers are small.
        if (value < 0x80 && Length < _buffer.Length)
        {
            _buffer[Length++] = (byte)value;
            return;
        }

        Ensure(10);
        while (value >= 0x80)
        {
            _buffer[Length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _buffer[Length++] = (byte)value;
    }

    /// <summary>A signed number, zigzag.</summary>
    public void Zigzag(long value) => Varint(VarintRun.Zigzagged(value));

    /// <summary>
    /// Begins a run of at most so many varints, each of at most <paramref name="bytesMax"/> bytes (<see cref="VarintRun.BytesMax"/>, <see cref="VarintRun.BytesMax32"/>).
    /// Nothing else may be written before it is ended.
    /// </summary>
    internal VarintRun BeginVarints(int most, int bytesMax)
    {
        // The last one is stored as eight bytes, however short it is.
        Ensure(checked((most * bytesMax) + sizeof(ulong)));
        return new(this, ref _buffer[Length]);
    }

    /// <summary>Counts what a run wrote.</summary>
    internal void EndVarints(int bytes) => Length += bytes;

    /// <summary>The bytes.</summary>
    public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    /// <summary>Length and bytes.</summary>
    public void Blob(ReadOnlySpan<byte> bytes)
    {
        Varint((ulong)bytes.Length);
        Raw(bytes);
    }

    /// <summary>Length and UTF-8.</summary>
    public void Text(string text)
    {
        var count = Encoding.UTF8.GetByteCount(text);
        Varint((ulong)count);
        Encoding.UTF8.GetBytes(text, Take(count));
    }

    /// <summary>The words, little-endian.</summary>
    public void Words(ReadOnlySpan<ulong> words) => Raw(MemoryMarshal.AsBytes(words));

    private void Ensure(int more)
    {
        if (Length + more > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(Length + more, _buffer.Length * 2));
        }
    }
}

/// <summary>Reads what <see cref="ByteWriter"/> wrote. Reading past the end throws <see cref="FormatException"/>: the caller checked a CRC before, so that is a bug or damage.</summary>
public ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Index of the next byte.</summary>
    public int Position { get; private set; }

    /// <summary>Bytes left.</summary>
    public readonly int Remaining => _bytes.Length - Position;

    /// <summary>One byte.</summary>
    public byte U8()
    {
        if (Position >= _bytes.Length)
        {
            ThrowTooShort(1);
        }

        return _bytes[Position++];
    }

    /// <summary>Eight bytes.</summary>
    public long I64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    /// <summary>Eight bytes.</summary>
    public double F64() => BinaryPrimitives.ReadDoubleLittleEndian(Take(8));

    /// <summary>A 32-bit float.</summary>
    public double F32() => BinaryPrimitives.ReadSingleLittleEndian(Take(4));

    /// <summary>Unsigned LEB128.</summary>
    public ulong Varint()
    {
        // Fast path: most numbers are small.
        var first = U8();
        return first < 0x80 ? first : LongVarint(first);
    }

    /// <summary>A varint that counts something held in memory: refuses what can't be.</summary>
    public int Count()
    {
        var value = Varint();
        return value <= int.MaxValue ? (int)value : throw new FormatException($"a count of {value}");
    }

    /// <summary>Fills a span with varints. False, with nothing read and the span's content undefined, when one is more than an <see cref="int"/> holds.</summary>
    public bool TryCounts(Span<int> counts)
    {
        var start = Position;
        var i = 0;
        while (i < counts.Length)
        {
            // Fast path: sixteen bytes at once, of which those that are whole numbers count; a longer one behind them ends the step.
            if (counts.Length - i >= Vector128<byte>.Count && Remaining >= Vector128<byte>.Count)
            {
                var bytes = Vector128.Create(_bytes.Slice(Position, Vector128<byte>.Count));
                Widen(bytes, counts[i..]);
                var whole = BitOperations.TrailingZeroCount(bytes.ExtractMostSignificantBits() | (1u << Vector128<byte>.Count));
                i += whole;
                Position += whole;
                if (whole == Vector128<byte>.Count)
                {
                    continue;
                }
            }

            var value = Varint();
            if (value > int.MaxValue)
            {
                Position = start;
                return false;
            }

            counts[i++] = (int)value;
        }

        return true;

        static void Widen(Vector128<byte> bytes, Span<int> to)
        {
            var (low, high) = Vector128.Widen(bytes);
            var (first, second) = Vector128.Widen(low);
            var (third, fourth) = Vector128.Widen(high);
            first.AsInt32().CopyTo(to);
            second.AsInt32().CopyTo(to[4..]);
            third.AsInt32().CopyTo(to[8..]);
            fourth.AsInt32().CopyTo(to[12..]);
        }
    }

    /// <summary>A signed number, zigzag.</summary>
    public long Zigzag()
    {
        var value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>Length and bytes.</summary>
    public ReadOnlySpan<byte> Blob() => Take(Count());

    /// <summary>Length and UTF-8.</summary>
    public string Text() => Encoding.UTF8.GetString(Blob());

    /// <summary>So many words.</summary>
    public ulong[] Words(int count)
    {
        var words = new ulong[count];
        Take(count * 8).CopyTo(MemoryMarshal.AsBytes(words.AsSpan()));
        return words;
    }

    /// <summary>The next bytes.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > Remaining)
        {
            ThrowTooShort(count);
        }

        var span = _bytes.Slice(Position, count);
        Position += count;
        return span;
    }

    private ulong LongVarint(byte first)
    {
        // Fast path: the eight bytes from the first one on hold all of it.
        if (Remaining >= sizeof(ulong) - 1 && VarintRun.TryRead(BinaryPrimitives.ReadUInt64LittleEndian(_bytes[(Position - 1)..]), out var bytes) is var fast && bytes > 0)
        {
            Position += bytes - 1;
            return fast;
        }

        ulong value = (uint)first & 0x7F;
        for (var shift = 7; ; shift += 7)
        {
            var b = U8();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }

            if (shift >= 63)
            {
                throw new FormatException("a varint longer than 10 bytes");
            }
        }
    }

    private readonly void ThrowTooShort(int count) => throw new FormatException($"{count} bytes wanted at {Position}, {Remaining} are there");
}
