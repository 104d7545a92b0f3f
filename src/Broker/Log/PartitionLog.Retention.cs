using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Log;

/// <content>Deleting the old: by size, by age, on request.</content>
internal sealed partial class PartitionLog
{
    /// <summary>Moves the log's start to <paramref name="offset"/>, -1 for the high watermark, and deletes segments wholly below it.</summary>
    /// <returns>The new start; or an error when the offset is past the high watermark.</returns>
    public (ErrorCode Error, long LowWatermark) DeleteBefore(long offset)
    {
        List<LogSegment> removed = [];
        lock (_gate)
        {
            if (_closed)
            {
                return (ErrorCode.UnknownTopicOrPartition, -1);
            }

            long target = offset == -1 ? HighWatermarkLocked : offset;
            if (target < 0 || target > HighWatermarkLocked)
            {
                return (ErrorCode.OffsetOutOfRange, -1);
            }

            if (target > _logStartOffset)
            {
                if (target >= Active.NextOffset && Active.Size > 0)
                {
                    RollLocked(NowMs); // everything goes, so the active segment's bytes go too
                }

                WriteLogStart(target);
                _logStartOffset = target;
                _producers.RemoveAbortedBelow(target);
                RemoveSegmentsBelowStartLocked(removed);
            }

            offset = _logStartOffset;
        }

        removed.ForEach(static segment => segment.Delete());
        return (ErrorCode.None, offset);
    }

    /// <summary>Deletes segments past the topic's size and age.</summary>
    public void ApplyRetention()
    {
        List<LogSegment> removed = [];
        lock (_gate)
        {
            LogSettings settings = _settings;
            if (_closed || _failed || !settings.Delete)
            {
                return;
            }

            long now = NowMs;
            if (settings.RetentionMs >= 0 && Active.Size > 0 && IsExpired(Active, now, settings.RetentionMs))
            {
                RollLocked(now);
            }

            long size = 0;
            foreach (LogSegment segment in _segments)
            {
                size += segment.Size;
            }

            int count = 0;
            while (count < _segments.Count - 1)
            {
                LogSegment segment = _segments[count];
                bool tooOld = settings.RetentionMs >= 0 && IsExpired(segment, now, settings.RetentionMs);
                bool tooMuch = settings.RetentionBytes >= 0 && size - segment.Size >= settings.RetentionBytes;
                if ((!tooOld && !tooMuch) || _segments[count + 1].BaseOffset > HighWatermarkLocked)
                {
                    break;
                }

                size -= segment.Size;
                count++;
            }

            if (count == 0)
            {
                return;
            }

            _logStartOffset = Math.Max(_logStartOffset, _segments[count].BaseOffset);
            WriteLogStart(_logStartOffset);
            _producers.RemoveAbortedBelow(_logStartOffset);
            RemoveSegmentsBelowStartLocked(removed);
        }

        removed.ForEach(static segment => segment.Delete());
    }

    private static bool IsExpired(LogSegment segment, long now, long retentionMs)
    {
        long latest = segment.Index.MaxTimestamp;
        return now - (latest >= 0 ? latest : segment.OpenedMs) > retentionMs;
    }

    private void RemoveSegmentsBelowStartLocked(List<LogSegment> removed)
    {
        while (_segments.Count > 1 && _segments[1].BaseOffset <= _logStartOffset)
        {
            removed.Add(_segments[0]);
            _segments.RemoveAt(0);
        }

        if (removed.Count > 0)
        {
            ForgetHintsLocked();
        }
    }
}
