using StreamObserve.Broker.Log;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Coordination;

/// <summary>
/// The log of the group and transaction coordinators: segments like those of a partition, and from time to time a snapshot of the
/// folded state, before which the log is deleted. Thread-safe; a record counts once it is in the page cache.
/// </summary>
internal sealed class CoordinatorJournal : IDisposable
{
    private const string SnapshotFileName = "state";
    private readonly Lock _gate = new();
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly PartitionLog _log;
    private readonly CoordinatorState _state = new();
    private readonly ProtocolWriter _scratch = new();
    private readonly bool _flushEach;
    private long _bytesSinceSnapshot;

    private CoordinatorJournal(string directory, PartitionLog log, TimeProvider time, bool flushEach)
    {
        _directory = directory;
        _log = log;
        _time = time;
        _flushEach = flushEach;
    }

    /// <summary>Opens the journal: the newest snapshot, then what was written after it.</summary>
    /// <exception cref="InvalidDataException">A record is damaged in a way that no crash leaves; starting again does not help.</exception>
    public static CoordinatorJournal Open(BrokerOptions options, TimeProvider time, Action<string> log)
    {
        string directory = Path.Combine(options.DataDirectory, "coordinator");
        LogSettings settings = new()
        {
            SegmentBytes = Limits.JournalSnapshotBytes,
            SegmentMs = long.MaxValue,
            RetentionBytes = -1,
            RetentionMs = -1,
            BatchBytesMax = int.MaxValue,
            LogAppendTime = false,
            Delete = false,
            Compact = false,
            TombstoneMs = 0,
        };
        bool always = options.Fsync == FsyncMode.Always;
        CoordinatorJournal journal = new(directory, PartitionLog.Open(directory, settings, readOnlyFlushed: false, time, log), time, always);
        try
        {
            journal.Load();
        }
        catch (MalformedRequestException e)
        {
            throw new InvalidDataException($"the coordinator journal in {directory} is damaged: {e.Message}", e);
        }

        return journal;
    }

    /// <summary>Reads the state under the lock; <paramref name="read"/> must not keep references into it.</summary>
    public T Read<T>(Func<CoordinatorState, T> read)
    {
        lock (_gate)
        {
            return read(_state);
        }
    }

    /// <summary>Writes one record and applies it.</summary>
    /// <returns>Completes when the record is as durable as the broker's acks are.</returns>
    /// <exception cref="IOException">The disk is full or failed; nothing was applied, a retry may help.</exception>
    public Task WriteAsync(Action<ProtocolWriter> record)
    {
        lock (_gate)
        {
            return AppendLocked(record);
        }
    }

    /// <summary>Reserves producer ids. The reservation is on disk when this returns: an id must never be given out twice.</summary>
    public long ReserveProducerIds(int count)
    {
        lock (_gate)
        {
            long first = _state.NextProducerId;
            AppendLocked(into => CoordinatorState.WriteProducerIds(into, first + count));
            _log.Flush();
            return first;
        }
    }

    /// <summary>Brings the journal to disk and, after enough records, replaces them by a snapshot.</summary>
    public void Maintain()
    {
        _log.Flush();
        lock (_gate)
        {
            if (_bytesSinceSnapshot >= Limits.JournalSnapshotBytes)
            {
                WriteSnapshotLocked();
            }
        }
    }

    /// <summary>Writes a snapshot and closes the journal.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _log.Flush();
            WriteSnapshotLocked();
            _log.Dispose();
            _scratch.Dispose();
        }
    }

    private Task AppendLocked(Action<ProtocolWriter> record)
    {
        _scratch.Position = 0;
        record(_scratch);
        RecordBatchBuilder batch = new();
        batch.AddValue(_scratch.WrittenSpan);
        byte[] bytes = batch.Build(_time.GetUtcNow().ToUnixTimeMilliseconds());
        AppendResult result = _log.Append(bytes);
        if (result.Error != ErrorCode.None)
        {
            throw new IOException($"the coordinator journal in {_directory} was not written: {result.Error}; is the disk full?");
        }

        _bytesSinceSnapshot += bytes.Length;
        _state.Apply(_scratch.WrittenSpan);
        return _flushEach ? _log.WhenFlushedAsync(result.EndOffset) : Task.CompletedTask;
    }

    private void Load()
    {
        long from = _log.LogStartOffset;
        byte[]? snapshot = DurableFile.TryRead(Path.Combine(_directory, SnapshotFileName));
        if (snapshot is not null)
        {
            ProtocolReader reader = new(snapshot, 0, flexible: false);
            from = Math.Max(from, reader.ReadInt64());
            int records = reader.ReadArrayLength();
            for (int i = 0; i < records; i++)
            {
                (int start, int length) = reader.ReadBytesRange();
                _state.Apply(snapshot.AsSpan(start, length));
            }
        }

        byte[] buffer = [];
        while (true)
        {
            using FetchSlice slice = _log.Locate(from, readCommitted: false);
            if (slice.Segment is null)
            {
                return;
            }

            BatchHeaderScanner scanner = new(slice.File, slice.Position, slice.Position + slice.Length);
            long before = from;
            while (scanner.TryReadNext(out RecordBatch header, out long position))
            {
                if (buffer.Length < header.Size)
                {
                    buffer = new byte[header.Size];
                }

                int read = RandomAccess.Read(slice.File, buffer.AsSpan(0, (int)header.Size), position);
                RecordReader records = new(buffer.AsSpan(RecordBatch.HeaderBytes, read - RecordBatch.HeaderBytes));
                while (records.TryReadNext(out Record record))
                {
                    _state.Apply(record.Value);
                }

                _bytesSinceSnapshot += header.Size;
                from = header.LastOffset + 1;
            }

            if (from == before)
            {
                throw new InvalidDataException($"the coordinator journal in {_directory} has an unreadable batch at offset {from}");
            }
        }
    }

    private void WriteSnapshotLocked()
    {
        using ProtocolWriter writer = new(64 * 1024);
        int records = 0;
        long next = _log.NextOffset;
        writer.WriteInt64(next);
        int countAt = writer.Position;
        writer.WriteInt32(0);
        _state.Export(record =>
        {
            _scratch.Position = 0;
            record(_scratch);
            writer.WriteBytes(_scratch.WrittenSpan);
            records++;
        });
        int end = writer.Position;
        writer.Position = countAt;
        writer.WriteInt32(records);
        writer.Position = end;
        DurableFile.Replace(Path.Combine(_directory, SnapshotFileName), writer.WrittenSpan);
        _log.DeleteBefore(next);
        _bytesSinceSnapshot = 0;
    }
}
