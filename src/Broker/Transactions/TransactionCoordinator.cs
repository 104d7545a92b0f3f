using System.Collections.Concurrent;
using StreamObserve.Broker.Coordination;
using StreamObserve.Broker.Log;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Transactions;

/// <summary>
/// Transactions over partitions and group offsets. A decision is one journal record; the markers in the partitions follow from it,
/// after a crash too. Thread-safe; calls for one transactional id take turns.
/// </summary>
internal sealed class TransactionCoordinator : IDisposable
{
    private readonly CoordinatorJournal _journal;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly ConcurrentDictionary<string, Transaction> _byId = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, Transaction> _byProducer = new();
    private readonly Lock _idGate = new();
    private TopicCatalog? _catalog;
    private long _nextProducerId;
    private long _producerIdEnd;

    public TransactionCoordinator(CoordinatorJournal journal, TimeProvider time, Action<string> log)
    {
        _journal = journal;
        _time = time;
        _log = log;
    }

    private long NowMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private TopicCatalog Catalog => _catalog ?? throw new InvalidOperationException("transactions are used before Start");

    /// <summary>Takes the transactions up again: those decided get their markers, those open their time-outs.</summary>
    public void Start(TopicCatalog catalog)
    {
        _catalog = catalog;
        foreach (TransactionRecord record in _journal.Read(state => state.Transactions.Values.ToArray()))
        {
            Transaction transaction = new(record);
            _byId[record.TransactionalId] = transaction;
            _byProducer[record.ProducerId] = transaction;
            lock (transaction)
            {
                if (record.Phase is TransactionPhase.PrepareCommit or TransactionPhase.PrepareAbort)
                {
                    Complete(transaction);
                }
                else if (record.Phase == TransactionPhase.Ongoing)
                {
                    ArmTimeout(transaction);
                }
            }
        }

        AbortOrphans(catalog);
    }

    /// <summary>Whether a transactional batch may be stored: its transaction runs and has the partition. Never blocks.</summary>
    public ErrorCode Check(string topic, int partition, long producerId, short epoch)
    {
        if (!_byProducer.TryGetValue(producerId, out Transaction? transaction))
        {
            return ErrorCode.InvalidProducerIdMapping;
        }

        TransactionRecord record = transaction.Record;
        if (record.ProducerId != producerId || record.Epoch != epoch)
        {
            return ErrorCode.InvalidProducerEpoch;
        }

        return record.Phase == TransactionPhase.Ongoing && transaction.Contains(new TopicPartition(topic, partition))
            ? ErrorCode.None
            : ErrorCode.InvalidTxnState;
    }

    /// <summary>Gives a producer its identity. With a transactional id, it fences the former holder and aborts what it left open.</summary>
    public async ValueTask<ProducerIdentity> InitProducerIdAsync(string? transactionalId, int timeoutMs, long producerId, short epoch)
    {
        if (transactionalId is null)
        {
            return new ProducerIdentity(ErrorCode.None, NextProducerId(), 0);
        }

        if (transactionalId.Length == 0)
        {
            return ProducerIdentity.Refused(ErrorCode.InvalidRequest);
        }

        if (timeoutMs is <= 0 or > Limits.TransactionTimeoutMsMax)
        {
            return ProducerIdentity.Refused(ErrorCode.InvalidTransactionTimeout);
        }

        Task durable;
        ProducerIdentity identity;
        Transaction transaction = _byId.GetOrAdd(transactionalId, static id => new Transaction(id));
        lock (transaction)
        {
            TransactionRecord? record = transaction.RecordOrNull;
            bool recovers = producerId >= 0 && record is not null; // an id that was forgotten begins anew
            if (recovers && (record!.ProducerId != producerId || (epoch != record.Epoch && epoch != record.RecoverableEpoch)))
            {
                return ProducerIdentity.Refused(ErrorCode.ProducerFenced);
            }

            if (record is { Phase: TransactionPhase.PrepareCommit or TransactionPhase.PrepareAbort })
            {
                Complete(transaction); // a marker could not be written before
                record = transaction.Record;
            }

            if (record is { Phase: TransactionPhase.Ongoing })
            {
                record = record with { Epoch = NextEpoch(record.Epoch) }; // the markers fence the former holder in the partitions
                Decide(transaction, record, commit: false);
                record = transaction.Record;
            }
            else if (record is not null && !(recovers && epoch == record.RecoverableEpoch && epoch != record.Epoch))
            {
                record = record with { Epoch = NextEpoch(record.Epoch) };
            }

            if (record is null || record.Epoch == short.MaxValue)
            {
                if (record is not null)
                {
                    _byProducer.TryRemove(record.ProducerId, out _);
                }

                record = new TransactionRecord { TransactionalId = transactionalId, ProducerId = NextProducerId(), Epoch = 0, TimeoutMs = timeoutMs };
            }

            record = record with
            {
                RecoverableEpoch = recovers ? epoch : (short)-1,
                TimeoutMs = timeoutMs,
                Phase = TransactionPhase.Empty,
                Partitions = [],
                Groups = [],
            };
            durable = Save(transaction, record);
            _byProducer[record.ProducerId] = transaction;
            identity = new ProducerIdentity(ErrorCode.None, record.ProducerId, record.Epoch);
        }

        await durable.ConfigureAwait(false);
        return identity;
    }

