using System.Runtime.InteropServices;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Kafka.Consuming;

/// <summary>
/// Reads records, many with one call, without copying them: <see cref="Poll"/> shows each to an <see cref="IRecordSink"/> where it lies in librdkafka's memory.
/// Reads committed records only. Either a group member (<see cref="Subscribe"/>) or a reader of partitions that it names itself (<see cref="Assign"/>), never both.
/// Not thread-safe: one thread polls; <see cref="Wake"/>, <see cref="Membership"/> and <see cref="EndOffset"/> may be called by any.
/// </summary>
public sealed unsafe class RecordConsumer : IDisposable
{
    private readonly IConsumer<Ignore, Ignore> _consumer;
    private readonly IAssignmentListener? _listener;
    private readonly ILogger _logger;
    private readonly Librdkafka.Message** _messages;
    private readonly Lock _closing = new();
    private nint _queue;
    private readonly Dictionary<nint, string> _topicNames = [];
    private readonly bool _fromBeginning;
    private nint _topicHandle;
    private string _topicName = "";
    private CancellationToken _polling;
    private int _assignments;
    private bool _grouped;
    private bool _disposed;

    /// <summary>Makes a consumer; nothing is read before <see cref="Subscribe"/> or <see cref="Assign"/>. A broker need not be there.</summary>
    public RecordConsumer(KafkaSettings settings, RecordConsumerOptions options, ILogger logger, IAssignmentListener? listener = null)
    {
        _logger = logger;
        _listener = listener;
        _fromBeginning = options.FromBeginning;
        var config = settings.Apply(
            new ConsumerConfig
            {
                GroupId = options.GroupId,
                GroupInstanceId = options.MemberName,
                IsolationLevel = IsolationLevel.ReadCommitted,
                EnableAutoCommit = false,
                EnableAutoOffsetStore = false,
                EnablePartitionEof = options.ReportEnd,
                AutoOffsetReset = AutoOffsetReset.Error,
                SessionTimeoutMs = 10_000,
                HeartbeatIntervalMs = 2_000,
                QueuedMaxMessagesKbytes = options.PrefetchKilobytes,

                // The broker answers a waiting fetch as soon as there is a record, so a long wait costs no latency, only fewer requests when idle.
                FetchWaitMaxMs = 500,
                FetchErrorBackoffMs = 50,
                ConsumeResultFields = "none",
            },
            options.Role);
        config.Set("fetch.queue.backoff.ms", "10");
        _consumer = new ConsumerBuilder<Ignore, Ignore>(config)
            .SetLogHandler((_, message) => ClientLog.Write(_logger, message))
            .SetErrorHandler((_, error) => ClientLog.Write(_logger, error))
            .SetPartitionsAssignedHandler((_, partitions) =>
            {
                _assignments++;
                _listener?.Assigned(partitions.ConvertAll(p => new LogPartition(p.Topic, p.Partition.Value)));
                return StartsOf(partitions, verify: false, _polling);
            })
            .SetPartitionsRevokedHandler((_, _) =>
            {
                _assignments++;
                _listener?.Revoking(lost: false);
            })
            .SetPartitionsLostHandler((_, _) =>
            {
                _assignments++;
                _listener?.Revoking(lost: true);
            })
            .Build();
        _queue = Librdkafka.QueueOfConsumer(Librdkafka.HandleOf(_consumer));
        _messages = (Librdkafka.Message**)NativeMemory.Alloc(Limits.RecordsPerPoll, (nuint)sizeof(Librdkafka.Message*));
    }

    /// <summary>This member's place in its group now, to be sent with offsets in a transaction. Any thread.</summary>
    public GroupMembership Membership => new(_consumer.ConsumerGroupMetadata);

    /// <summary>The partitions that are assigned now. Polling thread only.</summary>
    public IReadOnlyList<LogPartition> Assignment => _consumer.Assignment.ConvertAll(p => new LogPartition(p.Topic, p.Partition.Value));

    /// <summary>Joins the group for these topics.</summary>
    public void Subscribe(IEnumerable<string> topics)
    {
        _grouped = true;
        _consumer.Subscribe(topics);
    }

