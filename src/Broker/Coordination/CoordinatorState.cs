using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Coordination;

/// <summary>
/// What groups and transactions must not forget: a fold over the journal's records. Guarded by the journal's lock. The layout of
/// records and snapshots is in docs/formats/broker-segments.md.
/// </summary>
internal sealed class CoordinatorState
{
    private enum Kind : sbyte
    {
        OffsetsCommitted = 1,
        OffsetsRemoved = 2,
        Generation = 3,
        ProducerIds = 4,
        Transaction = 5,
        OffsetsPending = 6,
        GroupRemoved = 7,
        TransactionRemoved = 8,
        TopicRemoved = 9,
    }

    private readonly Dictionary<string, Dictionary<TopicPartition, CommittedOffset>> _offsets = [];
    private readonly Dictionary<string, int> _generations = [];
    private readonly Dictionary<string, TransactionRecord> _transactions = [];
    private readonly Dictionary<long, Dictionary<string, Dictionary<TopicPartition, CommittedOffset>>> _pending = [];

    /// <summary>The first producer id that no block has reserved.</summary>
    public long NextProducerId { get; private set; }

    /// <summary>The committed offsets by group.</summary>
    public IReadOnlyDictionary<string, Dictionary<TopicPartition, CommittedOffset>> Offsets => _offsets;

    /// <summary>The last generation of each group.</summary>
    public IReadOnlyDictionary<string, int> Generations => _generations;

    /// <summary>The transactional ids.</summary>
    public IReadOnlyDictionary<string, TransactionRecord> Transactions => _transactions;

    /// <summary>Whether an undecided transaction holds an offset of this partition for the group.</summary>
    public bool HasPending(string group, TopicPartition partition)
    {
        foreach (Dictionary<string, Dictionary<TopicPartition, CommittedOffset>> groups in _pending.Values)
        {
            if (groups.TryGetValue(group, out Dictionary<TopicPartition, CommittedOffset>? offsets) && offsets.ContainsKey(partition))
            {
                return true;
            }
        }

        return false;
    }

    public static void WriteOffsetsCommitted(ProtocolWriter into, string group, IReadOnlyCollection<KeyValuePair<TopicPartition, CommittedOffset>> offsets)
    {
        into.WriteInt8((sbyte)Kind.OffsetsCommitted);
        into.WriteString(group);
        WriteOffsets(into, offsets);
    }

    public static void WriteOffsetsPending(
        ProtocolWriter into, long producerId, string group, IReadOnlyCollection<KeyValuePair<TopicPartition, CommittedOffset>> offsets)
    {
        into.WriteInt8((sbyte)Kind.OffsetsPending);
        into.WriteInt64(producerId);
        into.WriteString(group);
        WriteOffsets(into, offsets);
    }

    public static void WriteOffsetsRemoved(ProtocolWriter into, string group, IReadOnlyCollection<TopicPartition> partitions)
    {
        into.WriteInt8((sbyte)Kind.OffsetsRemoved);
        into.WriteString(group);
        WritePartitions(into, partitions);
    }

    public static void WriteGeneration(ProtocolWriter into, string group, int generation)
    {
        into.WriteInt8((sbyte)Kind.Generation);
        into.WriteString(group);
        into.WriteInt32(generation);
    }

    public static void WriteGroupRemoved(ProtocolWriter into, string group)
    {
        into.WriteInt8((sbyte)Kind.GroupRemoved);
        into.WriteString(group);
    }

    public static void WriteTopicRemoved(ProtocolWriter into, string topic)
    {
        into.WriteInt8((sbyte)Kind.TopicRemoved);
        into.WriteString(topic);
    }

    public static void WriteProducerIds(ProtocolWriter into, long next)
    {
        into.WriteInt8((sbyte)Kind.ProducerIds);
        into.WriteInt64(next);
    }

    public static void WriteTransactionRemoved(ProtocolWriter into, string transactionalId)
    {
        into.WriteInt8((sbyte)Kind.TransactionRemoved);
        into.WriteString(transactionalId);
    }