    /// <summary>Lets partitions take part, and so begins the transaction. The partitions exist.</summary>
    public ValueTask<ErrorCode> AddPartitionsAsync(string transactionalId, long producerId, short epoch, IReadOnlyCollection<TopicPartition> partitions) =>
        JoinAsync(transactionalId, producerId, epoch, partitions, []);

    /// <summary>Lets a group's offsets take part, and so begins the transaction.</summary>
    public ValueTask<ErrorCode> AddGroupAsync(string transactionalId, long producerId, short epoch, string group) =>
        JoinAsync(transactionalId, producerId, epoch, [], [group]);

    /// <summary>Notes offsets that are committed when the transaction is.</summary>
    public async ValueTask<ErrorCode> CommitOffsetsAsync(
        string transactionalId,
        long producerId,
        short epoch,
        string group,
        IReadOnlyCollection<KeyValuePair<TopicPartition, CommittedOffset>> offsets)
    {
        Task durable;
        if (!_byId.TryGetValue(transactionalId, out Transaction? transaction))
        {
            return ErrorCode.InvalidProducerIdMapping;
        }

        lock (transaction)
        {
            ErrorCode error = CheckHolder(transaction, producerId, epoch);
            if (error != ErrorCode.None)
            {
                return error == ErrorCode.ProducerFenced ? ErrorCode.InvalidProducerEpoch : error;
            }

            if (transaction.Record.Phase != TransactionPhase.Ongoing || !transaction.Record.Groups.Contains(group))
            {
                return ErrorCode.InvalidTxnState;
            }

            durable = _journal.WriteAsync(into => CoordinatorState.WriteOffsetsPending(into, producerId, group, offsets));
        }

        await durable.ConfigureAwait(false);
        return ErrorCode.None;
    }

    /// <summary>Commits or aborts. When it returns, every marker is in its partition and readers of committed data see the result.</summary>
    public async ValueTask<ErrorCode> EndAsync(string transactionalId, long producerId, short epoch, bool commit)
    {
        if (!_byId.TryGetValue(transactionalId, out Transaction? transaction))
        {
            return ErrorCode.InvalidProducerIdMapping;
        }

        Task durable;
        lock (transaction)
        {
            ErrorCode error = CheckHolder(transaction, producerId, epoch);
            if (error != ErrorCode.None)
            {
                return error;
            }

            switch (transaction.Record.Phase)
            {
                case TransactionPhase.Ongoing:
                    durable = Decide(transaction, transaction.Record, commit);
                    break;
                case TransactionPhase.PrepareCommit when commit:
                case TransactionPhase.PrepareAbort when !commit:
                    durable = Complete(transaction); // a marker could not be written before
                    break;
                case TransactionPhase.CompleteCommit when commit:
                case TransactionPhase.CompleteAbort when !commit:
                    return ErrorCode.None; // the answer to the first request got lost
                default:
                    return ErrorCode.InvalidTxnState;
            }
        }

        await durable.ConfigureAwait(false);
        return ErrorCode.None;
    }

