using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Kafka.Producing;

/// <summary>How a transaction ended.</summary>
/// <param name="Committed">True when all of it, records and offsets, is visible to read-committed consumers; false when none of it is, nor ever will be.</param>
/// <param name="Reason">Why it was not committed; empty when it was.</param>
public readonly record struct TransactionOutcome(bool Committed, string Reason);

/// <summary>
/// Writes records and consumed offsets in Kafka transactions: all of one becomes visible at once, or nothing.
/// A writer that takes over another's transactional id ends that one's open transaction and fences it. Not thread-safe; its calls block, so it belongs on a thread of its own.
/// Order of calls: <see cref="Begin"/>, any number of <see cref="Produce"/>, <see cref="SendOffsets"/> at most once, <see cref="Commit"/> or <see cref="Abort"/>.
/// Failures within a transaction surface at <see cref="Commit"/>, which then has aborted it; the writer is usable again afterwards.
/// </summary>
public sealed class TransactionalWriter : IDisposable
{
    private readonly KafkaSettings _settings;
    private readonly string _transactionalId;
    private readonly string _role;
    private readonly ILogger _logger;
    private readonly TimeSpan _patience;
    private IProducer<Null, byte[]>? _producer;
    private string? _failure;
    private bool _open;

    /// <summary>
    /// Makes one. <paramref name="transactionalId"/> must be the same after a restart of this process and of no other. <paramref name="patience"/>: how long
    /// <see cref="Commit"/> goes on trying before it gives up and aborts; the transaction timeout when null.
    /// </summary>
    public TransactionalWriter(KafkaSettings settings, string transactionalId, string role, ILogger logger, TimeSpan? patience = null)
    {
        _settings = settings;
        _transactionalId = transactionalId;
        _role = role;
        _logger = logger;
        _patience = patience ?? TimeSpan.FromMilliseconds(Limits.TransactionTimeoutMs);
    }

    /// <summary>True when the next <see cref="Begin"/> need not talk to a broker first.</summary>
    public bool IsReady => _producer is not null;

    /// <summary>
    /// Makes the writer ready: registers its transactional id, which ends what a predecessor left open. Goes on trying while no broker answers, until
    /// <paramref name="cancellation"/>, which throws. Nothing to do when it is ready.
    /// </summary>
    public void Open(CancellationToken cancellation)
    {
        while (_producer is null)
        {
            cancellation.ThrowIfCancellationRequested();
            var producer = Build();
            try
            {
                InitTransactions(producer, cancellation);
                _producer = producer;
            }
            catch (KafkaException failure)
            {
                producer.Dispose();
                ClientLog.Retrying(_logger, $"opening transactional id {_transactionalId}", failure.Error.Reason);
                cancellation.WaitHandle.WaitOne(Limits.RetryPauseMs);
            }
            catch (OperationCanceledException)
            {
                producer.Dispose();
                throw;
            }
        }
    }

    /// <summary>Begins a transaction; opens the writer first when it is not ready.</summary>
    public void Begin(CancellationToken cancellation)
    {
        if (_open)
        {
            throw new InvalidOperationException("the transaction before was neither committed nor aborted");
        }

        while (true)
        {
            Open(cancellation);
            try
            {
                _producer!.BeginTransaction();
                _failure = null;
                _open = true;
                return;
            }
            catch (KafkaException failure)
            {
                // The instance failed for good while it was idle (fenced, a fatal error): a new one takes over.
                Discard(failure.Error.Reason);
            }
        }
    }

    /// <summary>Puts a record into the transaction. The value must not be changed before the transaction has ended. Waits while the producer's queue is full.</summary>
    public void Produce(string topic, int partition, byte[] value, IReadOnlyList<RecordHeader> headers)
    {
        if (_failure is not null)
        {
            return;
        }

        var message = new Message<Null, byte[]> { Value = value, Headers = RecordHeader.ToClient(headers) };
        var target = new TopicPartition(topic, partition < 0 ? Partition.Any : new Partition(partition));
        while (true)
        {
            try
            {
                _producer!.Produce(target, message);
                return;
            }
            catch (ProduceException<Null, byte[]> failure) when (failure.Error.Code == ErrorCode.Local_QueueFull)
            {
                _producer!.Poll(TimeSpan.FromMilliseconds(5));
            }
            catch (KafkaException failure)
            {
                _failure = $"producing {value.Length} bytes to {topic}[{partition}]: {failure.Error.Reason}";
                return;
            }
        }
    }

