using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.Kafka.Consuming;

/// <summary>A record that was looked up, in memory of its own.</summary>
/// <param name="Offset">Its offset.</param>
/// <param name="TimeMs">Its timestamp, unix milliseconds.</param>
/// <param name="Key">Its key; empty when it has none.</param>
/// <param name="Value">Its value; null when it has none.</param>
/// <param name="Headers">Its headers, values read as UTF-8.</param>
public sealed record FoundRecord(long Offset, long TimeMs, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte>? Value, IReadOnlyList<RecordHeader> Headers);

/// <summary>Where a time begins in a partition.</summary>
/// <param name="Offset">Of the first record that is not older; the log's end when all are.</param>
/// <param name="LogStart">Of the first record that retention has left; above 0 when it took some.</param>
public readonly record struct LogBeginning(long Offset, long LogStart);

/// <summary>
/// Reads single records on demand, by offset or by key and time. Thread-safe; one lookup at a time, others wait for their turn. Each throws
/// <see cref="KafkaOperationException"/> (transient) when the brokers do not answer within <see cref="Limits.RequestTimeoutMs"/>.
/// </summary>
public sealed class RecordLookup : IDisposable
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromMilliseconds(Limits.RequestTimeoutMs);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(Limits.LookupPollMs);

    private readonly Func<IConsumer<byte[], byte[]>> _build;
    private readonly SemaphoreSlim _turn = new(1);
    private IConsumer<byte[], byte[]>? _consumer;
    private bool _disposed;

    /// <summary>Makes one. A broker need not be there. <paramref name="role"/> is the last part of its client id.</summary>
    public RecordLookup(KafkaSettings settings, string role, ILogger logger)
    {
        var config = settings.Apply(
            new ConsumerConfig
            {
                GroupId = "streamobserve.lookup",
                IsolationLevel = IsolationLevel.ReadCommitted,
                EnableAutoCommit = false,
                EnableAutoOffsetStore = false,
                EnablePartitionEof = true,
                AutoOffsetReset = AutoOffsetReset.Error,
                QueuedMaxMessagesKbytes = Limits.LookupPrefetchKilobytes,
                FetchWaitMaxMs = Limits.LookupFetchWaitMs,
                FetchErrorBackoffMs = 50,
            },
            role);
        _build = () => new ConsumerBuilder<byte[], byte[]>(config)
            .SetLogHandler((_, message) => ClientLog.Write(logger, message))
            .SetErrorHandler((_, error) => ClientLog.Write(logger, error))
            .Build();
    }

    /// <summary>The record at an offset; null when it is not in the log (any more, or yet).</summary>
    public Task<FoundRecord?> AtAsync(LogPartition partition, long offset, CancellationToken cancellation) =>
        InTurnAsync(consumer => Scan(consumer, partition, offset, record => record.Offset >= offset, 1, cancellation) is { } found && found.Offset == offset ? found : null, cancellation);

    /// <summary>
    /// The first record with this key among the <paramref name="recordsMax"/> that follow the first one not older than <paramref name="fromMs"/> (unix milliseconds);
    /// null when it is not among them.
    /// </summary>
    public Task<FoundRecord?> FindAsync(LogPartition partition, ReadOnlyMemory<byte> key, long fromMs, int recordsMax, CancellationToken cancellation) => InTurnAsync(
        consumer =>
        {
            return StartOf(consumer, partition, fromMs) is { } start ? Scan(consumer, partition, start, record => key.Span.SequenceEqual(record.Message.Key), recordsMax, cancellation) : null;
        },
        cancellation);

    /// <summary>Where a time begins in a partition, and where the partition itself does. Blocks the caller's thread, which should be one of its own.</summary>
    public LogBeginning Beginning(LogPartition partition, long fromMs, CancellationToken cancellation)
    {
        _turn.Wait(cancellation);
        try
        {
            var consumer = Consumer();
            var range = consumer.QueryWatermarkOffsets(new(partition.Topic, partition.Partition), RequestTimeout);
            return new LogBeginning(StartOf(consumer, partition, fromMs) ?? range.High.Value, range.Low.Value);
        }
        catch (KafkaException failure)
        {
            throw Failed(failure);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Waits for the lookup under way, then frees the connection. Again: nothing.</summary>
    public void Dispose()
    {
        _turn.Wait();
        try
        {
            _disposed = true;
            _consumer?.Close();
            _consumer?.Dispose();
            _consumer = null;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The client's calls block: they run on a thread of the pool, not on the caller's.</summary>
    private async Task<FoundRecord?> InTurnAsync(Func<IConsumer<byte[], byte[]>, FoundRecord?> look, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var consumer = Consumer();
            return await Task.Run(() => look(consumer), cancellation).ConfigureAwait(false);
        }
        catch (KafkaException failure)
        {
            throw Failed(failure);
        }
        finally
        {
            _turn.Release();
        }
    }

    private IConsumer<byte[], byte[]> Consumer()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _consumer ??= _build();
    }

    private static KafkaOperationException Failed(KafkaException failure) => new($"looking up a record: {failure.Error.Reason}", isTransient: true, failure);

    /// <summary>The offset of the first record that is not older; null when every record is.</summary>
    private static long? StartOf(IConsumer<byte[], byte[]> consumer, LogPartition partition, long fromMs)
    {
        var start = consumer.OffsetsForTimes([new TopicPartitionTimestamp(partition.Topic, partition.Partition, new Timestamp(fromMs, TimestampType.CreateTime))], RequestTimeout)[0].Offset;
        return start == Offset.End ? null : start.IsSpecial ? throw new KafkaOperationException($"{partition}: where a time begins: no answer", isTransient: true) : start.Value;
    }

    private static FoundRecord? Scan(
        IConsumer<byte[], byte[]> consumer, LogPartition partition, long start, Func<ConsumeResult<byte[], byte[]>, bool> isIt, int recordsMax, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        consumer.Assign(new TopicPartitionOffset(partition.Topic, partition.Partition, start));
        try
        {
            for (var seen = 0; seen < recordsMax;)
            {
                cancellation.ThrowIfCancellationRequested();
                switch (consumer.Consume(Poll))
                {
                    case null when Stopwatch.GetElapsedTime(started) > RequestTimeout:
                        throw new KafkaOperationException($"{partition}: no record and no end of the log within {Limits.RequestTimeoutMs} ms", isTransient: true);
                    case null:
                        break;
                    case { IsPartitionEOF: true }:
                        return null;
                    case var record when isIt(record):
                        return Found(record);
                    default:
                        seen++;
                        break;
                }
            }

            return null;
        }
        catch (ConsumeException gone) when (gone.Error.Code is ErrorCode.Local_AutoOffsetReset or ErrorCode.OffsetOutOfRange)
        {
            return null;
        }
        finally
        {
            consumer.Unassign();
        }
    }

    private static FoundRecord Found(ConsumeResult<byte[], byte[]> record)
    {
        var headers = new List<RecordHeader>(record.Message.Headers?.Count ?? 0);
        foreach (var header in record.Message.Headers ?? [])
        {
            headers.Add(new(header.Key, Encoding.UTF8.GetString(header.GetValueBytes() ?? [])));
        }

        // A null array would become empty memory by itself.
        ReadOnlyMemory<byte>? value = null;
        if (record.Message.Value is { } bytes)
        {
            value = bytes;
        }

        return new FoundRecord(record.Offset.Value, record.Message.Timestamp.UnixTimestampMs, record.Message.Key, value, headers);
    }
}
