using System.Buffers;
using System.Globalization;
using System.Text;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <content>Opening: what a restart reads, checks and cuts.</content>
internal sealed partial class PartitionLog
{
    private const int ScanBufferBytes = 1024 * 1024;

    /// <summary>
    /// Opens the log in <paramref name="directory"/>, or makes it. From the recovery point on every batch is read: its checksum is
    /// checked, its producer's state rebuilt; what follows the first damaged batch is a torn tail and is cut.
    /// </summary>
    /// <param name="directory">The partition's folder.</param>
    /// <param name="settings">From the topic's configuration.</param>
    /// <param name="readOnlyFlushed">Whether readers see only what is on disk.</param>
    /// <param name="time">The clock for append times.</param>
    /// <param name="log">Takes what an operator should know.</param>
    public static PartitionLog Open(string directory, LogSettings settings, bool readOnlyFlushed, TimeProvider time, Action<string> log)
    {
        Directory.CreateDirectory(directory);
        PartitionLog partition = new(directory, settings, readOnlyFlushed, time, log);
        partition.Recover();
        return partition;
    }

    private void Recover()
    {
        long now = NowMs;
        LogCompaction.FinishInterrupted(_directory, _log);
        foreach (string path in Directory.GetFiles(_directory, "*.log"))
        {
            if (long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out long baseOffset))
            {
                _segments.Add(LogSegment.Open(_directory, baseOffset, now));
            }
        }

        _segments.Sort(static (a, b) => a.BaseOffset.CompareTo(b.BaseOffset));
        foreach (string path in Directory.GetFiles(_directory, "*.index"))
        {
            if (!File.Exists(Path.ChangeExtension(path, ".log")))
            {
                File.Delete(path);
            }
        }

        if (_segments.Count == 0)
        {
            _segments.Add(LogSegment.Create(_directory, ReadLogStart() ?? 0, now));
        }

        int first = 0;
        if (TryReadRecoveryPoint() is { } point)
        {
            first = _segments.FindIndex(segment => segment.BaseOffset == point.SegmentBaseOffset);
            _segments[first].ResumeFrom(point.Index);
            _producers = point.Producers;
            _recoveryPointSegment = point.SegmentBaseOffset;
        }

        for (int i = first; i < _segments.Count; i++)
        {
            bool resumed = i == first && _recoveryPointSegment == _segments[i].BaseOffset;
            if (!Scan(_segments[i], resumed))
            {
                DropAfter(i);
            }
        }

        _nextOffset = Active.NextOffset;
        _logStartOffset = Math.Min(Math.Max(ReadLogStart() ?? 0, _segments[0].BaseOffset), _nextOffset);
        _producers.RemoveAbortedBelow(_logStartOffset);
        LogSegment? newest = _segments.FindLast(segment => segment.Size > 0);
        if (_settings.LogAppendTime && newest is not null)
        {
            _lastAppendMs = newest.Index.MaxTimestamp; // times only rise, so the newest segment has the latest
        }

        // What was read may be in the page cache only: the first flush brings it to disk.
        for (int i = first; i < _segments.Count; i++)
        {
            _segments[i].IsDirty = _bytesSinceRecoveryPoint > 0;
        }

        if (_readOnlyFlushed)
        {
            Flush();
        }
        else
        {
            _flushedOffset = _bytesSinceRecoveryPoint > 0 ? 0 : _nextOffset;
        }
    }

    private RecoveryPoint? TryReadRecoveryPoint()
    {
        RecoveryPoint? point = RecoveryPoint.TryRead(_directory);
        LogSegment? segment = point is null ? null : _segments.Find(candidate => candidate.BaseOffset == point.SegmentBaseOffset);
        if (point is not null && (segment is null || segment.Size < point.Index.Size))
        {
            _log($"partition {_directory}: the recovery point names bytes that are not there; everything is read again");
            return null;
        }

        return point;
    }

    // Reads and checks a segment's batches after what its index covers. False when a tail had to be cut.
    private bool Scan(LogSegment segment, bool resumed)
    {
        long fileSize = new FileInfo(segment.LogPath).Length;
        if (!resumed)
        {
            segment.ResumeFrom(new SegmentIndex());
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(ScanBufferBytes);
        try
        {
            long previousLast = segment.NextOffset - 1;
            int held = 0;
            int at = 0;
            while (segment.Size < fileSize)
            {
                if (held - at < RecordBatch.HeaderBytes || held - at < RecordBatch.Read(buffer.AsSpan(at)).Size)
                {
                    long wanted = held - at < RecordBatch.HeaderBytes ? 0 : RecordBatch.Read(buffer.AsSpan(at)).Size;
                    if (wanted > fileSize - segment.Size)
                    {
                        break;
                    }

                    if (wanted > buffer.Length)
                    {
                        ArrayPool<byte>.Shared.Return(buffer);
                        buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(wanted, Array.MaxLength));
                    }

                    held = RandomAccess.Read(segment.Handle, buffer, segment.Size);
                    at = 0;
                }

                if (held - at < RecordBatch.HeaderBytes)
                {
                    break;
                }

                RecordBatch header = RecordBatch.Read(buffer.AsSpan(at));
                if (!header.IsPlausible(fileSize - segment.Size) || header.BaseOffset <= previousLast)
                {
                    break;
                }

                if (header.Size > held - at)
                {
                    continue; // read on from this batch
                }

                ReadOnlySpan<byte> batch = buffer.AsSpan(at, (int)header.Size);
                if (RecordBatch.ComputeCrc(batch) != header.Crc)
                {
                    break;
                }

                Replay(batch, header);
                segment.Note(header);
                _bytesSinceRecoveryPoint += header.Size;
                previousLast = header.LastOffset;
                at += (int)header.Size;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        if (segment.Size == fileSize)
        {
            return true;
        }

        _log($"partition {_directory}: cut a torn tail of {fileSize - segment.Size} bytes after offset {segment.NextOffset - 1}");
        segment.Truncate(segment.Size);
        segment.IsDirty = true;
        return false;
    }

    private void Replay(ReadOnlySpan<byte> batch, in RecordBatch header)
    {
        long time = header.MaxTimestamp > 0 ? header.MaxTimestamp : NowMs;
        if (!header.IsControl)
        {
            _producers.ApplyData(header, time);
        }
        else if (ControlRecord.IsCommit(batch) is { } commit)
        {
            _producers.ApplyMarker(header, commit, time);
        }
    }

    private void DropAfter(int last)
    {
        for (int i = _segments.Count - 1; i > last; i--)
        {
            _log($"partition {_directory}: segment {_segments[i].BaseOffset} lies behind damaged bytes and is set aside");
            File.Move(_segments[i].LogPath, _segments[i].LogPath + ".damaged", overwrite: true);
            File.Delete(_segments[i].IndexPath);
            _segments[i].Detach();
            _segments.RemoveAt(i);
        }
    }

    private long? ReadLogStart()
    {
        byte[]? bytes = DurableFile.TryRead(Path.Combine(_directory, LogStartFileName));
        return bytes is not null && long.TryParse(Encoding.ASCII.GetString(bytes), CultureInfo.InvariantCulture, out long offset) ? offset : null;
    }

    private void WriteLogStart(long offset) =>
        DurableFile.Replace(
            Path.Combine(_directory, LogStartFileName), Encoding.ASCII.GetBytes(offset.ToString(CultureInfo.InvariantCulture)), flush: false);
}
