using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;

namespace StreamObserve.Storage.Files;

/// <summary>
/// Where things are in a segment file of a log (docs/formats/manifest.md):
/// <code>
/// 0        4096                                    DataOffset            DataOffset + SegmentBytes
/// | header | CRC-32 of each sector, 4 bytes each   | the log's bytes, sector by sector |
/// </code>
/// The table is in front so that a file cut short still tells which of its sectors are good.
/// </summary>
internal readonly struct SegmentLayout(int segmentBytes)
{
    private const ulong Magic = 0x3147_4553_4f53_5453; // "STSOSEG1", little endian
    private const int HeaderBytes = SectorChecksum.SectorBytes;

    public int SegmentBytes { get; } = segmentBytes;

    public int SectorCount => SegmentBytes / SectorChecksum.SectorBytes;

    public long DataOffset { get; } = HeaderBytes
        + ((segmentBytes / SectorChecksum.SectorBytes * sizeof(uint)) + SectorChecksum.SectorBytes - 1) / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;

    public long TableEntryOffset(long sector) => HeaderBytes + (sector * sizeof(uint));

    public static string FileName(long segment) =>
        string.Create(CultureInfo.InvariantCulture, $"segment-{segment:D8}.log");

    /// <summary>Writes the header of a new segment file.</summary>
    public void WriteHeader(Span<byte> header, int segment)
    {
        header.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], SectorChecksum.SectorBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], SegmentBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], segment);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], Crc32.HashToUInt32(header[..20]));
    }

    /// <summary>Returns what is wrong with a header read from a file, or null.</summary>
    public string? CheckHeader(ReadOnlySpan<byte> header, int segment)
    {
        if (header.Length < HeaderLength)
        {
            return string.Create(CultureInfo.InvariantCulture, $"the header is cut short after {header.Length} bytes");
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(header) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(header[20..]) != Crc32.HashToUInt32(header[..20]))
        {
            return "the header's CRC does not hold";
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(header[8..]) != SectorChecksum.SectorBytes
            || BinaryPrimitives.ReadInt32LittleEndian(header[12..]) != SegmentBytes
            || BinaryPrimitives.ReadInt32LittleEndian(header[16..]) != segment)
        {
            return "the header is that of another segment or layout";
        }

        return null;
    }

    /// <summary>Bytes of the header that carry something.</summary>
    public const int HeaderLength = 24;
}
