using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using StreamObserve.Storage.Engine;
using StreamObserve.Storage.Files;

namespace StreamObserve.Storage.Cuts;

/// <summary>
/// Takes one store's files of a cut over into the folder of a new epoch. Files that never change again are linked; the one segment
/// that its owner may still be appending to is copied up to the cut. What recovery is going to parse is verified.
/// </summary>
internal static class StoreImport
{
    /// <summary>Imports the files.</summary>
    /// <param name="cut">The store's part of the cut.</param>
    /// <param name="settings">The store's settings.</param>
    /// <param name="source">The store's folder in the cut's epoch.</param>
    /// <param name="destination">The store's folder in the new epoch; exists and is empty.</param>
    /// <returns>What was imported, or what makes the cut unusable.</returns>
    public static ImportResult Import(StoreCut cut, StoreSettings settings, string source, string destination)
    {
        var damages = new List<(string File, string Reason)>();
        if (cut.IndexToken != Guid.Empty
            && ImportIndex(CheckpointCatalog.IndexFileName(cut.IndexToken), cut.Index, source, destination) is { } badIndex)
        {
            return ImportResult.Refused(badIndex);
        }

        var layout = new SegmentLayout(settings.SegmentBytes);
        long wholeSectors = cut.EndAddress / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;
        int first = (int)(cut.BeginAddress / settings.SegmentBytes);
        int tail = (int)(cut.EndAddress / settings.SegmentBytes);
        long readsFrom = cut.RecoveryReadsFrom / settings.PageBytes * settings.PageBytes;
        var shared = new List<int>();
        for (int segment = first; segment < tail; segment++)
        {
            bool recoveryReadsIt = (segment + 1L) * settings.SegmentBytes > readsFrom;
            if (LinkSegment(layout, segment, source, destination) is not { } problem)
            {
                shared.Add(segment);
            }
            else if (recoveryReadsIt)
            {
                return ImportResult.Refused((SegmentLayout.FileName(segment), problem));
            }
            else
            {
                damages.Add((SegmentLayout.FileName(segment), problem));
            }
        }

        if (CopyTail(layout, tail, wholeSectors - ((long)tail * settings.SegmentBytes), cut, source, destination) is { } badTail)
        {
            return ImportResult.Refused((SegmentLayout.FileName(tail), badTail));
        }

        // The engine parses these pages without a check of its own.
        long verifyFrom = Math.Max(readsFrom, cut.BeginAddress);
        return VerifyRange(layout, destination, verifyFrom, wholeSectors) is { } bad
            ? ImportResult.Refused(bad)
            : new ImportResult(null, shared, damages);
    }

    private static (string File, string Reason)? ImportIndex(string name, CheckpointFile expected, string source, string destination)
    {
        string path = Path.Combine(source, name);
        if (expected.Verify(path) is { } problem)
        {
            return (name, problem);
        }

        try
        {
            PosixFiles.LinkOrCopy(path, Path.Combine(destination, name));
            return null;
        }
        catch (IOException failure)
        {
            return (name, failure.Message);
        }
    }

    private static string? LinkSegment(SegmentLayout layout, int segment, string source, string destination)
    {
        string name = SegmentLayout.FileName(segment);
        string path = Path.Combine(source, name);
        try
        {
            using (SafeFileHandle handle = File.OpenHandle(path))
            {
                Span<byte> header = stackalloc byte[SegmentLayout.HeaderLength];
                int read = RandomAccess.Read(handle, header, 0);
                if (layout.CheckHeader(header[..read], segment) is { } problem)
                {
                    return problem;
                }
            }

            PosixFiles.LinkOrCopy(path, Path.Combine(destination, name));
            long expected = layout.DataOffset + layout.SegmentBytes;
            long actual = new FileInfo(path).Length;
            return actual == expected ? null : $"the file has {actual} bytes, a full segment has {expected}";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Describe(failure);
        }
    }

