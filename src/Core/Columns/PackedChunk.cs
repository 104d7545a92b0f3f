using System.Buffers.Binary;
using System.Collections.Concurrent;
using ZstdSharp;

namespace StreamObserve.Core.Columns;

/// <summary>A stored chunk: [0][bytes], or [1][unpacked length, 4 bytes][zstd] where that is shorter.</summary>
internal static class PackedChunk
{
    /// <summary>Decompressors for all readers of the process: one has some hundred KB of tables, and only as many are in use as threads unpack at the moment.</summary>
    private static readonly ConcurrentBag<Decompressor> Idle = [];

    /// <summary>The chunk of bytes as they are.</summary>
    public static byte[] Plain(ReadOnlySpan<byte> bytes) => [0, .. bytes];

    /// <summary>The bytes of a chunk, in memory of their own. Damage is a <see cref="FormatException"/>.</summary>
    public static ReadOnlyMemory<byte> Unpack(ReadOnlySpan<byte> chunk)
    {
        var bytes = new byte[UnpackedBytes(chunk)];
        Unpack(chunk, bytes);
        return bytes;
    }

    /// <summary>As <see cref="Unpack(ReadOnlySpan{byte})"/>, in lent memory, to be disposed of by the caller.</summary>
    public static LentBuffer UnpackLent(ReadOnlySpan<byte> chunk)
    {
        var buffer = new LentBuffer();
        var length = UnpackedBytes(chunk);
        Unpack(chunk, buffer.GetSpan(length)[..length]);
        buffer.Advance(length);
        return buffer;
    }

    private static int UnpackedBytes(ReadOnlySpan<byte> chunk) => chunk[0] == 0 ? chunk.Length - 1 : BinaryPrimitives.ReadInt32LittleEndian(chunk[1..]);

    private static void Unpack(ReadOnlySpan<byte> chunk, Span<byte> into)
    {
        if (chunk[0] == 0)
        {
            chunk[1..].CopyTo(into);
            return;
        }

        var decompressor = Idle.TryTake(out var idle) ? idle : new();
        var written = decompressor.Unwrap(chunk[5..], into);        // one that threw is left to the collector
        Idle.Add(decompressor);
        if (written != into.Length)
        {
            throw new FormatException($"a chunk unpacked to {written} bytes, {into.Length} were said");
        }
    }
}

/// <summary>Packs chunks with zstd, keeping its working memory. Not thread-safe; dispose it.</summary>
internal sealed class ChunkPacker(int level) : IDisposable
{
    private const int WorthwhileBytes = 64;

    private readonly Compressor _compressor = new(level);
    private byte[] _packed = [];

    /// <summary>The chunk of these bytes.</summary>
    public byte[] Pack(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < WorthwhileBytes)
        {
            return PackedChunk.Plain(bytes);
        }

        var bound = Compressor.GetCompressBound(bytes.Length);
        if (_packed.Length < bound)
        {
            _packed = new byte[bound];
        }

        var packed = _compressor.Wrap(bytes, _packed);
        if (packed + 5 >= bytes.Length)
        {
            return PackedChunk.Plain(bytes);
        }

        var chunk = new byte[packed + 5];
        chunk[0] = 1;
        BitConverter.TryWriteBytes(chunk.AsSpan(1), bytes.Length);
        _packed.AsSpan(0, packed).CopyTo(chunk.AsSpan(5));
        return chunk;
    }

    /// <inheritdoc/>
    public void Dispose() => _compressor.Dispose();
}
