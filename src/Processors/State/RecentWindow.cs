using StreamObserve.Core.Columns;

namespace StreamObserve.Processors.State;

/// <summary>
/// One batch of the log between the two cursors. The decoded form is kept while somebody holds it; the record's bytes, of which a scan unpacks the columns that it asks for, while the
/// budget allows.
/// </summary>
/// <param name="offset">The record's offset.</param>
/// <param name="logTimeMs">The partition's log time at the record, unix milliseconds.</param>
/// <param name="policyVersion">The policy version in force at the record.</param>
/// <param name="batch">The batch, decoded.</param>
/// <param name="record">The record's bytes.</param>
/// <param name="numbering">Numbers its texts; null = nothing does.</param>
public sealed class RecentEntry(long offset, long logTimeMs, int policyVersion, EventBatch batch, ReadOnlyMemory<byte> record, TextNumbering? numbering = null)
{
    /// <summary>Bytes of a record from which on the places of its columns are kept, which take some 2 KB: of smaller ones they would take more than the records.</summary>
    private const int LayoutKeptBytes = 32 << 10;

    private readonly WeakReference<EventBatch> _decoded = new(batch);
    private readonly RecordTextNumbers? _numbers = numbering is null ? null : new(numbering);

    // One reference, so that a reader sees all of it or nothing while the actor lets go of it or takes it again.
    private volatile HeldRecord? _record = new(record);

    /// <summary>The record's offset.</summary>
    public long Offset { get; } = offset;

    /// <summary>The partition's log time at the record, unix milliseconds.</summary>
    public long LogTimeMs { get; } = logTimeMs;

    /// <summary>The policy version in force at the record.</summary>
    public int PolicyVersion { get; } = policyVersion;

    /// <summary>Rows of the batch.</summary>
    public int Rows { get; } = batch.Rows;

    /// <summary>Earliest event time, unix nanoseconds.</summary>
    public long MinTimeNs { get; } = batch.MinTimeNs;

    /// <summary>Latest event time.</summary>
    public long MaxTimeNs { get; } = batch.MaxTimeNs;

    /// <summary>Bytes held in memory; 0 when the batch is only in the log.</summary>
    public int HeldBytes => _record?.Bytes.Length ?? 0;

    /// <summary>True when the record is in memory: the batch can be had without reading the log. It can as well while somebody holds it decoded.</summary>
    public bool IsHeld => _record is not null;

    /// <summary>The batch, decoded when it isn't any more; null when it is only in the log. Safe for several threads, each with a reader of its own.</summary>
    public EventBatch? Batch(EventBatchReader reader)
    {
        if (_decoded.TryGetTarget(out var batch))
        {
            return batch;
        }

        if (_record is not { } record)
        {
            return null;
        }

        batch = reader.Read(record.Bytes);
        _decoded.SetTarget(batch);
        return batch;
    }

    /// <summary>
    /// The rows, to be scanned once: the batch where somebody still holds it, else a view of the record, valid until the reader's next use. Null as of <see cref="Batch"/>. Safe for
    /// several threads, each with a reader of its own.
    /// </summary>
    public IRowSegment? Scan(EventBatchReader reader)
    {
        if (_decoded.TryGetTarget(out var batch))
        {
            return batch;
        }

        if (_record is not { } record)
        {
            return null;
        }

        var layout = record.Layout ?? reader.Layout(record.Bytes);
        if (record.Bytes.Length >= LayoutKeptBytes)
        {
            record.Layout = layout;     // two threads may both make it: the same content, so either may win
        }

        return layout is not null ? reader.View(layout, _numbers) : reader.Read(record.Bytes);
    }

    /// <summary>Lets go of the record's bytes.</summary>
    public void Release() => _record = null;

    /// <summary>Takes the record's bytes again, read anew from the log.</summary>
    public void Refill(ReadOnlyMemory<byte> record) => _record = new(record);

    private sealed class HeldRecord(ReadOnlyMemory<byte> bytes)
    {
        private volatile EventBatchLayout? _layout;

        public ReadOnlyMemory<byte> Bytes { get; } = bytes;

        /// <summary>Where the columns lie, once a scan has looked, if that is kept.</summary>
        public EventBatchLayout? Layout
        {
            get => _layout;
            set => _layout = value;
        }
    }
}

/// <summary>
/// The batches between the trailing and the head cursor, oldest first, within a budget of bytes: past it the newest are let go of (the trailing cursor needs the
/// oldest first) and are read again from the log when their turn comes. Written by the partition's actor; readers take <see cref="Snapshot"/>.
/// </summary>
public sealed class RecentWindow(long budgetBytes)
{
    private readonly Queue<RecentEntry> _entries = new();
    private RecentEntry[]? _snapshot;

    /// <summary>Bytes held.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>Batches.</summary>
    public int Count => _entries.Count;

    /// <summary>Rows in all batches.</summary>
    public long Rows { get; private set; }

    /// <summary>The oldest batch; null when there is none.</summary>
    public RecentEntry? Oldest => _entries.TryPeek(out var entry) ? entry : null;

    /// <summary>Adds the newest batch.</summary>
    public void Add(RecentEntry entry)
    {
        _snapshot = null;
        _entries.Enqueue(entry);
        Rows += entry.Rows;
        HeldBytes += entry.HeldBytes;
        if (HeldBytes > budgetBytes && _entries.Count > 1)
        {
            HeldBytes -= entry.HeldBytes;
            entry.Release();
        }
    }

    /// <summary>Removes the oldest batch.</summary>
    public void RemoveOldest()
    {
        _snapshot = null;
        var entry = _entries.Dequeue();
        Rows -= entry.Rows;
        HeldBytes -= entry.HeldBytes;
    }

    /// <summary>Puts a record's bytes back when its batch waits without and there is room (there always is for the oldest). False when no more should be read now.</summary>
    public bool Refill(long offset, ReadOnlyMemory<byte> record)
    {
        foreach (var entry in _entries)
        {
            if (entry.Offset > offset)
            {
                return true;
            }

            if (entry.Offset == offset && !entry.IsHeld)
            {
                if (HeldBytes + record.Length > budgetBytes && entry != Oldest)
                {
                    return false;
                }

                entry.Refill(record);
                HeldBytes += record.Length;
                return true;
            }
        }

        return true;
    }

    /// <summary>Removes the batches below an offset that are not held: the log, their only place, has lost them too. Says how many.</summary>
    public int RemoveUnheldBelow(long offset)
    {
        var removed = 0;
        for (var left = _entries.Count; left > 0; left--)
        {
            var entry = _entries.Dequeue();
            if (entry.IsHeld || entry.Offset >= offset)
            {
                _entries.Enqueue(entry);
                continue;
            }

            _snapshot = null;
                Rows -= entry.Rows;
            removed++;
        }

        return removed;
    }

    /// <summary>The batches now, oldest first; immutable.</summary>
    public IReadOnlyList<RecentEntry> Snapshot() => _snapshot ??= [.. _entries];
}