    public static void WriteTransaction(ProtocolWriter into, TransactionRecord record)
    {
        into.WriteInt8((sbyte)Kind.Transaction);
        into.WriteString(record.TransactionalId);
        into.WriteInt64(record.ProducerId);
        into.WriteInt16(record.Epoch);
        into.WriteInt16(record.RecoverableEpoch);
        into.WriteInt32(record.TimeoutMs);
        into.WriteInt8((sbyte)record.Phase);
        into.WriteInt64(record.StartedMs);
        into.WriteInt64(record.UpdatedMs);
        WritePartitions(into, record.Partitions);
        into.WriteInt32(record.Groups.Count);
        foreach (string group in record.Groups)
        {
            into.WriteString(group);
        }
    }

    /// <summary>Applies one record.</summary>
    /// <exception cref="MalformedRequestException">The bytes are not a record of this version.</exception>
    public void Apply(ReadOnlySpan<byte> record)
    {
        ProtocolReader from = new(record, 0, flexible: false);
        Kind kind = (Kind)from.ReadInt8();
        switch (kind)
        {
            case Kind.OffsetsCommitted:
                Merge(GroupOffsets(from.ReadString()), ReadOffsets(ref from));
                break;
            case Kind.OffsetsPending:
                ApplyPending(ref from);
                break;
            case Kind.OffsetsRemoved:
                Dictionary<TopicPartition, CommittedOffset> offsets = GroupOffsets(from.ReadString());
                foreach (TopicPartition partition in ReadPartitions(ref from))
                {
                    offsets.Remove(partition);
                }

                break;
            case Kind.Generation:
                string group = from.ReadString();
                _generations[group] = from.ReadInt32();
                break;
            case Kind.GroupRemoved:
                string removed = from.ReadString();
                _offsets.Remove(removed);
                _generations.Remove(removed);
                break;
            case Kind.TopicRemoved:
                RemoveTopic(from.ReadString());
                break;
            case Kind.ProducerIds:
                NextProducerId = from.ReadInt64();
                break;
            case Kind.Transaction:
                ApplyTransaction(ReadTransaction(ref from));
                break;
            case Kind.TransactionRemoved:
                _transactions.Remove(from.ReadString());
                break;
            default:
                throw new MalformedRequestException($"the coordinator journal has a record of unknown kind {(sbyte)kind}");
        }
    }

    /// <summary>The records that make this state from nothing.</summary>
    public void Export(Action<Action<ProtocolWriter>> add)
    {
        add(into => WriteProducerIds(into, NextProducerId));
        foreach ((string group, int generation) in _generations)
        {
            add(into => WriteGeneration(into, group, generation));
        }

        foreach ((string group, Dictionary<TopicPartition, CommittedOffset> offsets) in _offsets)
        {
            add(into => WriteOffsetsCommitted(into, group, offsets));
        }

        foreach (TransactionRecord transaction in _transactions.Values)
        {
            add(into => WriteTransaction(into, transaction));
        }

        foreach ((long producerId, Dictionary<string, Dictionary<TopicPartition, CommittedOffset>> groups) in _pending)
        {
            foreach ((string group, Dictionary<TopicPartition, CommittedOffset> offsets) in groups)
            {
                add(into => WriteOffsetsPending(into, producerId, group, offsets));
            }
        }
    }

    private static void WriteOffsets(ProtocolWriter into, IReadOnlyCollection<KeyValuePair<TopicPartition, CommittedOffset>> offsets)
    {
        into.WriteInt32(offsets.Count);
        foreach ((TopicPartition partition, CommittedOffset offset) in offsets)
        {
            into.WriteString(partition.Topic);
            into.WriteInt32(partition.Partition);
            into.WriteInt64(offset.Offset);
            into.WriteInt32(offset.LeaderEpoch);
            into.WriteString(offset.Metadata);
            into.WriteInt64(offset.CommittedMs);
        }
    }

