using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <content>Looking up offsets and times.</content>
internal sealed partial class PartitionLog
{
    private const int HintCount = 16; // power of two
    private readonly (long Offset, LogSegment Segment, long Position)[] _hints = new (long, LogSegment, long)[HintCount];
    private int _nextHint;

    /// <summary>
    /// Finds the bytes that hold <paramref name="offset"/> and what follows in the same segment, up to the high watermark or, for
    /// readers of committed data, the last stable offset. Dispose the slice after reading.
    /// </summary>
    public FetchSlice Locate(long offset, bool readCommitted)
    {
        lock (_gate)
        {
            long highWatermark = HighWatermarkLocked;
            long stable = LastStableOffsetLocked;
            if (_closed)
            {
                return new FetchSlice(ErrorCode.UnknownTopicOrPartition, -1, -1, -1);
            }

            if (offset < _logStartOffset || offset > _nextOffset)
            {
                return new FetchSlice(ErrorCode.OffsetOutOfRange, highWatermark, stable, _logStartOffset);
            }

            long limit = readCommitted ? stable : highWatermark;
            if (offset >= limit || !TryFindLocked(offset, out LogSegment? segment, out long position))
            {
                return new FetchSlice(null, 0, 0, limit, highWatermark, stable, _logStartOffset);
            }

            segment.Lease();
            return new FetchSlice(segment, position, segment.Size - position, limit, highWatermark, stable, _logStartOffset);
        }
    }

    /// <summary>
    /// Finishes a read of the offsets from <paramref name="from"/> up to <paramref name="end"/>, which took
    /// <paramref name="length"/> bytes of the slice: collects the aborted transactions that touch them, and remembers where the next
    /// read goes on. False when the segment was deleted or compacted meanwhile: what was read must be thrown away.
    /// </summary>
    public bool TryFinishRead(in FetchSlice slice, long from, long end, long length, List<AbortedTransaction>? aborted)
    {
        lock (_gate)
        {
            if (_closed || slice.Segment is null || !ReferenceEquals(_segments[FloorSegment(slice.Segment.BaseOffset)], slice.Segment))
            {
                return false;
            }

            _hints[_nextHint++ & (HintCount - 1)] = (end, slice.Segment, slice.Position + length);
            if (aborted is not null)
            {
                _producers.CollectAborted(from, end, aborted);
            }

            return true;
        }
    }

    /// <summary>The first record that is not earlier than <paramref name="timestamp"/> and lies before <paramref name="limit"/>; null when there is none.</summary>
    public (long Offset, long Timestamp)? FindByTime(long timestamp, long limit)
    {
        List<LogSegment> segments = [];
        long start;
        lock (_gate)
        {
            if (_closed)
            {
                return null;
            }

            start = _logStartOffset;
            foreach (LogSegment segment in _segments)
            {
                if (segment.Size > 0 && segment.Index.MaxTimestamp >= timestamp && segment.NextOffset > start)
                {
                    segment.Lease();
                    segments.Add(segment);
                }
            }
        }

        try
        {
            foreach (LogSegment segment in segments)
            {
                long from, size;
                lock (_gate)
                {
                    from = segment.Index.FloorByTime(timestamp).Position;
                    size = segment.Size;
                }

                BatchHeaderScanner scanner = new(segment.Handle, from, size);
                while (scanner.TryReadNext(out RecordBatch header, out long position))
                {
                    if (header.BaseOffset >= limit)
                    {
                        return null;
                    }

                    if (header.MaxTimestamp >= timestamp
                        && header.LastOffset >= start
                        && !header.IsControl
                        && FindInBatch(segment, header, position, timestamp, start) is { } found
                        && found.Offset < limit)
                    {
                        return found;
                    }
                }
            }
        }
        finally
        {
            foreach (LogSegment segment in segments)
            {
                segment.Release();
            }
        }

        return null;
    }

    /// <summary>The record with the latest time, and its batch's first offset when the batch is compressed; null in an empty log.</summary>
    public (long Offset, long Timestamp)? FindMaxTimestamp()
    {
        long latest = -1;
        long limit;
        lock (_gate)
        {
            limit = HighWatermarkLocked;
            foreach (LogSegment segment in _segments)
            {
                if (segment.Size > 0)
                {
                    latest = Math.Max(latest, segment.Index.MaxTimestamp);
                }
            }
        }

        return latest < 0 ? null : FindByTime(latest, limit);
    }

    private static (long Offset, long Timestamp)? FindInBatch(
        LogSegment segment, in RecordBatch header, long position, long timestamp, long start)
    {
        if (header.IsLogAppendTime)
        {
            return (Math.Max(header.BaseOffset, start), header.MaxTimestamp);
        }

        byte[] batch = new byte[header.Size];
        if (RandomAccess.Read(segment.Handle, batch, position) < batch.Length
            || !BatchDecompressor.TryDecompress(batch, out ReadOnlySpan<byte> bytes))
        {
            return (Math.Max(header.BaseOffset, start), header.MaxTimestamp); // the batch's start is never too late
        }

        RecordReader records = new(bytes);
        while (records.TryReadNext(out Record record))
        {
            long time = header.BaseTimestamp + record.TimestampDelta;
            long offset = header.BaseOffset + record.OffsetDelta;
            if (time >= timestamp && offset >= start)
            {
                return (offset, time);
            }
        }

        return null;
    }

    private bool TryFindLocked(long offset, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out LogSegment? segment, out long position)
    {
        // Fast path: a reader goes on where its last read ended.
        foreach ((long hintOffset, LogSegment hintSegment, long hintPosition) in _hints)
        {
            if (hintOffset == offset && hintSegment is not null && hintPosition < hintSegment.Size && hintSegment.NextOffset > offset)
            {
                segment = hintSegment;
                position = hintPosition;
                return true;
            }
        }

        // Slow path: the index, then the headers behind its entry. Compaction leaves gaps, so a later segment may be the one.
        for (int i = FloorSegment(offset); i < _segments.Count; i++)
        {
            segment = _segments[i];
            if (segment.NextOffset <= offset)
            {
                continue;
            }

            BatchHeaderScanner scanner = new(segment.Handle, segment.Index.FloorByOffset(offset).Position, segment.Size);
            while (scanner.TryReadNext(out RecordBatch header, out position))
            {
                if (header.LastOffset >= offset)
                {
                    return true;
                }
            }
        }

        segment = null;
        position = 0;
        return false;
    }

    private int FloorSegment(long offset)
    {
        int low = 0, high = _segments.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) >>> 1;
            if (_segments[middle].BaseOffset <= offset)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    private void ForgetHintsLocked() => Array.Clear(_hints);
}
