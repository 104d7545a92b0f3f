using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <summary>A transaction that was aborted: its records are those of the producer between the two offsets.</summary>
internal readonly record struct AbortedTransaction(long ProducerId, long FirstOffset, long MarkerOffset);

/// <summary>
/// The producers of one partition: sequences, epochs, open and aborted transactions. A fold over the partition's batches: the same
/// batches give the same state, whether they arrive or are read again after a crash. Guarded by the partition's lock.
/// </summary>
internal sealed class ProducerStateTable
{
    private readonly Dictionary<long, ProducerState> _producers = [];
    private readonly SortedSet<(long FirstOffset, long ProducerId)> _open = [];
    private readonly List<AbortedTransaction> _aborted = [];

    /// <summary>Aborted transactions in the order of their markers.</summary>
    public IReadOnlyList<AbortedTransaction> Aborted => _aborted;

    /// <summary>The first offset of the oldest open transaction, or null.</summary>
    public long? FirstOpenOffset => _open.Count == 0 ? null : _open.Min.FirstOffset;

    /// <summary>The producers with an open transaction here, and their epochs.</summary>
    public List<(long ProducerId, short Epoch)> OpenTransactions()
    {
        List<(long, short)> open = [];
        foreach ((_, long producerId) in _open)
        {
            open.Add((producerId, _producers[producerId].Epoch));
        }

        return open;
    }

    /// <summary>Checks a client's batch against what its producer wrote before. A duplicate is no error; it comes back as what was stored.</summary>
    public ErrorCode Check(in RecordBatch batch, out StoredBatch? duplicate)
    {
        duplicate = null;
        if (!_producers.TryGetValue(batch.ProducerId, out ProducerState? producer))
        {
            return ErrorCode.None; // unknown or forgotten: the sequence begins where the producer says
        }

        if (batch.ProducerEpoch < producer.Epoch)
        {
            return ErrorCode.InvalidProducerEpoch;
        }

        if (batch.ProducerEpoch > producer.Epoch)
        {
            return batch.BaseSequence == 0 ? ErrorCode.None : ErrorCode.OutOfOrderSequenceNumber;
        }

        if (producer.TryFindDuplicate(batch.BaseSequence, batch.LastSequence, out StoredBatch stored))
        {
            duplicate = stored;
            return ErrorCode.None;
        }

        int expected = producer.LastSequence == int.MaxValue ? 0 : producer.LastSequence + 1;
        bool forgotten = producer.BatchCount == 0; // only a marker is left of it, its records were deleted
        if (batch.BaseSequence != expected && !forgotten)
        {
            return ErrorCode.OutOfOrderSequenceNumber;
        }

        return producer.TransactionFirstOffset >= 0 && !batch.IsTransactional ? ErrorCode.InvalidTxnState : ErrorCode.None;
    }

    /// <summary>Counts a stored data batch in.</summary>
    public void ApplyData(in RecordBatch batch, long nowMs)
    {
        if (batch.ProducerId < 0)
        {
            return;
        }

        ProducerState producer = GetOrAdd(batch.ProducerId);
        producer.EnterEpoch(batch.ProducerEpoch);
        producer.LastWriteMs = nowMs;
        producer.Remember(new StoredBatch(
            batch.BaseSequence, batch.LastSequence, batch.BaseOffset, batch.IsLogAppendTime ? batch.MaxTimestamp : -1));
        if (batch.IsTransactional && producer.TransactionFirstOffset < 0)
        {
            producer.TransactionFirstOffset = batch.BaseOffset;
            _open.Add((batch.BaseOffset, batch.ProducerId));
        }
    }

    /// <summary>Counts a stored transaction marker in.</summary>
    public void ApplyMarker(in RecordBatch marker, bool commit, long nowMs)
    {
        ProducerState producer = GetOrAdd(marker.ProducerId);
        producer.EnterEpoch(marker.ProducerEpoch);
        producer.LastWriteMs = nowMs;
        if (producer.TransactionFirstOffset < 0)
        {
            return; // the transaction wrote nothing here
        }

        _open.Remove((producer.TransactionFirstOffset, marker.ProducerId));
        if (!commit)
        {
            _aborted.Add(new AbortedTransaction(marker.ProducerId, producer.TransactionFirstOffset, marker.BaseOffset));
        }

        producer.TransactionFirstOffset = -1;
    }

