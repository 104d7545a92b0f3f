using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <summary>
/// The log of one partition: append-only segments of record batches, the state of its producers, and those who wait for more.
/// Thread-safe: one lock orders appends and look-ups, bytes are read outside of it. A batch is in the page cache when
/// <see cref="Append"/> returns, and on disk when <see cref="WhenFlushedAsync"/> has completed.
/// </summary>
internal sealed partial class PartitionLog : IDisposable
{
    /// <summary>There is one node, so leadership never moves.</summary>
    public const int LeaderEpoch = 0;

    private const string LogStartFileName = "log-start";
    private readonly Lock _gate = new();
    private readonly Lock _flushGate = new();
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly bool _readOnlyFlushed;
    private readonly Action<string> _log;
    private readonly List<LogSegment> _segments = [];
    private readonly List<IAppendListener> _listeners = [];
    private readonly List<(long Offset, TaskCompletionSource Done)> _flushWaiters = [];
    private volatile LogSettings _settings;
    private ProducerStateTable _producers = new();
    private long _logStartOffset;
    private long _nextOffset;
    private long _flushedOffset;
    private long _lastAppendMs;
    private long _bytesSinceRecoveryPoint;
    private long _recoveryPointSegment = -1;
    private bool _flushLoopRuns;
    private bool _closed;
    private bool _failed;

    private PartitionLog(string directory, LogSettings settings, bool readOnlyFlushed, TimeProvider time, Action<string> log)
    {
        _directory = directory;
        _settings = settings;
        _readOnlyFlushed = readOnlyFlushed;
        _time = time;
        _log = log;
    }

    /// <summary>Decides whether a transactional batch belongs to a running transaction. Called under the lock: must not block.</summary>
    public Func<long, short, ErrorCode>? TransactionCheck { get; set; }

    /// <summary>The topic's settings; a change takes effect with the next append or retention run.</summary>
    public LogSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    /// <summary>Whether an ack waits for <see cref="WhenFlushedAsync"/>.</summary>
    public bool FlushesBeforeAck => _readOnlyFlushed;

    /// <summary>The first offset that may be read.</summary>
    public long LogStartOffset
    {
        get
        {
            lock (_gate)
            {
                return _logStartOffset;
            }
        }
    }

    /// <summary>The offset that the next record gets.</summary>
    public long NextOffset
    {
        get
        {
            lock (_gate)
            {
                return _nextOffset;
            }
        }
    }

    /// <summary>The offset after the last record that any reader may see: with fsync before each ack, only what is on disk.</summary>
    public long HighWatermark
    {
        get
        {
            lock (_gate)
            {
                return HighWatermarkLocked;
            }
        }
    }

    /// <summary>The offset before which every transaction is decided: where readers of committed data end.</summary>
    public long LastStableOffset
    {
        get
        {
            lock (_gate)
            {
                return LastStableOffsetLocked;
            }
        }
    }

    /// <summary>Bytes in all segments.</summary>
    public long SizeBytes
    {
        get
        {
            lock (_gate)
            {
                long size = 0;
                foreach (LogSegment segment in _segments)
                {
                    size += segment.Size;
                }

                return size;
            }
        }
    }

    private LogSegment Active => _segments[^1];

    private long HighWatermarkLocked => _readOnlyFlushed ? Math.Min(_flushedOffset, _nextOffset) : _nextOffset;

    // An open transaction may have begun before what was deleted.
    private long LastStableOffsetLocked =>
        Math.Min(Math.Max(_producers.FirstOpenOffset ?? long.MaxValue, _logStartOffset), HighWatermarkLocked);

    private long NowMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>
    /// Appends a client's batch: checks its producer, writes offset, leader epoch and, if the topic says so, the broker's time into
    /// <paramref name="batch"/>, and stores it with one write. The caller has checked the batch's length and checksum.
    /// </summary>
    public AppendResult Append(Span<byte> batch)
    {
        RecordBatch header = RecordBatch.Read(batch);
        AppendResult result;
        bool stableAdvanced;
        lock (_gate)
        {
            if (_closed || _failed)
            {
                return AppendResult.Refused(_closed ? ErrorCode.UnknownTopicOrPartition : ErrorCode.KafkaStorageError);
            }

            if (header.ProducerId >= 0)
            {
                ErrorCode error = _producers.Check(header, out StoredBatch? duplicate);
                if (error == ErrorCode.None && duplicate is null && header.IsTransactional && TransactionCheck is not null)
                {
                    error = TransactionCheck(header.ProducerId, header.ProducerEpoch);
                }

                if (error != ErrorCode.None)
                {
                    return AppendResult.Refused(error);
                }

                if (duplicate is { } first)
                {
                    return new AppendResult(ErrorCode.None, first.BaseOffset, first.Timestamp, _logStartOffset, _nextOffset);
                }
            }

            long stableBefore = LastStableOffsetLocked;
            result = AppendLocked(batch, commitMarker: null);
            stableAdvanced = LastStableOffsetLocked > stableBefore;
        }

        if (result.Error == ErrorCode.None)
        {
            NotifyListeners(stableAdvanced);
        }

        return result;
    }