    private static List<KeyValuePair<TopicPartition, CommittedOffset>> ReadOffsets(ref ProtocolReader from)
    {
        int count = from.ReadArrayLength();
        List<KeyValuePair<TopicPartition, CommittedOffset>> offsets = new(count);
        for (int i = 0; i < count; i++)
        {
            TopicPartition partition = new(from.ReadString(), from.ReadInt32());
            offsets.Add(new(partition, new CommittedOffset(from.ReadInt64(), from.ReadInt32(), from.ReadString(), from.ReadInt64())));
        }

        return offsets;
    }

    private static void WritePartitions(ProtocolWriter into, IReadOnlyCollection<TopicPartition> partitions)
    {
        into.WriteInt32(partitions.Count);
        foreach (TopicPartition partition in partitions)
        {
            into.WriteString(partition.Topic);
            into.WriteInt32(partition.Partition);
        }
    }

    private static TopicPartition[] ReadPartitions(ref ProtocolReader from)
    {
        TopicPartition[] partitions = new TopicPartition[from.ReadArrayLength()];
        for (int i = 0; i < partitions.Length; i++)
        {
            partitions[i] = new TopicPartition(from.ReadString(), from.ReadInt32());
        }

        return partitions;
    }

    private static TransactionRecord ReadTransaction(ref ProtocolReader from)
    {
        TransactionRecord record = new()
        {
            TransactionalId = from.ReadString(),
            ProducerId = from.ReadInt64(),
            Epoch = from.ReadInt16(),
            RecoverableEpoch = from.ReadInt16(),
            TimeoutMs = from.ReadInt32(),
            Phase = (TransactionPhase)from.ReadInt8(),
            StartedMs = from.ReadInt64(),
            UpdatedMs = from.ReadInt64(),
            Partitions = ReadPartitions(ref from),
        };
        string[] groups = new string[from.ReadArrayLength()];
        for (int i = 0; i < groups.Length; i++)
        {
            groups[i] = from.ReadString();
        }

        return record with { Groups = groups };
    }

    private static void Merge(Dictionary<TopicPartition, CommittedOffset> into, IEnumerable<KeyValuePair<TopicPartition, CommittedOffset>> offsets)
    {
        foreach ((TopicPartition partition, CommittedOffset offset) in offsets)
        {
            into[partition] = offset;
        }
    }

    private Dictionary<TopicPartition, CommittedOffset> GroupOffsets(string group)
    {
        if (!_offsets.TryGetValue(group, out Dictionary<TopicPartition, CommittedOffset>? offsets))
        {
            _offsets.Add(group, offsets = []);
        }

        return offsets;
    }

    private void ApplyPending(ref ProtocolReader from)
    {
        long producerId = from.ReadInt64();
        string group = from.ReadString();
        if (!_pending.TryGetValue(producerId, out Dictionary<string, Dictionary<TopicPartition, CommittedOffset>>? groups))
        {
            _pending.Add(producerId, groups = []);
        }

        if (!groups.TryGetValue(group, out Dictionary<TopicPartition, CommittedOffset>? offsets))
        {
            groups.Add(group, offsets = []);
        }

        Merge(offsets, ReadOffsets(ref from));
    }

    // The decision of a transaction is also that of its offsets: one record, so neither can be without the other.
    private void ApplyTransaction(TransactionRecord record)
    {
        _transactions[record.TransactionalId] = record;
        if (record.Phase is TransactionPhase.PrepareCommit or TransactionPhase.PrepareAbort
            && _pending.Remove(record.ProducerId, out Dictionary<string, Dictionary<TopicPartition, CommittedOffset>>? groups)
            && record.Phase == TransactionPhase.PrepareCommit)
        {
            foreach ((string group, Dictionary<TopicPartition, CommittedOffset> offsets) in groups)
            {
                Merge(GroupOffsets(group), offsets);
            }
        }
    }

    private void RemoveTopic(string topic)
    {
        foreach (Dictionary<TopicPartition, CommittedOffset> offsets in _offsets.Values)
        {
            foreach (TopicPartition partition in offsets.Keys)
            {
                if (partition.Topic == topic)
                {
                    offsets.Remove(partition);
                }
            }
        }
    }
}