    /// <summary>
    /// Collects the aborted transactions that touch the offsets from <paramref name="from"/> up to <paramref name="end"/>, in the
    /// order of their first offsets, which some clients rely on.
    /// </summary>
    public void CollectAborted(long from, long end, List<AbortedTransaction> into)
    {
        // Fast path: readers near the end of the log see no marker behind them.
        for (int i = _aborted.Count - 1; i >= 0 && _aborted[i].MarkerOffset >= from; i--)
        {
            if (_aborted[i].FirstOffset < end)
            {
                into.Add(_aborted[i]);
            }
        }

        if (into.Count > 1)
        {
            into.Sort(static (a, b) => a.FirstOffset.CompareTo(b.FirstOffset));
        }
    }

    /// <summary>Forgets aborted transactions whose marker lies below the log's start, or was removed by compaction.</summary>
    public void RemoveAbortedBelow(long offset) => _aborted.RemoveAll(transaction => transaction.MarkerOffset < offset);

    /// <summary>Forgets idle producers, and the longest idle past the limit. Producers with an open transaction stay.</summary>
    public void Expire(long nowMs)
    {
        List<ProducerState> idle = [];
        foreach (ProducerState producer in _producers.Values)
        {
            if (producer.TransactionFirstOffset < 0)
            {
                idle.Add(producer);
            }
        }

        int excess = _producers.Count - Limits.ProducersPerPartitionMax;
        idle.Sort(static (a, b) => a.LastWriteMs.CompareTo(b.LastWriteMs));
        for (int i = 0; i < idle.Count; i++)
        {
            if (i >= excess && nowMs - idle[i].LastWriteMs < Limits.ProducerIdleMsMax)
            {
                break;
            }

            _producers.Remove(idle[i].ProducerId);
        }
    }

    /// <summary>Writes the table; see docs/formats/broker-segments.md.</summary>
    public void Export(ProtocolWriter into)
    {
        into.WriteInt32(_producers.Count);
        foreach (ProducerState producer in _producers.Values)
        {
            into.WriteInt64(producer.ProducerId);
            into.WriteInt16(producer.Epoch);
            into.WriteInt64(producer.TransactionFirstOffset);
            into.WriteInt64(producer.LastWriteMs);
            into.WriteInt8((sbyte)producer.BatchCount);
            foreach (StoredBatch batch in producer.Batches)
            {
                into.WriteInt32(batch.FirstSequence);
                into.WriteInt32(batch.LastSequence);
                into.WriteInt64(batch.BaseOffset);
                into.WriteInt64(batch.Timestamp);
            }
        }

        into.WriteInt32(_aborted.Count);
        foreach (AbortedTransaction transaction in _aborted)
        {
            into.WriteInt64(transaction.ProducerId);
            into.WriteInt64(transaction.FirstOffset);
            into.WriteInt64(transaction.MarkerOffset);
        }
    }

    /// <summary>Reads what <see cref="Export"/> wrote.</summary>
    public static ProducerStateTable Import(ref ProtocolReader from)
    {
        ProducerStateTable table = new();
        int producers = from.ReadArrayLength();
        for (int i = 0; i < producers; i++)
        {
            ProducerState producer = table.GetOrAdd(from.ReadInt64());
            producer.Epoch = from.ReadInt16();
            producer.TransactionFirstOffset = from.ReadInt64();
            producer.LastWriteMs = from.ReadInt64();
            int batches = from.ReadInt8();
            for (int b = 0; b < batches; b++)
            {
                producer.Remember(new StoredBatch(from.ReadInt32(), from.ReadInt32(), from.ReadInt64(), from.ReadInt64()));
            }

            if (producer.TransactionFirstOffset >= 0)
            {
                table._open.Add((producer.TransactionFirstOffset, producer.ProducerId));
            }
        }

        int aborted = from.ReadArrayLength();
        for (int i = 0; i < aborted; i++)
        {
            table._aborted.Add(new AbortedTransaction(from.ReadInt64(), from.ReadInt64(), from.ReadInt64()));
        }

        return table;
    }

    private ProducerState GetOrAdd(long producerId)
    {
        if (!_producers.TryGetValue(producerId, out ProducerState? producer))
        {
            _producers.Add(producerId, producer = new ProducerState(producerId));
        }

        return producer;
    }
}
