using System.Buffers;

namespace StreamObserve.Core.Columns;

/// <summary>Bytes written one after another into an array of <see cref="LentArrays"/>, given back when disposed. What was written is valid until then or <see cref="Clear"/>. Not thread-safe.</summary>
public sealed class LentBuffer : IBufferWriter<byte>, IDisposable
{
    private const int RoomMin = 256;

    private byte[] _bytes = [];
    private int _length;

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, _length);

    /// <inheritdoc cref="WrittenMemory"/>
    public ReadOnlySpan<byte> WrittenSpan => _bytes.AsSpan(0, _length);

    /// <summary>Forgets what was written.</summary>
    public void Clear() => _length = 0;

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - _length);
        _length += count;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        LentArray.Return(ref _bytes);
        _length = 0;
    }

    private void Reserve(int sizeHint)
    {
        var needed = checked(_length + Math.Max(1, sizeHint));
        if (needed > _bytes.Length)
        {
            LentArray.Grow(ref _bytes, Math.Max(needed, Math.Max(RoomMin, (int)Math.Min(_bytes.Length * 2L, Array.MaxLength))));
        }
    }
}
