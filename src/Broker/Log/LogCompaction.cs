using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <summary>A rewritten file that waits to take the place of its sources.</summary>
internal sealed record CompactedSegment(string Path, long BaseOffset, long NextOffset, SegmentIndex Index, IReadOnlyList<LogSegment> Sources);

/// <summary>
/// Keeps the last record of each key. Records of aborted transactions and all markers go; what is left of a batch keeps its offsets,
/// and loses its compression and its transactional mark, since its transaction is decided. A batch that loses nothing is copied.
/// </summary>
internal static class LogCompaction
{
    private const string CleanedSuffix = ".cleaned";
    private const string SwapSuffix = ".swap";

    /// <summary>Rewrites <paramref name="sources"/>, neighbouring small ones into one. Each result is on disk when it is returned.</summary>
    public static IEnumerable<CompactedSegment> Run(
        string directory, List<LogSegment> sources, List<AbortedTransaction> aborted, LogSettings settings, long nowMs)
    {
        Dictionary<UInt128, long> lastOffsets = [];
        foreach (LogSegment segment in sources)
        {
            CollectLastOffsets(segment, aborted, lastOffsets);
        }

        for (int first = 0; first < sources.Count;)
        {
            long size = sources[first].Size;
            int end = first + 1;
            while (end < sources.Count && size + sources[end].Size <= settings.SegmentBytes)
            {
                size += sources[end++].Size;
            }

            yield return Rewrite(directory, sources.GetRange(first, end - first), aborted, lastOffsets, settings, nowMs);
            first = end;
        }
    }

    /// <summary>Makes the exchange certain: after this, a restart completes it.</summary>
    public static string CommitSwap(CompactedSegment compacted)
    {
        string swap = Path.ChangeExtension(compacted.Path, SwapSuffix);
        File.Move(compacted.Path, swap);
        DurableFile.FlushDirectory(Path.GetDirectoryName(swap)!);
        return swap;
    }

    /// <summary>After a crash: completes an exchange that was certain, and removes a file that was not complete.</summary>
    public static void FinishInterrupted(string directory, Action<string> log)
    {
        foreach (string path in Directory.GetFiles(directory, "*" + CleanedSuffix))
        {
            File.Delete(path);
        }

        foreach (string swap in Directory.GetFiles(directory, "*" + SwapSuffix))
        {
            string[] bounds = Path.GetFileNameWithoutExtension(swap).Split('-');
            long from = long.Parse(bounds[0], CultureInfo.InvariantCulture);
            long end = long.Parse(bounds[1], CultureInfo.InvariantCulture);
            foreach (string path in Directory.GetFiles(directory, "*.log"))
            {
                if (long.TryParse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture, out long offset)
                    && offset >= from
                    && offset < end)
                {
                    File.Delete(path);
                    File.Delete(Path.ChangeExtension(path, ".index"));
                }
            }

            File.Move(swap, Path.Combine(directory, LogSegment.FileName(from) + ".log"), overwrite: true);
            log($"partition {directory}: completed the compaction of offsets {from} to {end}");
        }
    }

    private static void CollectLastOffsets(LogSegment segment, List<AbortedTransaction> aborted, Dictionary<UInt128, long> lastOffsets)
    {
        BatchHeaderScanner scanner = new(segment.Handle, 0, segment.Size);
        while (scanner.TryReadNext(out RecordBatch header, out long position))
        {
            if (header.IsControl || IsAborted(header, aborted))
            {
                continue;
            }

            byte[] batch = ReadBatch(segment, header, position);
            if (!BatchDecompressor.TryDecompress(batch, out ReadOnlySpan<byte> bytes))
            {
                continue;
            }

            RecordReader records = new(bytes);
            while (records.TryReadNext(out Record record))
            {
                if (record.HasKey && (lastOffsets.Count < Limits.CompactionKeysMax || lastOffsets.ContainsKey(Hash(record.Key))))
                {
                    lastOffsets[Hash(record.Key)] = header.BaseOffset + record.OffsetDelta;
                }
            }
        }
    }

    private static CompactedSegment Rewrite(
        string directory,
        List<LogSegment> sources,
        List<AbortedTransaction> aborted,
        Dictionary<UInt128, long> lastOffsets,
        LogSettings settings,
        long nowMs)
    {
        long baseOffset = sources[0].BaseOffset;
        long nextOffset = sources[^1].NextOffset;
        string path = Path.Combine(
            directory, $"{LogSegment.FileName(baseOffset)}-{LogSegment.FileName(Math.Max(nextOffset, baseOffset + 1))}{CleanedSuffix}");
        SegmentIndex index = new();
        using (SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            foreach (LogSegment source in sources)
            {
                bool dropTombstones = nowMs - source.Index.MaxTimestamp > settings.TombstoneMs;
                BatchHeaderScanner scanner = new(source.Handle, 0, source.Size);
                while (scanner.TryReadNext(out RecordBatch header, out long position))
                {
                    if (header.IsControl || IsAborted(header, aborted))
                    {
                        continue;
                    }

                    byte[]? kept = KeepLast(ReadBatch(source, header, position), header, lastOffsets, dropTombstones);
                    if (kept is not null)
                    {
                        RandomAccess.Write(file, kept, index.Size);
                        index.Add(header.BaseOffset, header.LastOffset, kept.Length, header.MaxTimestamp);
                    }
                }
            }

            RandomAccess.FlushToDisk(file);
        }

        return new CompactedSegment(path, baseOffset, nextOffset, index, sources);
    }

    // What is left of a batch; null when nothing is.
    private static byte[]? KeepLast(byte[] batch, in RecordBatch header, Dictionary<UInt128, long> lastOffsets, bool dropTombstones)
    {
        if (!BatchDecompressor.TryDecompress(batch, out ReadOnlySpan<byte> bytes))
        {
            return batch; // cannot be looked into: kept whole
        }

        RecordBatchBuilder left = new();
        RecordReader records = new(bytes);
        while (records.TryReadNext(out Record record))
        {
            bool isLast = record.HasKey
                && (!lastOffsets.TryGetValue(Hash(record.Key), out long last) || header.BaseOffset + record.OffsetDelta >= last);
            if (isLast && (record.HasValue || !dropTombstones))
            {
                left.AddRecord(record.Bytes);
            }
        }

        if (left.Count == 0)
        {
            return null;
        }

        if (left.Count < header.RecordCount)
        {
            return left.BuildLike(header, transactional: false);
        }

        if (header.IsTransactional)
        {
            RecordBatch.ClearTransactional(batch);
        }

        return batch;
    }

    private static bool IsAborted(in RecordBatch header, List<AbortedTransaction> aborted)
    {
        if (!header.IsTransactional)
        {
            return false;
        }

        foreach (AbortedTransaction transaction in aborted)
        {
            if (transaction.ProducerId == header.ProducerId
                && transaction.FirstOffset <= header.BaseOffset
                && header.BaseOffset < transaction.MarkerOffset)
            {
                return true;
            }
        }

        return false;
    }

    private static byte[] ReadBatch(LogSegment segment, in RecordBatch header, long position)
    {
        byte[] batch = new byte[header.Size];
        int read = RandomAccess.Read(segment.Handle, batch, position);
        return read == batch.Length ? batch : throw new IOException($"segment {segment.LogPath} ends within the batch at byte {position}");
    }

    private static UInt128 Hash(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}