    /// <summary>
    /// Appends the marker that ends a producer's transaction. One that finds no open transaction of that producer still fences
    /// older epochs. Call <see cref="NotifyListeners"/> after it, once all markers of the transaction are written: a reader of several
    /// partitions then gets them in one answer.
    /// </summary>
    public AppendResult AppendMarker(long producerId, short producerEpoch, bool commit)
    {
        lock (_gate)
        {
            return _closed || _failed
                ? AppendResult.Refused(_closed ? ErrorCode.UnknownTopicOrPartition : ErrorCode.KafkaStorageError)
                : AppendLocked(ControlRecord.BuildMarker(producerId, producerEpoch, commit, NowMs), commit);
        }
    }

    /// <summary>The producers with an open transaction here, and their epochs.</summary>
    public List<(long ProducerId, short Epoch)> OpenTransactions()
    {
        lock (_gate)
        {
            return _producers.OpenTransactions();
        }
    }

    /// <summary>Calls <paramref name="listener"/> whenever more can be read, until it is removed.</summary>
    public void AddListener(IAppendListener listener)
    {
        lock (_listeners)
        {
            _listeners.Add(listener);
        }
    }

    /// <summary>Ends the calls to a listener; one may still be under way.</summary>
    public void RemoveListener(IAppendListener listener)
    {
        lock (_listeners)
        {
            _listeners.Remove(listener);
        }
    }

    /// <summary>Tells the listeners that more can be read.</summary>
    /// <param name="stableAdvanced">False when only readers of uncommitted records see more.</param>
    public void NotifyListeners(bool stableAdvanced = true)
    {
        lock (_listeners)
        {
            foreach (IAppendListener listener in _listeners)
            {
                if (stableAdvanced || !listener.ReadsCommitted)
                {
                    listener.OnReadableAdvanced();
                }
            }
        }
    }

    /// <summary>Completes when every record before <paramref name="offset"/> is on disk. Callers at the same time share an fsync.</summary>
    public Task WhenFlushedAsync(long offset)
    {
        lock (_gate)
        {
            if (_flushedOffset >= offset || _closed)
            {
                return Task.CompletedTask;
            }

            TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _flushWaiters.Add((offset, done));
            if (!_flushLoopRuns)
            {
                _flushLoopRuns = true;
                _ = Task.Run(FlushUntilNoneWaits);
            }

            return done.Task;
        }
    }

    /// <summary>Brings what was appended to disk and, after enough bytes or a roll, moves the recovery point.</summary>
    /// <param name="forceRecoveryPoint">Moves the recovery point in any case: the next start reads nothing again.</param>
    /// <exception cref="IOException">The disk failed; the partition takes no more batches until a restart.</exception>
    public void Flush(bool forceRecoveryPoint = false)
    {
        lock (_flushGate)
        {
            List<LogSegment> dirty = [];
            byte[]? point = null;
            long pointSegment = -1;
            long end;
            long activeBase;
            lock (_gate)
            {
                if (_closed || _failed)
                {
                    return;
                }

                foreach (LogSegment segment in _segments)
                {
                    if (segment.IsDirty)
                    {
                        segment.Lease();
                        segment.IsDirty = false;
                        dirty.Add(segment);
                    }
                }

                end = _nextOffset;
                activeBase = Active.BaseOffset;
                bool moved = _bytesSinceRecoveryPoint > 0 || _recoveryPointSegment != Active.BaseOffset;
                if ((forceRecoveryPoint && moved)
                    || _bytesSinceRecoveryPoint >= Limits.RecoveryPointIntervalBytes
                    || (_recoveryPointSegment >= 0 && _recoveryPointSegment != Active.BaseOffset))
                {
                    _producers.Expire(NowMs);
                    point = RecoveryPoint.Export(Active.BaseOffset, Active.Index, _producers);
                    pointSegment = Active.BaseOffset;
                    _bytesSinceRecoveryPoint = 0;
                }
            }

            try
            {
                foreach (LogSegment segment in dirty)
                {
                    RandomAccess.FlushToDisk(segment.Handle);
                    if (segment.BaseOffset < activeBase)
                    {
                        segment.WriteIndexFile();
                    }
                }
            }
            catch (IOException)
            {
                lock (_gate)
                {
                    _failed = true; // the kernel may have dropped the pages: only a restart knows what the disk holds
                }

                throw;
            }
            finally
            {
                foreach (LogSegment segment in dirty)
                {
                    segment.Release();
                }
            }

            lock (_gate)
            {
                _flushedOffset = Math.Max(_flushedOffset, end);
                if (pointSegment >= 0)
                {
                    _recoveryPointSegment = pointSegment;
                }
            }

            if (point is not null)
            {
                RecoveryPoint.Write(_directory, point);
            }
        }

        if (_readOnlyFlushed)
        {
            NotifyListeners();
        }
    }

