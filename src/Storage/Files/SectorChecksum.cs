using System.IO.Hashing;

namespace StreamObserve.Storage.Files;

/// <summary>The unit in which the engine's files are written, checksummed and verified.</summary>
internal static class SectorChecksum
{
    /// <summary>Bytes of a sector. Also the engine's alignment, so every read covers whole sectors.</summary>
    public const int SectorBytes = 4096;

    /// <summary>The value in a checksum table for a sector that was never written.</summary>
    public const uint NeverWritten = 0;

    /// <summary>CRC-32 of one sector, never <see cref="NeverWritten"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> sector)
    {
        uint crc = Crc32.HashToUInt32(sector);
        return crc == NeverWritten ? 1 : crc;
    }
}
