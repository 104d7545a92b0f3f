using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Kafka.Producing;

/// <summary>
/// Writes single records outside transactions, each once and in order per partition, acknowledged by all in-sync replicas. Thread-safe.
/// A write that fails may or may not be in the log.
/// </summary>
public sealed class IdempotentWriter : IDisposable
{
    private readonly Func<IProducer<byte[], byte[]?>> _build;
    private readonly Lock _lock = new();
    private IProducer<byte[], byte[]?>? _producer;
    private bool _disposed;

    /// <summary>Makes one. A broker need not be there. <paramref name="timeout"/>: how long one write may take.</summary>
    public IdempotentWriter(KafkaSettings settings, string role, TimeSpan timeout, ILogger logger)
    {
        var config = settings.Apply(
            new ProducerConfig
            {
                EnableIdempotence = true,
                Acks = Acks.All,
                LingerMs = 0,
                MessageTimeoutMs = (int)timeout.TotalMilliseconds,
                MessageMaxBytes = Limits.RecordBytes,
                QueueBufferingMaxKbytes = Limits.ProducerQueueKilobytes,
            },
            role);
        _build = () => new ProducerBuilder<byte[], byte[]?>(config)
            .SetLogHandler((_, message) => ClientLog.Write(logger, message))
            .SetErrorHandler((_, error) => ClientLog.Write(logger, error))
            .Build();
    }

    /// <summary>Begins to connect, so that the first write does not wait for it. Returns at once; a broker need not be there.</summary>
    public void Connect() => Producer();

    /// <summary>Writes a record and returns its offset once the brokers have it. Throws <see cref="KafkaOperationException"/> (transient unless the record itself is refused).</summary>
    public Task<long> WriteAsync(string topic, int partition, byte[]? key, byte[]? value, CancellationToken cancellation) =>
        WriteAsync(topic, partition, new Message<byte[], byte[]?> { Key = key!, Value = value }, cancellation);

    /// <summary>The same with a timestamp of the writer's own (unix milliseconds; kept where the topic is in create time) and headers.</summary>
    public Task<long> WriteAsync(
        string topic, int partition, byte[]? key, byte[]? value, long timeMs, IReadOnlyList<RecordHeader> headers, CancellationToken cancellation) =>
        WriteAsync(
            topic,
            partition,
            new Message<byte[], byte[]?> { Key = key!, Value = value, Timestamp = new Timestamp(timeMs, TimestampType.CreateTime), Headers = RecordHeader.ToClient(headers) },
            cancellation);

    /// <summary>Waits shortly for writes under way, then frees the connection. Again: nothing.</summary>
    public void Dispose()
    {
        IProducer<byte[], byte[]?>? producer;
        lock (_lock)
        {
            _disposed = true;
            producer = _producer;
            _producer = null;
        }

        producer?.Flush(TimeSpan.FromSeconds(1));
        producer?.Dispose();
    }

    private async Task<long> WriteAsync(string topic, int partition, Message<byte[], byte[]?> message, CancellationToken cancellation)
    {
        var producer = Producer();
        try
        {
            var written = await producer.ProduceAsync(new TopicPartition(topic, partition), message, cancellation).ConfigureAwait(false);
            return written.Offset.Value;
        }
        catch (KafkaException failure)
        {
            if (failure.Error.IsFatal)
            {
                Discard(producer);
            }

            var isTransient = failure.Error.Code is not (ErrorCode.MsgSizeTooLarge or ErrorCode.TopicAuthorizationFailed or ErrorCode.InvalidRecord);
            throw new KafkaOperationException($"{topic}[{partition}]: writing {message.Value?.Length ?? 0} bytes: {failure.Error.Reason}", isTransient, failure);
        }
    }

    private IProducer<byte[], byte[]?> Producer()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _producer ??= _build();
        }
    }

    private void Discard(IProducer<byte[], byte[]?> producer)
    {
        lock (_lock)
        {
            if (ReferenceEquals(_producer, producer))
            {
                _producer = null;
            }
        }

        producer.Dispose();
    }
}
