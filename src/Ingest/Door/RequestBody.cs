using System.Buffers;
using System.IO.Compression;

namespace StreamObserve.Ingest.Door;

/// <summary>How reading a request's body ended.</summary>
internal enum BodyOutcome : byte
{
    /// <summary>It is there, whole.</summary>
    Read,

    /// <summary>It is longer than <see cref="Limits.RequestBytes"/>.</summary>
    TooLarge,

    /// <summary>The door holds all that it may.</summary>
    Overloaded,

    /// <summary>It is not what its content-encoding says.</summary>
    Malformed,

    /// <summary>Its content-encoding is not one that is read here.</summary>
    UnknownEncoding,
}

/// <summary>
/// A request's body, decompressed, in a rented buffer, with its share of the door's memory. Dispose gives both back, unless <see cref="Abandon"/> was called.
/// </summary>
internal sealed class RequestBody : IDisposable
{
    /// <summary>The content encodings that are read, for error texts.</summary>
    public const string KnownEncodings = "gzip, zstd, identity";

    private const int FirstBytes = 16 * 1024;

    private readonly IngestDoor _door;
    private byte[]? _buffer;
    private int _length;
    private long _reserved;

    private RequestBody(IngestDoor door) => _door = door;

    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <summary>Reads a whole body. The result must be disposed of, whatever the outcome.</summary>
    public static async Task<(BodyOutcome Outcome, RequestBody Body)> ReadAsync(IngestDoor door, Stream stream, string contentEncoding, CancellationToken cancellation)
    {
        var body = new RequestBody(door);
        try
        {
            switch (contentEncoding.Trim().ToLowerInvariant())
            {
                case "" or "identity":
                    return (await body.FillAsync(stream, cancellation).ConfigureAwait(false), body);
                case "gzip" or "x-gzip":
                    var gzip = new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true);
                    await using (gzip.ConfigureAwait(false))
                    {
                        return (await body.FillAsync(gzip, cancellation).ConfigureAwait(false), body);
                    }

                case "zstd":
                    var zstd = new ZstdSharp.DecompressionStream(stream, leaveOpen: true);
                    await using (zstd.ConfigureAwait(false))
                    {
                        return (await body.FillAsync(zstd, cancellation).ConfigureAwait(false), body);
                    }

                default:
                    return (BodyOutcome.UnknownEncoding, body);
            }
        }
        catch (Exception malformed) when (malformed is InvalidDataException or ZstdSharp.ZstdException or EndOfStreamException)
        {
            return (BodyOutcome.Malformed, body);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Leaves the buffer to the garbage collector: a transaction may still be reading it.</summary>
    public void Abandon() => _buffer = null;

    public void Dispose()
    {
        if (_buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
        }

        _door.GiveBack(Interlocked.Exchange(ref _reserved, 0));
    }

    private async Task<BodyOutcome> FillAsync(Stream stream, CancellationToken cancellation)
    {
        while (true)
        {
            if (_length == (_buffer?.Length ?? 0))
            {
                if (_length > Limits.RequestBytes)
                {
                    return BodyOutcome.TooLarge;
                }

                if (!Grow())
                {
                    return BodyOutcome.Overloaded;
                }
            }

            var read = await stream.ReadAsync(_buffer.AsMemory(_length), cancellation).ConfigureAwait(false);
            if (read == 0)
            {
                return _length > Limits.RequestBytes ? BodyOutcome.TooLarge : BodyOutcome.Read;
            }

            _length += read;
        }
    }

    private bool Grow()
    {
        var size = Math.Max(FirstBytes, (_buffer?.Length ?? 0) * 2);
        var more = size - _reserved;
        if (!_door.TryReserve(more))
        {
            return false;
        }

        _reserved = size;
        var larger = ArrayPool<byte>.Shared.Rent(size);
        if (_buffer is not null)
        {
            _buffer.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = larger;
        return true;
    }
}