    /// <summary>Copies the last segment up to the cut and puts the cut's own bytes into its last sector.</summary>
    private static string? CopyTail(SegmentLayout layout, int segment, long wholeBytes, StoreCut cut, string source, string destination)
    {
        string name = SegmentLayout.FileName(segment);
        string from = Path.Combine(source, name);
        string to = Path.Combine(destination, name);
        if (wholeBytes == 0 && cut.TailSector.Length == 0)
        {
            return null; // the cut ends where a segment does
        }

        try
        {
            // Below the log's begin nothing need be there: then the last sector is all that counts.
            long neededFrom = Math.Max(0, cut.BeginAddress - ((long)segment * layout.SegmentBytes)) / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;
            if (File.Exists(from) || neededFrom < wholeBytes)
            {
                File.Copy(from, to);
            }

            using SafeFileHandle handle = File.OpenHandle(to, FileMode.OpenOrCreate, FileAccess.ReadWrite);
            Span<byte> header = stackalloc byte[SegmentLayout.HeaderLength];
            int read = RandomAccess.Read(handle, header, 0);
            if (read > 0 && neededFrom < wholeBytes && layout.CheckHeader(header[..read], segment) is { } problem)
            {
                return problem;
            }

            layout.WriteHeader(header, segment);
            RandomAccess.Write(handle, header, 0);
            RandomAccess.SetLength(handle, layout.DataOffset + wholeBytes);

            int sector = (int)(wholeBytes / SectorChecksum.SectorBytes);
            uint[] table = new uint[layout.SectorCount - sector];
            if (cut.TailSector.Length > 0)
            {
                Span<byte> tailSector = new byte[SectorChecksum.SectorBytes];
                cut.TailSector.CopyTo(tailSector);
                RandomAccess.Write(handle, tailSector, layout.DataOffset + wholeBytes);
                table[0] = SectorChecksum.Of(tailSector);
            }

            RandomAccess.Write(handle, MemoryMarshal.AsBytes(table.AsSpan()), layout.TableEntryOffset(sector));
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Describe(failure);
        }
    }

    private static (string File, string Reason)? VerifyRange(SegmentLayout layout, string folder, long from, long until)
    {
        byte[] data = new byte[Limits.WriteSliceBytes];
        uint[] table = new uint[Limits.WriteSliceBytes / SectorChecksum.SectorBytes];
        long address = from / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;
        while (address < until)
        {
            int segment = (int)(address / layout.SegmentBytes);
            string name = SegmentLayout.FileName(segment);
            long segmentStart = (long)segment * layout.SegmentBytes;
            using SafeFileHandle handle = File.OpenHandle(Path.Combine(folder, name));
            for (long end = Math.Min(until, segmentStart + layout.SegmentBytes); address < end;)
            {
                Span<byte> part = data.AsSpan(0, (int)Math.Min(data.Length, end - address));
                Span<uint> expected = table.AsSpan(0, part.Length / SectorChecksum.SectorBytes);
                expected.Clear();
                int read = RandomAccess.Read(handle, part, layout.DataOffset + address - segmentStart);
                part[read..].Clear();
                RandomAccess.Read(
                    handle, MemoryMarshal.AsBytes(expected), layout.TableEntryOffset((address - segmentStart) / SectorChecksum.SectorBytes));
                for (int i = 0; i < expected.Length; i++)
                {
                    if (SectorChecksum.Of(part.Slice(i * SectorChecksum.SectorBytes, SectorChecksum.SectorBytes)) != expected[i])
                    {
                        return (name, $"the sector at log address {address + ((long)i * SectorChecksum.SectorBytes)} fails its CRC");
                    }
                }

                address += part.Length;
            }
        }

        return null;
    }

    private static string Describe(Exception failure) =>
        failure is FileNotFoundException or DirectoryNotFoundException ? "the file is missing" : failure.Message;
}

/// <summary>What came of an import.</summary>
/// <param name="Refusal">File and reason why the cut cannot be used, or null.</param>
/// <param name="SharedSegments">Segments that are links to another epoch's files.</param>
/// <param name="Damages">Files whose values are lost while the rest of the cut is fine.</param>
internal sealed record ImportResult(
    (string File, string Reason)? Refusal, IReadOnlyCollection<int> SharedSegments, IReadOnlyList<(string File, string Reason)> Damages)
{
    public static ImportResult Refused((string File, string Reason) refusal) => new(refusal, [], []);
}