    /// <summary>Reads these partitions from these offsets on, instead of what was assigned before. What was prefetched is dropped.</summary>
    public void Assign(IReadOnlyList<LogPosition> positions)
    {
        if (_grouped)
        {
            throw new InvalidOperationException("a group member does not choose its partitions");
        }

        var assignment = new List<TopicPartitionOffset>(positions.Count);
        foreach (var position in positions)
        {
            assignment.Add(new TopicPartitionOffset(position.Partition.Topic, position.Partition.Partition, position.Offset));
        }

        _consumer.Assign(assignment);
    }

    /// <summary>
    /// Takes the records that are there, at most <see cref="Limits.RecordsPerPoll"/>, and shows them to the sink; returns how many.
    /// When there is none: waits for the first up to <paramref name="wait"/>, or until <see cref="Wake"/>. With <paramref name="fill"/> it waits the whole time for a
    /// full burst instead, which costs fewer wake-ups.
    /// When the group rebalanced meanwhile, what was taken before is dropped and the partitions owned now are read from their committed offsets: the listener was told.
    /// </summary>
    public int Poll(IRecordSink sink, TimeSpan wait, bool fill, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var assignments = _assignments;
        _polling = cancellation;
        var timeoutMs = (int)Math.Clamp(wait.TotalMilliseconds, 0, 60_000);
        var taken = Librdkafka.ConsumeBatch(_queue, fill ? timeoutMs : 0, _messages, Limits.RecordsPerPoll);
        if (taken == 0 && !fill && timeoutMs > 0)
        {
            taken = Librdkafka.ConsumeBatch(_queue, timeoutMs, _messages, 1);
        }

        if (assignments != _assignments)
        {
            _topicHandle = 0;
            _topicNames.Clear();
            if (taken > 0)
            {
                // Records of before and after the rebalance cannot be told apart: drop them all and begin again.
                GiveBack(0, (int)taken);
                Rewind(verify: false, cancellation);
            }

            return 0;
        }

        return taken > 0 ? Show(sink, (int)taken) : 0;
    }

    /// <summary>
    /// Goes back to the group's committed offsets in all assigned partitions. A partition without one starts as <see cref="RecordConsumerOptions.FromBeginning"/> says.
    /// With <paramref name="verify"/> (to be asked for after <see cref="IRecordSink.OffsetLost"/>) a partition whose committed offset is not in the log any more starts at the
    /// log's first, and the listener is told of the loss.
    /// Waits, trying again, until the brokers answer (a predecessor's open transaction is waited for) or <paramref name="cancellation"/> asks to stop, which throws.
    /// </summary>
    public void Rewind(bool verify, CancellationToken cancellation)
    {
        var assignment = _consumer.Assignment;
        if (assignment.Count > 0)
        {
            var starts = StartsOf(assignment, verify, cancellation);
            cancellation.ThrowIfCancellationRequested();
            _consumer.Assign(starts);
        }
    }

    /// <summary>Ends the polling thread's wait, or its next one. Any thread.</summary>
    public void Wake()
    {
        lock (_closing)
        {
            if (_queue != 0)
            {
                Librdkafka.QueueYield(_queue);
            }
        }
    }

    /// <summary>The end of a partition that is being read, as of the last fetch: the offset after its last record, committed or not; -1 when not known yet. Any thread; asks no broker.</summary>
    public long EndOffset(LogPartition partition)
    {
        var end = _consumer.GetWatermarkOffsets(new TopicPartition(partition.Topic, partition.Partition)).High;
        return end == Offset.Unset ? -1 : end.Value;
    }

    /// <summary>Asks the broker for a partition's first offset and the offset after its last record. Throws <see cref="KafkaOperationException"/> (transient) when it does not answer.</summary>
    public (long Start, long End) QueryRange(LogPartition partition)
    {
        try
        {
            var range = _consumer.QueryWatermarkOffsets(new TopicPartition(partition.Topic, partition.Partition), TimeSpan.FromMilliseconds(Limits.RequestTimeoutMs));
            return (range.Low.Value, range.High.Value);
        }
        catch (KafkaException failure)
        {
            throw new KafkaOperationException($"{partition}: its first and last offsets: {failure.Error.Reason}", isTransient: true, failure);
        }
    }

