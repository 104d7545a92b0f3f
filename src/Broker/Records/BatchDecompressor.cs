using System.IO.Compression;
using ZstdSharp;

namespace StreamObserve.Broker.Records;

/// <summary>
/// The records of a batch, decompressed. Only compaction, look-ups by time and key checks of compacted topics need them; produce
/// and fetch never do.
/// </summary>
internal static class BatchDecompressor
{
    /// <summary>
    /// The uncompressed records of <paramref name="batch"/>; false when its codec's bytes are damaged, unknown, or longer than
    /// <see cref="Limits.DecompressedBatchBytesMax"/>.
    /// </summary>
    public static bool TryDecompress(ReadOnlySpan<byte> batch, out ReadOnlySpan<byte> records)
    {
        ReadOnlySpan<byte> body = batch[RecordBatch.HeaderBytes..];
        byte[]? plain;
        try
        {
            switch (RecordBatch.Read(batch).Codec)
            {
                case CompressionCodec.None:
                    records = body;
                    return true;
                case CompressionCodec.Gzip:
                    plain = Gunzip(body);
                    break;
                case CompressionCodec.Snappy:
                    plain = SnappyDecoder.Decode(body);
                    break;
                case CompressionCodec.Lz4:
                    plain = Lz4FrameDecoder.Decode(body);
                    break;
                case CompressionCodec.Zstd:
                    plain = Unzstd(body);
                    break;
                default:
                    plain = null;
                    break;
            }
        }
        catch (Exception e) when (e is InvalidDataException or ZstdException or EndOfStreamException or OverflowException)
        {
            plain = null;
        }

        records = plain;
        return plain is not null;
    }

    private static byte[] Gunzip(ReadOnlySpan<byte> compressed)
    {
        using GZipStream stream = new(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
        return ReadBounded(stream);
    }

    private static byte[] Unzstd(ReadOnlySpan<byte> compressed)
    {
        using DecompressionStream stream = new(new MemoryStream(compressed.ToArray()));
        return ReadBounded(stream);
    }

    private static byte[] ReadBounded(Stream stream)
    {
        using MemoryStream plain = new();
        byte[] chunk = new byte[64 * 1024];
        int read;
        while ((read = stream.Read(chunk)) > 0)
        {
            if (plain.Length + read > Limits.DecompressedBatchBytesMax)
            {
                throw new InvalidDataException("a batch decompresses to more than the limit");
            }

            plain.Write(chunk, 0, read);
        }

        return plain.ToArray();
    }
}
