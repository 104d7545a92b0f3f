namespace StreamObserve.Broker.Log;

/// <content>Compaction of closed segments.</content>
internal sealed partial class PartitionLog
{
    private long _compactedTo;

    /// <summary>
    /// Rewrites the closed, wholly decided segments so that only the last record of each key is left. Runs beside appends and reads;
    /// one call at a time. Does nothing while less than <paramref name="dirtyRatio"/> of the closed bytes is new.
    /// </summary>
    /// <exception cref="IOException">The disk is full or failed; the log is as before and a later run may succeed.</exception>
    public void Compact(double dirtyRatio)
    {
        Flush(forceRecoveryPoint: true); // the recovery point must not name a segment that is about to be rewritten
        List<LogSegment> closed = [];
        List<AbortedTransaction> aborted;
        LogSettings settings;
        long now;
        lock (_gate)
        {
            settings = _settings;
            now = NowMs;
            if (_closed || _failed || !settings.Compact)
            {
                return;
            }

            long stable = LastStableOffsetLocked;
            long total = 0, dirty = 0;
            foreach (LogSegment segment in _segments)
            {
                if (ReferenceEquals(segment, Active) || segment.NextOffset > stable || segment.BaseOffset >= _recoveryPointSegment)
                {
                    break;
                }

                closed.Add(segment);
                total += segment.Size;
                dirty += segment.NextOffset > _compactedTo ? segment.Size : 0;
            }

            if (dirty == 0 || dirty < dirtyRatio * total)
            {
                return;
            }

            closed.ForEach(static segment => segment.Lease());
            aborted = [.. _producers.Aborted];
        }

        try
        {
            foreach (CompactedSegment compacted in LogCompaction.Run(_directory, closed, aborted, settings, now))
            {
                if (!TryReplace(compacted, now))
                {
                    return;
                }
            }

            lock (_gate)
            {
                _compactedTo = closed[^1].NextOffset;
                _producers.RemoveAbortedBelow(_compactedTo); // their markers and records are gone
            }

            Flush(forceRecoveryPoint: true);
        }
        finally
        {
            closed.ForEach(static segment => segment.Release());
        }
    }

    private bool TryReplace(CompactedSegment compacted, long now)
    {
        lock (_gate)
        {
            int first = _closed ? -1 : _segments.IndexOf(compacted.Sources[0]);
            if (first < 0)
            {
                File.Delete(compacted.Path); // retention or a deletion was faster
                return false;
            }

            string swap = LogCompaction.CommitSwap(compacted);
            LogSegment replacement = LogSegment.Adopt(_directory, compacted.BaseOffset, compacted.Index, now);
            foreach (LogSegment source in compacted.Sources)
            {
                _segments.Remove(source);
                source.Delete();
            }

            File.Move(swap, replacement.LogPath, overwrite: true);
            _segments.Insert(first, replacement);
            ForgetHintsLocked();
            replacement.WriteIndexFile();
            return true;
        }
    }
}
