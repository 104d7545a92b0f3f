using System.Text;
using Microsoft.Extensions.Logging;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.Kafka.Topics;

/// <summary>One entry of the meta topic.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Value">Its newest value; null when the key was deleted.</param>
/// <param name="Offset">The offset of that value's record: it grows with every change of any key, so it serves as a version.</param>
public sealed record MetaEntry(string Key, ReadOnlyMemory<byte>? Value, long Offset);

/// <summary>
/// The settings topic (compacted, one partition) as a dictionary: every node holds all of it and hears of every change. Thread-safe.
/// Reads are answered from memory and may lag the topic by some milliseconds; <see cref="WaitForAsync"/> reads one's own writes.
/// </summary>
public sealed class MetaTopic : IDisposable
{
    /// <summary>What keys begin with under which datasets, in lower case, have the name of the field that correlates their events.</summary>
    public const string CorrelationKeys = "correlation/";

    private readonly string _topic;
    private readonly IdempotentWriter _writer;
    private readonly View _view;

    /// <summary>Starts reading <paramref name="topic"/>, which must exist. A broker need not be there yet.</summary>
    public MetaTopic(KafkaSettings settings, string topic, ILogger logger)
    {
        _topic = topic;
        _writer = new IdempotentWriter(settings, "meta-writer", TimeSpan.FromSeconds(5), logger);
        _view = new View(settings, topic, logger);
    }

    /// <summary>Completes once everything that was in the topic at the start has been read.</summary>
    public Task Ready => _view.Ready;

    /// <summary>The newest entry of a key; false when there is none or it was deleted.</summary>
    public bool TryGet(string key, out MetaEntry entry) => _view.TryGet(key, out entry);

    /// <summary>The newest entries whose keys start with <paramref name="prefix"/>, in no particular order.</summary>
    public IReadOnlyList<MetaEntry> List(string prefix) => _view.List(prefix);

    /// <summary>
    /// Calls <paramref name="onChange"/> for every entry whose key starts with <paramref name="prefix"/>: at once for what there is, then for each change (deletions with a
    /// null value), in log order, on the reading thread. It must be quick and not throw. Dispose the result to end it.
    /// </summary>
    public IDisposable Subscribe(string prefix, Action<MetaEntry> onChange) => _view.Subscribe(prefix, onChange);

    /// <summary>Sets a key's value; returns the record's offset once the brokers have it. Throws <see cref="KafkaOperationException"/>.</summary>
    public Task<long> PutAsync(string key, byte[] value, CancellationToken cancellation) => _writer.WriteAsync(_topic, 0, Encoding.UTF8.GetBytes(key), value, cancellation);

    /// <summary>Deletes a key; returns the record's offset once the brokers have it. Throws <see cref="KafkaOperationException"/>.</summary>
    public Task<long> DeleteAsync(string key, CancellationToken cancellation) => _writer.WriteAsync(_topic, 0, Encoding.UTF8.GetBytes(key), null, cancellation);

    /// <summary>Completes once the record at <paramref name="offset"/> is in this view.</summary>
    public Task WaitForAsync(long offset, CancellationToken cancellation) => _view.WaitForAsync(offset).WaitAsync(cancellation);

    /// <summary>Stops reading and writing. Again: nothing.</summary>
    public void Dispose()
    {
        _view.Dispose();
        _writer.Dispose();
    }

    /// <summary>The reading half: one thread, one lock.</summary>
    private sealed class View : IRecordSink, IDisposable
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, MetaEntry> _entries = new(StringComparer.Ordinal);
        private readonly List<(string Prefix, Action<MetaEntry> OnChange)> _subscribers = [];
        private readonly List<(long Offset, TaskCompletionSource Applied)> _waiting = [];
        private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly CancellationTokenSource _stop = new();
        private readonly RecordConsumer _consumer;
        private readonly LogPartition _partition;
        private readonly ILogger _logger;
        private readonly Thread _thread;
        private long _nextOffset;
        private bool _offsetIsLost;
        private int _disposed;

        public View(KafkaSettings settings, string topic, ILogger logger)
        {
            _logger = logger;
            _partition = new LogPartition(topic, 0);
            _consumer = new RecordConsumer(
                settings,
                new RecordConsumerOptions { Role = "meta-reader", GroupId = "streamobserve.meta", ReportEnd = true, PrefetchKilobytes = 1024 },
                logger);
            _thread = new Thread(Run) { Name = "meta topic", IsBackground = true };
            _thread.Start();
        }

