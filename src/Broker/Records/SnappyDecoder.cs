using System.Buffers.Binary;

namespace StreamObserve.Broker.Records;

/// <summary>Decodes Snappy, as one raw block (librdkafka) or in the block framing that Java clients write.</summary>
internal static class SnappyDecoder
{
    private static ReadOnlySpan<byte> FramingMagic => [0x82, (byte)'S', (byte)'N', (byte)'A', (byte)'P', (byte)'P', (byte)'Y', 0];

    private const int FramingHeaderBytes = 16;

    /// <summary>The plain bytes.</summary>
    /// <exception cref="InvalidDataException">The bytes are not Snappy, or decode to more than the limit.</exception>
    public static byte[] Decode(ReadOnlySpan<byte> source)
    {
        if (!source.StartsWith(FramingMagic))
        {
            return DecodeBlock(source);
        }

        using MemoryStream plain = new();
        source = source[Math.Min(FramingHeaderBytes, source.Length)..];
        while (source.Length >= 4)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(source);
            if (size < 0 || size > source.Length - 4)
            {
                throw new InvalidDataException("a snappy chunk runs past the end");
            }

            plain.Write(DecodeBlock(source.Slice(4, size)));
            if (plain.Length > Limits.DecompressedBatchBytesMax)
            {
                throw new InvalidDataException("snappy data decodes to more than the limit");
            }

            source = source[(4 + size)..];
        }

        return plain.ToArray();
    }

    private static byte[] DecodeBlock(ReadOnlySpan<byte> source)
    {
        int at = 0;
        long length = 0;
        for (int shift = 0; ; shift += 7)
        {
            if (at >= source.Length || shift > 28)
            {
                throw new InvalidDataException("a snappy block has no length");
            }

            byte next = source[at++];
            length |= (long)(next & 0x7F) << shift;
            if ((next & 0x80) == 0)
            {
                break;
            }
        }

        if (length > Limits.DecompressedBatchBytesMax)
        {
            throw new InvalidDataException("a snappy block decodes to more than the limit");
        }

        byte[] plain = new byte[length];
        int written = 0;
        while (at < source.Length)
        {
            byte tag = source[at++];
            if ((tag & 3) == 0)
            {
                int count = tag >> 2;
                if (count >= 60)
                {
                    int bytes = count - 59;
                    count = (int)ReadLittleEndian(source, at, bytes);
                    at += bytes;
                }

                count++;
                if (count <= 0 || count > source.Length - at || count > plain.Length - written)
                {
                    throw new InvalidDataException("a snappy literal runs past the end");
                }

                source.Slice(at, count).CopyTo(plain.AsSpan(written));
                at += count;
                written += count;
                continue;
            }

            int copyLength, distance;
            switch (tag & 3)
            {
                case 1:
                    copyLength = 4 + ((tag >> 2) & 7);
                    distance = ((tag >> 5) << 8) | (int)ReadLittleEndian(source, at, 1);
                    at += 1;
                    break;
                case 2:
                    copyLength = 1 + (tag >> 2);
                    distance = (int)ReadLittleEndian(source, at, 2);
                    at += 2;
                    break;
                default:
                    copyLength = 1 + (tag >> 2);
                    distance = (int)ReadLittleEndian(source, at, 4);
                    at += 4;
                    break;
            }

            MatchCopy.Copy(plain, ref written, distance, copyLength);
        }

        return written == plain.Length ? plain : throw new InvalidDataException("a snappy block ends early");
    }

    private static uint ReadLittleEndian(ReadOnlySpan<byte> source, int at, int bytes)
    {
        if (bytes > source.Length - at)
        {
            throw new InvalidDataException("a snappy block ends within a tag");
        }

        uint value = 0;
        for (int i = 0; i < bytes; i++)
        {
            value |= (uint)source[at + i] << (8 * i);
        }

        return value;
    }
}