    /// <summary>Leaves the group (the listener is told) and frees everything. Not while another thread is within <see cref="Poll"/>. Again: nothing.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        lock (_closing)
        {
            Librdkafka.QueueDestroy(_queue);
            _queue = 0;
        }

        try
        {
            _consumer.Close();
        }
        catch (KafkaException failure)
        {
            ClientLog.Retrying(_logger, "leaving the group", failure.Error.Reason);
        }

        _consumer.Dispose();
        NativeMemory.Free(_messages);
    }

    private int Show(IRecordSink sink, int taken)
    {
        var records = 0;
        var next = 0;
        try
        {
            while (next < taken)
            {
                var message = _messages[next];
                if (message->Topic != _topicHandle)
                {
                    _topicHandle = message->Topic;
                    _topicName = NameOf(message->Topic);
                }

                if (message->Error == 0)
                {
                    sink.Accept(new ConsumedRecord(message, _topicName));
                    records++;
                }
                else
                {
                    ShowEvent(sink, message);
                }

                Librdkafka.MessageDestroy(message);
                next++;
            }
        }
        finally
        {
            GiveBack(next, taken);
        }

        return records;
    }

    private void ShowEvent(IRecordSink sink, Librdkafka.Message* message)
    {
        switch (message->Error)
        {
            case Librdkafka.PartitionEnd:
                sink.ReachedEnd(_topicName, message->Partition, message->Offset);
                break;
            case Librdkafka.OffsetReset or Librdkafka.OffsetOutOfRange:
                sink.OffsetLost(_topicName, message->Partition);
                break;
            default:
                sink.Failed(_topicName, message->Partition, Marshal.PtrToStringUTF8((nint)Librdkafka.ErrorText(message->Error)) ?? "unknown error");
                break;
        }
    }

    // Called within a rebalance too, so it does not throw when cancelled: what it returns then is not used.
    private List<TopicPartitionOffset> StartsOf(List<TopicPartition> partitions, bool verify, CancellationToken cancellation)
    {
        var timeout = TimeSpan.FromMilliseconds(Limits.RequestTimeoutMs);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                var positions = _consumer.Committed(partitions, timeout);
                for (var i = 0; i < positions.Count; i++)
                {
                    var start = positions[i].Offset != Offset.Unset ? positions[i].Offset : _fromBeginning ? Offset.Beginning : Offset.End;
                    positions[i] = new TopicPartitionOffset(positions[i].TopicPartition, verify ? Verified(positions[i].TopicPartition, start, timeout) : start);
                }

                return positions;
            }
            catch (KafkaException failure) when (!failure.Error.IsFatal)
            {
                ClientLog.Retrying(_logger, "reading committed offsets", failure.Error.Reason);
                cancellation.WaitHandle.WaitOne(Limits.RetryPauseMs);
            }
        }

        return partitions.ConvertAll(p => new TopicPartitionOffset(p, Offset.End));
    }

    private Offset Verified(TopicPartition partition, Offset start, TimeSpan timeout)
    {
        // Asking the broker can take as long as a fetch that waits on the same connection: only done when an offset was refused.
        var range = _consumer.QueryWatermarkOffsets(partition, timeout);
        if (start.IsSpecial || (start >= range.Low && start <= range.High))
        {
            return start;
        }

        _listener?.OffsetsLost(new LogPartition(partition.Topic, partition.Partition.Value), start.Value, range.Low.Value);
        return range.Low;
    }

    private string NameOf(nint topic)
    {
        if (topic == 0)
        {
            return "";
        }

        if (!_topicNames.TryGetValue(topic, out var name))
        {
            name = Marshal.PtrToStringUTF8((nint)Librdkafka.TopicName(topic))!;
            _topicNames.Add(topic, name);
        }

        return name;
    }

    private void GiveBack(int from, int taken)
    {
        for (var i = from; i < taken; i++)
        {
            Librdkafka.MessageDestroy(_messages[i]);
        }
    }
}