        public Task Ready => _ready.Task;

        public bool TryGet(string key, out MetaEntry entry)
        {
            lock (_lock)
            {
                return _entries.TryGetValue(key, out entry!);
            }
        }

        public IReadOnlyList<MetaEntry> List(string prefix)
        {
            var found = new List<MetaEntry>();
            lock (_lock)
            {
                foreach (var entry in _entries.Values)
                {
                    if (entry.Key.StartsWith(prefix, StringComparison.Ordinal))
                    {
                        found.Add(entry);
                    }
                }
            }

            return found;
        }

        public IDisposable Subscribe(string prefix, Action<MetaEntry> onChange)
        {
            lock (_lock)
            {
                foreach (var entry in _entries.Values)
                {
                    if (entry.Key.StartsWith(prefix, StringComparison.Ordinal))
                    {
                        onChange(entry);
                    }
                }

                var subscriber = (prefix, onChange);
                _subscribers.Add(subscriber);
                return new Subscription(this, subscriber);
            }
        }

        public Task WaitForAsync(long offset)
        {
            lock (_lock)
            {
                if (offset < _nextOffset)
                {
                    return Task.CompletedTask;
                }

                var applied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _waiting.Add((offset, applied));
                return applied.Task;
            }
        }

        public void Accept(in ConsumedRecord record)
        {
            var key = Encoding.UTF8.GetString(record.Key);
            var entry = new MetaEntry(key, record.IsNull ? default(ReadOnlyMemory<byte>?) : record.Value.ToArray(), record.Offset);
            lock (_lock)
            {
                if (record.Offset < _nextOffset)
                {
                    return;
                }

                if (record.IsNull)
                {
                    _entries.Remove(key);
                }
                else
                {
                    _entries[key] = entry;
                }

                foreach (var (prefix, onChange) in _subscribers)
                {
                    if (key.StartsWith(prefix, StringComparison.Ordinal))
                    {
                        onChange(entry);
                    }
                }

                Advance(record.Offset + 1);
            }
        }

        public void ReachedEnd(string topic, int partition, long nextOffset)
        {
            lock (_lock)
            {
                Advance(nextOffset);
            }

            _ready.TrySetResult();
        }

        public void OffsetLost(string topic, int partition) => _offsetIsLost = true;

        public void Failed(string topic, int partition, string error) => ClientLog.PartitionFailed(_logger, _partition.ToString(), error);

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
            _ready.TrySetCanceled();
            lock (_lock)
            {
                foreach (var (_, applied) in _waiting)
                {
                    applied.TrySetCanceled();
                }
            }

            _stop.Dispose();
        }

        private void Run()
        {
            try
            {
                StartFromBeginning();
                while (!_stop.IsCancellationRequested)
                {
                    _consumer.Poll(this, TimeSpan.FromSeconds(1), fill: false, _stop.Token);
                    if (_offsetIsLost)
                    {
                        // Compaction keeps every key's newest value, so starting over loses nothing.
                        StartFromBeginning();
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // Disposed while it waited.
            }
        }

        private void StartFromBeginning()
        {
            while (true)
            {
                _stop.Token.ThrowIfCancellationRequested();
                try
                {
                    var (start, _) = _consumer.QueryRange(_partition);
                    _offsetIsLost = false;
                    lock (_lock)
                    {
                        _nextOffset = start;
                    }

                    _consumer.Assign([new LogPosition(_partition, start)]);
                    return;
                }
                catch (KafkaOperationException failure) when (failure.IsTransient)
                {
                    ClientLog.Retrying(_logger, _partition.ToString(), failure.Message);
                    _stop.Token.WaitHandle.WaitOne(Limits.RetryPauseMs);
                }
            }
        }

        private void Advance(long nextOffset)
        {
            _nextOffset = Math.Max(_nextOffset, nextOffset);
            for (var i = _waiting.Count - 1; i >= 0; i--)
            {
                if (_waiting[i].Offset < _nextOffset)
                {
                    _waiting[i].Applied.TrySetResult();
                    _waiting.RemoveAt(i);
                }
            }
        }

        private sealed class Subscription(View owner, (string, Action<MetaEntry>) subscriber) : IDisposable
        {
            public void Dispose()
            {
                lock (owner._lock)
                {
                    owner._subscribers.Remove(subscriber);
                }
            }
        }
    }
}
