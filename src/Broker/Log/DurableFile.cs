using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <summary>Small files that are replaced as a whole: temporary file, fsync, rename, fsync of the folder; the content ends in its CRC-32C.</summary>
internal static class DurableFile
{
    private const int CrcBytes = 4;

    /// <summary>Replaces the file's content; after a crash the file holds the old content or the new, never a mixture.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">What it is to hold.</param>
    /// <param name="flush">False for what can be rebuilt: no fsync, and the CRC tells whether a power failure took it.</param>
    public static void Replace(string path, ReadOnlySpan<byte> content, bool flush = true)
    {
        string temporary = path + ".tmp";
        byte[] crc = new byte[CrcBytes];
        BinaryPrimitives.WriteUInt32BigEndian(crc, Crc32C.Compute(content));
        using (SafeFileHandle handle = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write, FileShare.Read))
        {
            RandomAccess.Write(handle, content, 0);
            RandomAccess.Write(handle, crc, content.Length);
            if (flush)
            {
                RandomAccess.FlushToDisk(handle);
            }
        }

        File.Move(temporary, path, overwrite: true);
        if (flush)
        {
            FlushDirectory(Path.GetDirectoryName(path)!);
        }
    }

    /// <summary>The file's content, or null when it is missing or damaged.</summary>
    public static byte[]? TryRead(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        byte[] bytes = File.ReadAllBytes(path);
        if (bytes.Length < CrcBytes)
        {
            return null;
        }

        ReadOnlySpan<byte> content = bytes.AsSpan(0, bytes.Length - CrcBytes);
        uint stored = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(content.Length));
        return stored == Crc32C.Compute(content) ? content.ToArray() : null;
    }

    /// <summary>Makes creations, renames and deletions inside a folder durable.</summary>
    public static void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return; // there a folder has no handle to flush, and the file system's journal orders renames
        }

        using SafeFileHandle handle = DirectoryHandle.Open(path);
        if (!handle.IsInvalid)
        {
            DirectoryHandle.Flush(handle);
        }
    }
}
