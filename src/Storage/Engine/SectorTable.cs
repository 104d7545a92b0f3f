using System.IO.Hashing;
using System.Runtime.InteropServices;
using StreamObserve.Storage.Files;

namespace StreamObserve.Storage.Engine;

/// <summary>Size and checksum of the file of an index checkpoint, as its cuts' manifests record them.</summary>
/// <param name="Bytes">Length of the file, whole sectors.</param>
/// <param name="Checksum">CRC-32 over the CRC-32 of each sector, in order.</param>
internal readonly record struct CheckpointFile(long Bytes, uint Checksum)
{
    /// <summary>Returns what is wrong with the file on disk, or null.</summary>
    public string? Verify(string path)
    {
        try
        {
            using var handle = File.OpenHandle(path);
            long length = RandomAccess.GetLength(handle);
            if (length != Bytes)
            {
                return $"the file has {length} bytes, the manifest says {Bytes}";
            }

            var table = new SectorTable();
            byte[] buffer = new byte[Limits.WriteSliceBytes];
            for (long offset = 0; offset < length;)
            {
                int read = RandomAccess.Read(handle, buffer, offset) / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;
                if (read == 0)
                {
                    return $"reading ends at {offset} of {length} bytes";
                }

                table.Add(offset, buffer.AsSpan(0, read));
                offset += read;
            }

            return table.Checksum() == Checksum ? null : "the file's CRC does not hold";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return failure is FileNotFoundException or DirectoryNotFoundException ? "the file is missing" : failure.Message;
        }
    }
}

/// <summary>Collects the checksums of a file's sectors while they are written or read, in any order.</summary>
internal sealed class SectorTable
{
    private static readonly uint ZeroSector = SectorChecksum.Of(new byte[SectorChecksum.SectorBytes]);

    private readonly List<uint> _checksums = [];

    /// <summary>Bytes up to the end of the last sector seen.</summary>
    public long FileBytes => (long)_checksums.Count * SectorChecksum.SectorBytes;

    /// <summary>Adds whole sectors that are at an offset in the file.</summary>
    public void Add(long offset, ReadOnlySpan<byte> sectors)
    {
        int first = (int)(offset / SectorChecksum.SectorBytes);
        int end = first + (sectors.Length / SectorChecksum.SectorBytes);
        int known = _checksums.Count;
        if (known < end)
        {
            CollectionsMarshal.SetCount(_checksums, end);
        }

        Span<uint> checksums = CollectionsMarshal.AsSpan(_checksums);
        for (int hole = known; hole < first; hole++)
        {
            checksums[hole] = ZeroSector; // a sector that nobody writes reads as zeros
        }

        for (int sector = first; sector < end; sector++)
        {
            checksums[sector] = SectorChecksum.Of(
                sectors.Slice((sector - first) * SectorChecksum.SectorBytes, SectorChecksum.SectorBytes));
        }
    }

    /// <summary>CRC-32 over the sectors' checksums.</summary>
    public uint Checksum() => Crc32.HashToUInt32(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_checksums)));
}