    /// <summary>Flushes, moves the recovery point to the end, and closes the files.</summary>
    public void Dispose()
    {
        Flush(forceRecoveryPoint: true);
        Close(delete: false);
    }

    /// <summary>Closes the log and deletes all of it. Readers that wait are told and find it closed.</summary>
    public void Delete()
    {
        Close(delete: true);
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private void Close(bool delete)
    {
        List<(long Offset, TaskCompletionSource Done)> waiters;
        lock (_flushGate)
        {
            lock (_gate)
            {
                if (_closed)
                {
                    return;
                }

                _closed = true;
                foreach (LogSegment segment in _segments)
                {
                    if (delete)
                    {
                        segment.Delete();
                    }
                    else
                    {
                        segment.Release();
                    }
                }

                waiters = [.. _flushWaiters];
                _flushWaiters.Clear();
            }
        }

        foreach ((_, TaskCompletionSource done) in waiters)
        {
            done.TrySetResult();
        }

        NotifyListeners();
    }

    private AppendResult AppendLocked(Span<byte> batch, bool? commitMarker)
    {
        RecordBatch header = RecordBatch.Read(batch);
        long now = _lastAppendMs = Math.Max(_lastAppendMs, NowMs); // log time never goes back, whatever the clock does
        LogSettings settings = _settings;
        RecordBatch.Assign(batch, _nextOffset, LeaderEpoch);
        if (settings.LogAppendTime)
        {
            RecordBatch.SetLogAppendTime(batch, now);
        }
        else if (header.IsLogAppendTime)
        {
            RecordBatch.ClearLogAppendTime(batch);
        }

        header = RecordBatch.Read(batch);
        try
        {
            if (Active.Size > 0 && (Active.Size + batch.Length > settings.SegmentBytes || now - Active.OpenedMs >= settings.SegmentMs))
            {
                RollLocked(now);
            }

            Active.Append(batch, header);
        }
        catch (IOException e)
        {
            _log($"partition {_directory}: a batch of {batch.Length} bytes was not written: {e.Message}");
            return AppendResult.Refused(ErrorCode.KafkaStorageError);
        }

        _bytesSinceRecoveryPoint += batch.Length;
        _nextOffset = header.LastOffset + 1;
        if (commitMarker is { } commit)
        {
            _producers.ApplyMarker(header, commit, now);
        }
        else
        {
            _producers.ApplyData(header, now);
        }

        return new AppendResult(ErrorCode.None, header.BaseOffset, settings.LogAppendTime ? now : -1, _logStartOffset, _nextOffset);
    }

    private void RollLocked(long now) => _segments.Add(LogSegment.Create(_directory, _nextOffset, now));

    private void FlushUntilNoneWaits()
    {
        while (true)
        {
            try
            {
                Flush();
            }
            catch (IOException e)
            {
                _log($"partition {_directory}: fsync failed, no more batches are taken until a restart: {e.Message}");
            }

            List<TaskCompletionSource> done = [];
            bool failed;
            lock (_gate)
            {
                failed = _failed;
                for (int i = _flushWaiters.Count - 1; i >= 0; i--)
                {
                    if (_failed || _closed || _flushWaiters[i].Offset <= _flushedOffset)
                    {
                        done.Add(_flushWaiters[i].Done);
                        _flushWaiters.RemoveAt(i);
                    }
                }

                if (_flushWaiters.Count == 0)
                {
                    _flushLoopRuns = false;
                }
            }

            foreach (TaskCompletionSource waiter in done)
            {
                if (failed)
                {
                    waiter.TrySetException(new IOException($"partition {_directory}: fsync failed"));
                }
                else
                {
                    waiter.TrySetResult();
                }
            }

            lock (_gate)
            {
                if (!_flushLoopRuns)
                {
                    return;
                }
            }
        }
    }
}