    /// <summary>Forgets transactional ids that were not used for long.</summary>
    public void Expire()
    {
        foreach (Transaction transaction in _byId.Values)
        {
            lock (transaction)
            {
                TransactionRecord? record = transaction.RecordOrNull;
                if (record is not null
                    && record.Phase is not (TransactionPhase.Ongoing or TransactionPhase.PrepareCommit or TransactionPhase.PrepareAbort)
                    && NowMs - record.UpdatedMs > Limits.TransactionalIdIdleMsMax)
                {
                    _journal.WriteAsync(into => CoordinatorState.WriteTransactionRemoved(into, record.TransactionalId));
                    _byProducer.TryRemove(record.ProducerId, out _);
                    _byId.TryRemove(record.TransactionalId, out _);
                }
            }
        }
    }

    /// <summary>Stops the time-outs.</summary>
    public void Dispose()
    {
        foreach (Transaction transaction in _byId.Values)
        {
            lock (transaction)
            {
                transaction.DisarmTimeout();
            }
        }
    }

    private static short NextEpoch(short epoch) => epoch == short.MaxValue ? epoch : (short)(epoch + 1);

    private static ErrorCode CheckHolder(Transaction transaction, long producerId, short epoch)
    {
        TransactionRecord? record = transaction.RecordOrNull;
        if (record is null || record.ProducerId != producerId)
        {
            return ErrorCode.InvalidProducerIdMapping;
        }

        return record.Epoch == epoch ? ErrorCode.None : ErrorCode.ProducerFenced;
    }

    private async ValueTask<ErrorCode> JoinAsync(
        string transactionalId, long producerId, short epoch, IReadOnlyCollection<TopicPartition> partitions, IReadOnlyCollection<string> groups)
    {
        if (!_byId.TryGetValue(transactionalId, out Transaction? transaction))
        {
            return ErrorCode.InvalidProducerIdMapping;
        }

        Task durable;
        lock (transaction)
        {
            ErrorCode error = CheckHolder(transaction, producerId, epoch);
            if (error != ErrorCode.None)
            {
                return error;
            }

            TransactionRecord record = transaction.Record;
            if (record.Phase is TransactionPhase.PrepareCommit or TransactionPhase.PrepareAbort)
            {
                return ErrorCode.ConcurrentTransactions;
            }

            bool begins = record.Phase != TransactionPhase.Ongoing;
            IReadOnlyCollection<TopicPartition> oldPartitions = begins ? [] : record.Partitions;
            IReadOnlyCollection<string> oldGroups = begins ? [] : record.Groups;
            if (!begins && partitions.All(transaction.Contains) && groups.All(oldGroups.Contains))
            {
                return ErrorCode.None;
            }

            durable = Save(transaction, record with
            {
                Phase = TransactionPhase.Ongoing,
                StartedMs = begins ? NowMs : record.StartedMs,
                Partitions = [.. oldPartitions.Union(partitions)],
                Groups = [.. oldGroups.Union(groups)],
            });
            if (begins)
            {
                ArmTimeout(transaction);
            }
        }

        await durable.ConfigureAwait(false);
        return ErrorCode.None;
    }

    private Task Decide(Transaction transaction, TransactionRecord record, bool commit)
    {
        transaction.DisarmTimeout();
        Save(transaction, record with { Phase = commit ? TransactionPhase.PrepareCommit : TransactionPhase.PrepareAbort });
        return Complete(transaction);
    }