    /// <summary>
    /// Puts consumed positions into the transaction: they become the group's committed offsets exactly when the records become visible. Refused, and the transaction with it,
    /// when the member has been replaced.
    /// </summary>
    public void SendOffsets(IReadOnlyList<LogPosition> positions, GroupMembership membership, CancellationToken cancellation)
    {
        if (_failure is not null || positions.Count == 0)
        {
            return;
        }

        var offsets = new List<TopicPartitionOffset>(positions.Count);
        foreach (var position in positions)
        {
            offsets.Add(new TopicPartitionOffset(position.Partition.Topic, position.Partition.Partition, position.Offset));
        }

        _failure = Attempt("sending offsets", timeout => _producer!.SendOffsetsToTransaction(offsets, membership.Metadata, timeout), cancellation);
    }

    /// <summary>
    /// Ends the transaction. When it cannot be committed it is aborted, and the outcome says why; the caller goes back to its committed offsets.
    /// Only <paramref name="cancellation"/> throws, and then the transaction's end is found out by the next writer of this transactional id.
    /// </summary>
    public TransactionOutcome Commit(CancellationToken cancellation)
    {
        _failure ??= Attempt("committing", timeout => _producer!.CommitTransaction(timeout), cancellation);
        if (_failure is null)
        {
            _open = false;
            return new TransactionOutcome(true, "");
        }

        var reason = _failure;
        Abort(cancellation);
        return new TransactionOutcome(false, reason);
    }

    /// <summary>Throws the transaction away. When that fails, the instance is given up: the next <see cref="Begin"/> makes a new one, which ends the transaction for it.</summary>
    public void Abort(CancellationToken cancellation)
    {
        if (!_open)
        {
            return;
        }

        _open = false;
        if (_producer is not null && Attempt("aborting", timeout => _producer!.AbortTransaction(timeout), cancellation) is { } failure)
        {
            Discard(failure);
        }
    }

    /// <summary>Gives up without ending an open transaction: the brokers abort it, or the next writer of this id does. Again: nothing.</summary>
    public void Dispose()
    {
        _producer?.Dispose();
        _producer = null;
    }

    private IProducer<Null, byte[]> Build()
    {
        var config = _settings.Apply(
            new ProducerConfig
            {
                TransactionalId = _transactionalId,
                TransactionTimeoutMs = Limits.TransactionTimeoutMs,
                MessageTimeoutMs = Limits.TransactionTimeoutMs,
                MessageMaxBytes = Limits.RecordBytes,

                // Batches come compressed; commit flushes, so lingering only gathers the small records (dead letters).
                CompressionType = CompressionType.None,
                LingerMs = 2,
                QueueBufferingMaxKbytes = Limits.ProducerQueueKilobytes,
                EnableDeliveryReports = false,
            },
            _role);
        return new ProducerBuilder<Null, byte[]>(config)
            .SetLogHandler((_, message) => ClientLog.Write(_logger, message))
            .SetErrorHandler((_, error) => ClientLog.Write(_logger, error))
            .Build();
    }

    private void InitTransactions(IProducer<Null, byte[]> producer, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                producer.InitTransactions(TimeSpan.FromMilliseconds(Limits.RequestTimeoutMs));
                return;
            }
            catch (KafkaRetriableException failure)
            {
                cancellation.ThrowIfCancellationRequested();
                ClientLog.Retrying(_logger, $"opening transactional id {_transactionalId}", failure.Error.Reason);
                cancellation.WaitHandle.WaitOne(Limits.RetryPauseMs);
            }
        }
    }

    // null = done; else why not. Retriable failures are tried again while patience lasts; a fatal one gives the instance up.
    private string? Attempt(string what, Action<TimeSpan> call, CancellationToken cancellation)
    {
        var attempts = Math.Max(1, (int)(_patience.TotalMilliseconds / Limits.RequestTimeoutMs));
        var each = TimeSpan.FromMilliseconds(Math.Min(_patience.TotalMilliseconds, Limits.RequestTimeoutMs));
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                call(each);
                return null;
            }
            catch (KafkaRetriableException failure) when (attempt < attempts)
            {
                cancellation.ThrowIfCancellationRequested();
                ClientLog.Retrying(_logger, $"{_transactionalId}: {what}", failure.Error.Reason);
            }
            catch (KafkaTxnRequiresAbortException failure)
            {
                return $"{what}: {failure.Error.Reason}";
            }
            catch (KafkaException failure)
            {
                // Fatal, or retriable without end: only a new instance knows how the transaction ended.
                Discard($"{what}: {failure.Error.Reason}");
                return $"{what}: {failure.Error.Reason}";
            }
        }
    }

    private void Discard(string reason)
    {
        ClientLog.Retrying(_logger, $"{_transactionalId}: taking a new producer", reason);
        _producer?.Dispose();
        _producer = null;
    }
}
