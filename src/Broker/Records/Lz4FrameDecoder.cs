using System.Buffers.Binary;

namespace StreamObserve.Broker.Records;

/// <summary>Decodes LZ4 frames with independent or linked blocks. The frame's own checksums are stepped over: the batch has one.</summary>
internal static class Lz4FrameDecoder
{
    private const uint Magic = 0x184D2204;
    private const int WindowBytes = 64 * 1024;

    /// <summary>The plain bytes.</summary>
    /// <exception cref="InvalidDataException">The bytes are not an LZ4 frame, or decode to more than the limit.</exception>
    public static byte[] Decode(ReadOnlySpan<byte> source)
    {
        if (source.Length < 7 || BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
        {
            throw new InvalidDataException("not an lz4 frame");
        }

        byte flags = source[4];
        bool blockChecksums = (flags & 0x10) != 0;
        int at = 6 + ((flags & 0x08) != 0 ? 8 : 0) + ((flags & 0x01) != 0 ? 4 : 0) + 1;
        int blockBytesMax = 1 << (8 + (2 * ((source[5] >> 4) & 7)));
        byte[] plain = new byte[Math.Max(WindowBytes, Math.Min(source.Length, Limits.DecompressedBatchBytesMax / 4) * 4)];
        int written = 0;
        while (true)
        {
            if (at + 4 > source.Length)
            {
                throw new InvalidDataException("an lz4 frame ends without its end mark");
            }

            uint header = BinaryPrimitives.ReadUInt32LittleEndian(source[at..]);
            at += 4;
            if (header == 0)
            {
                return plain[..written];
            }

            int size = (int)(header & 0x7FFFFFFF);
            if (size > source.Length - at || size > blockBytesMax)
            {
                throw new InvalidDataException("an lz4 block runs past the end");
            }

            if (written + blockBytesMax > plain.Length)
            {
                if (written + (long)blockBytesMax > Limits.DecompressedBatchBytesMax)
                {
                    throw new InvalidDataException("an lz4 frame decodes to more than the limit");
                }

                Array.Resize(ref plain, Math.Max(plain.Length * 2, written + blockBytesMax));
            }

            ReadOnlySpan<byte> block = source.Slice(at, size);
            if ((header & 0x80000000) != 0)
            {
                block.CopyTo(plain.AsSpan(written));
                written += size;
            }
            else
            {
                DecodeBlock(block, plain, ref written);
            }

            at += size + (blockChecksums ? 4 : 0);
        }
    }

    private static void DecodeBlock(ReadOnlySpan<byte> source, Span<byte> plain, ref int written)
    {
        int at = 0;
        while (at < source.Length)
        {
            byte token = source[at++];
            int literals = ReadLength(source, ref at, token >> 4);
            if (literals > source.Length - at || literals > plain.Length - written)
            {
                throw new InvalidDataException("an lz4 literal runs past the end");
            }

            source.Slice(at, literals).CopyTo(plain[written..]);
            at += literals;
            written += literals;
            if (at == source.Length)
            {
                return; // the last sequence has no match
            }

            if (at + 2 > source.Length)
            {
                throw new InvalidDataException("an lz4 block ends within a match");
            }

            int distance = BinaryPrimitives.ReadUInt16LittleEndian(source[at..]);
            at += 2;
            MatchCopy.Copy(plain, ref written, distance, ReadLength(source, ref at, token & 15) + 4);
        }
    }

    private static int ReadLength(ReadOnlySpan<byte> source, ref int at, int nibble)
    {
        int length = nibble;
        if (nibble == 15)
        {
            byte next;
            do
            {
                if (at >= source.Length)
                {
                    throw new InvalidDataException("an lz4 block ends within a length");
                }

                next = source[at++];
                length = checked(length + next);
            }
            while (next == 255);
        }

        return length;
    }
}