    // Writes the markers of a decided transaction. Repeating it after a crash is harmless: a second marker ends nothing.
    private Task Complete(Transaction transaction)
    {
        TransactionRecord record = transaction.Record;
        bool commit = record.Phase == TransactionPhase.PrepareCommit;
        List<Task> durable = [];
        List<PartitionLog> marked = [];
        foreach (TopicPartition partition in record.Partitions)
        {
            PartitionLog? log = Catalog.Find(partition.Topic, partition.Partition);
            if (log is null)
            {
                continue; // deleted meanwhile, with the records
            }

            AppendResult result = log.AppendMarker(record.ProducerId, record.Epoch, commit);
            if (result.Error == ErrorCode.KafkaStorageError)
            {
                throw new IOException(
                    $"transaction '{record.TransactionalId}': no marker in {partition.Topic}-{partition.Partition}; it is written at the next request or start");
            }

            marked.Add(log);
            if (log.FlushesBeforeAck && result.Error == ErrorCode.None)
            {
                durable.Add(log.WhenFlushedAsync(result.EndOffset));
            }
        }

        foreach (PartitionLog log in marked)
        {
            log.NotifyListeners();
        }

        durable.Add(Save(transaction, record with
        {
            Phase = commit ? TransactionPhase.CompleteCommit : TransactionPhase.CompleteAbort,
            Partitions = [],
            Groups = [],
        }));
        return durable.Count == 1 ? durable[0] : Task.WhenAll(durable);
    }

    private Task Save(Transaction transaction, TransactionRecord record)
    {
        record = record with { UpdatedMs = NowMs };
        Task durable = _journal.WriteAsync(into => CoordinatorState.WriteTransaction(into, record));
        transaction.Record = record;
        return durable;
    }

    private void ArmTimeout(Transaction transaction)
    {
        TransactionRecord record = transaction.Record;
        long due = Math.Max(0, record.StartedMs + record.TimeoutMs - NowMs);
        transaction.ArmTimeout(_time, TimeSpan.FromMilliseconds(due), () => AbortExpired(transaction, record.ProducerId, record.StartedMs));
    }

    private void AbortExpired(Transaction transaction, long producerId, long startedMs)
    {
        lock (transaction)
        {
            TransactionRecord record = transaction.Record;
            if (record.Phase != TransactionPhase.Ongoing || record.ProducerId != producerId || record.StartedMs != startedMs)
            {
                return; // it ended while the timer ran out
            }

            _log($"transaction '{record.TransactionalId}' passed its time-out of {record.TimeoutMs} ms and is aborted");
            try
            {
                Decide(transaction, record with { RecoverableEpoch = record.Epoch, Epoch = NextEpoch(record.Epoch) }, commit: false);
            }
            catch (IOException e)
            {
                _log($"transaction '{record.TransactionalId}' was not aborted: {e.Message}");
            }
        }
    }

    // Transactions that partitions still hold open but the journal does not know as running: a power failure took its last records.
    private void AbortOrphans(TopicCatalog catalog)
    {
        foreach (Topic topic in catalog.Topics)
        {
            for (int partition = 0; partition < topic.Partitions.Count; partition++)
            {
                PartitionLog log = topic.Partitions[partition];
                foreach ((long producerId, short epoch) in log.OpenTransactions())
                {
                    bool runs = _byProducer.TryGetValue(producerId, out Transaction? transaction)
                        && transaction.Record.Phase == TransactionPhase.Ongoing
                        && transaction.Contains(new TopicPartition(topic.Name, partition));
                    if (!runs)
                    {
                        _log($"{topic.Name}-{partition}: the open transaction of producer {producerId} has no coordinator and is aborted");
                        log.AppendMarker(producerId, epoch, commit: false);
                        log.NotifyListeners();
                    }
                }
            }
        }
    }

    private long NextProducerId()
    {
        lock (_idGate)
        {
            if (_nextProducerId == _producerIdEnd)
            {
                _nextProducerId = _journal.ReserveProducerIds(Limits.ProducerIdBlock);
                _producerIdEnd = _nextProducerId + Limits.ProducerIdBlock;
            }

            return _nextProducerId++;
        }
    }
}
