using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Kafka.Consuming;

/// <summary>
/// Reads one partition of the batches log from an explicit offset on: committed records, each once, in log order, handed over in bursts through a bounded queue.
/// A thread of its own reads ahead until <see cref="Limits.HandOverBytes"/> or <see cref="Limits.HandOverRecords"/> wait. Broker restarts are survived; a log that starts
/// after the offset asked for is told as <see cref="LogBurst.Lost"/>. Several readers of one partition may run side by side (head and trailing cursor).
/// One reader of <see cref="ReadAsync"/> at a time.
/// </summary>
public sealed class BatchLogReader : IDisposable
{
    private readonly LogPartition _partition;
    private readonly ILogger _logger;
    private readonly long _aheadBytes;
    private readonly RecordConsumer _consumer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _room = new(0);
    private readonly Sink _sink;
    private readonly Thread _thread;
    private readonly Queue<LogBurst> _bursts = new();
    private long _waitingBytes;
    private int _waitingRecords;
    private bool _waitsForRoom;
    private TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;
    private int _disposed;

    /// <summary>
    /// Starts reading <paramref name="partition"/> at <paramref name="startOffset"/> (0 or more). A broker need not be there yet. Up to
    /// <paramref name="aheadBytes"/> of records are prefetched, and as many wait to be taken; one record more of any size is always let through.
    /// </summary>
    public BatchLogReader(KafkaSettings settings, LogPartition partition, long startOffset, ILogger logger, string role = "log-reader", long aheadBytes = Limits.HandOverBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(startOffset);
        ArgumentOutOfRangeException.ThrowIfLessThan(aheadBytes, 1024);
        _aheadBytes = aheadBytes;
        _partition = partition;
        _logger = logger;
        _sink = new Sink(startOffset);
        var options = new RecordConsumerOptions
        {
            Role = $"{role}-{partition.Partition}",
            GroupId = "streamobserve.processors",
            ReportEnd = true,
            PrefetchKilobytes = (int)Math.Min(Limits.PrefetchKilobytes, aheadBytes / 1024),
        };
        _consumer = new RecordConsumer(settings, options, logger);
        _thread = new Thread(Run) { Name = $"{role} {partition}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The partition that is read.</summary>
    public LogPartition Partition => _partition;

    /// <summary>Records that wait to be taken. Any thread.</summary>
    public int WaitingRecords
    {
        get
        {
            lock (_lock)
            {
                return _waitingRecords;
            }
        }
    }

    /// <summary>
    /// The next burst, in log order; waits until there is one. Taking a burst makes room for the thread to read on, so whoever is slow holds the reading back and nothing else.
    /// Throws <see cref="OffsetPastEndException"/> when the start offset is past the log's end, and <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>.
    /// </summary>
    public async ValueTask<LogBurst> ReadAsync(CancellationToken cancellation)
    {
        LogBurst? burst;
        while (!TryRead(out burst, out var arrival))
        {
            await arrival.WaitAsync(cancellation).ConfigureAwait(false);
        }

        return burst;
    }

    /// <summary>As <see cref="ReadAsync"/>, on the caller's thread, which it blocks: no thread of the pool has a part in it.</summary>
    public LogBurst Read(CancellationToken cancellation)
    {
        LogBurst? burst;
        while (!TryRead(out burst, out var arrival))
        {
            arrival.Wait(cancellation);
        }

        return burst;
    }

    /// <summary>The next burst, or what completes when there may be one.</summary>
    private bool TryRead([NotNullWhen(true)] out LogBurst? burst, out Task arrival)
    {
        lock (_lock)
        {
            arrival = Task.CompletedTask;
            if (_bursts.TryDequeue(out burst))
            {
                Took(burst);
                return true;
            }

            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (_failure is not null)
            {
                throw _failure;
            }

            if (_arrived.Task.IsCompleted)
            {
                _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            arrival = _arrived.Task;
            return false;
        }
    }

    /// <summary>Stops the thread and leaves. Waiting bursts are dropped. From any thread; again: nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _stop.Cancel();
        _consumer.Wake();
        _thread.Join();
        _consumer.Dispose();
        lock (_lock)
        {
            _bursts.Clear();
            _arrived.TrySetResult();
        }

        _stop.Dispose();
        _room.Dispose();
    }

    private void Run()
    {
        try
        {
            _consumer.Assign([new LogPosition(_partition, _sink.NextOffset)]);
            while (!_stop.IsCancellationRequested)
            {
                WaitForRoom();
                _consumer.Poll(_sink, TimeSpan.FromSeconds(1), fill: false, _stop.Token);
                if (_sink.Error is { } error)
                {
                    _sink.Error = null;
                    ClientLog.PartitionFailed(_logger, _partition.ToString(), error);
                }

                if (_sink.OffsetIsLost)
                {
                    FindLogStart();
                }

                if (_sink.HasNews)
                {
                    HandOver(_sink.TakeBurst(_consumer.EndOffset(_partition)));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed while it waited.
        }
        catch (Exception failure)
        {
            lock (_lock)
            {
                _failure = failure;
                _arrived.TrySetResult();
            }
        }
    }

    private void WaitForRoom()
    {
        while (true)
        {
            lock (_lock)
            {
                if (_waitingBytes < _aheadBytes && _waitingRecords < Limits.HandOverRecords)
                {
                    return;
                }

                _waitsForRoom = true;
            }

            _room.Wait(_stop.Token);
        }
    }

    private void Took(LogBurst burst)
    {
        foreach (var record in burst.Records)
        {
            _waitingBytes -= record.Value.Length;
        }

        _waitingRecords -= burst.Records.Count;
        if (_waitsForRoom && _disposed == 0)
        {
            _waitsForRoom = false;
            _room.Release();
        }
    }

    private void HandOver(LogBurst burst)
    {
        lock (_lock)
        {
            foreach (var record in burst.Records)
            {
                _waitingBytes += record.Value.Length;
            }

            _waitingRecords += burst.Records.Count;
            _bursts.Enqueue(burst);
            _arrived.TrySetResult();
        }
    }

    // Slow path: the broker does not have the offset. Either retention took it, or the log is another one than the one the offset was recorded for.
    private void FindLogStart()
    {
        while (true)
        {
            _stop.Token.ThrowIfCancellationRequested();
            try
            {
                var (start, end) = _consumer.QueryRange(_partition);
                if (_sink.NextOffset > end)
                {
                    throw new OffsetPastEndException(_partition.Topic, _partition.Partition, _sink.NextOffset, end);
                }

                _sink.GoOnFrom(Math.Max(start, _sink.NextOffset));
                _consumer.Assign([new LogPosition(_partition, _sink.NextOffset)]);
                return;
            }
            catch (KafkaOperationException failure) when (failure.IsTransient)
            {
                ClientLog.Retrying(_logger, _partition.ToString(), failure.Message);
                _stop.Token.WaitHandle.WaitOne(Limits.RetryPauseMs);
            }
        }
    }

    /// <summary>Collects what one poll shows. Reading thread only.</summary>
    private sealed class Sink(long startOffset) : IRecordSink
    {
        private List<LogRecord> _records = [];
        private bool _atEnd;
        private LostRange? _lost;

        public long NextOffset { get; private set; } = startOffset;

        public bool OffsetIsLost { get; private set; }

        public string? Error { get; set; }

        public bool HasNews { get; private set; }

        public void Accept(in ConsumedRecord record)
        {
            if (record.Offset < NextOffset)
            {
                return; // fetched before an assignment that went forward
            }

            _records.Add(new LogRecord(record.Offset, record.TimestampMs, record.Value.ToArray()));
            NextOffset = record.Offset + 1;
            _atEnd = false;
            HasNews = true;
        }

        public void ReachedEnd(string topic, int partition, long nextOffset)
        {
            NextOffset = Math.Max(NextOffset, nextOffset);
            _atEnd = true;
            HasNews = true;
        }

        public void OffsetLost(string topic, int partition) => OffsetIsLost = true;

        public void Failed(string topic, int partition, string error) => Error = error;

        public void GoOnFrom(long offset)
        {
            OffsetIsLost = false;
            if (offset > NextOffset)
            {
                _lost = new LostRange(_lost?.From ?? NextOffset, offset);
                NextOffset = offset;
                HasNews = true;
            }
        }

        public LogBurst TakeBurst(long endOffset)
        {
            var burst = new LogBurst(_records, NextOffset, endOffset, _atEnd, _lost);
            _records = [];
            _lost = null;
            HasNews = false;
            return burst;
        }
    }
}
