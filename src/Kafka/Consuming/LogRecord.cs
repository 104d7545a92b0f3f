namespace StreamObserve.Kafka.Consuming;

/// <summary>One committed record of the batches log.</summary>
/// <param name="Offset">Its offset. Offsets have gaps: the next record's is at least one more.</param>
/// <param name="AppendTimeMs">When the broker appended it, unix milliseconds. May run backwards between records: log time is the running maximum.</param>
/// <param name="Value">Its bytes, kind byte first. Owned by whoever takes the record; never reused by the reader.</param>
public readonly record struct LogRecord(long Offset, long AppendTimeMs, ReadOnlyMemory<byte> Value);

/// <summary>Offsets that retention took before they were read.</summary>
/// <param name="From">The first lost offset.</param>
/// <param name="To">The first offset that is there again.</param>
public readonly record struct LostRange(long From, long To);

/// <summary>What a <see cref="BatchLogReader"/> hands over at once: neighbouring records in log order, and where the reader stands after them.</summary>
public sealed class LogBurst
{
    internal LogBurst(IReadOnlyList<LogRecord> records, long nextOffset, long endOffset, bool atEnd, LostRange? lost)
    {
        Records = records;
        NextOffset = nextOffset;
        EndOffset = endOffset;
        AtEnd = atEnd;
        Lost = lost;
    }

    /// <summary>The records, oldest first; none when the burst only tells of the log's end or of a loss.</summary>
    public IReadOnlyList<LogRecord> Records { get; }

    /// <summary>The offset to go on from after this burst: past the last record and past what is not shown (markers, aborted records).</summary>
    public long NextOffset { get; }

    /// <summary>The log's end when the burst was made: the offset after its last record, committed or not; -1 when not known. <c>EndOffset - NextOffset</c> is the lag.</summary>
    public long EndOffset { get; }

    /// <summary>True when there was no further committed record after this burst: the reader has caught up.</summary>
    public bool AtEnd { get; }

    /// <summary>Offsets before this burst's first record that are gone; null when none are.</summary>
    public LostRange? Lost { get; }
}
