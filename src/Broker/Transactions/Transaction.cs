using StreamObserve.Broker.Coordination;

namespace StreamObserve.Broker.Transactions;

/// <summary>
/// One transactional id while the broker runs. Locked by the coordinator for every change; <see cref="Record"/> and
/// <see cref="Contains"/> may be read without the lock.
/// </summary>
internal sealed class Transaction
{
    private volatile TransactionRecord? _record;
    private volatile HashSet<TopicPartition> _partitions = [];
    private ITimer? _timeout;

    public Transaction(string transactionalId) => TransactionalId = transactionalId;

    public Transaction(TransactionRecord record)
        : this(record.TransactionalId) => Record = record;

    public string TransactionalId { get; }

    /// <summary>The state; a new record replaces it.</summary>
    public TransactionRecord Record
    {
        get => _record ?? throw new InvalidOperationException($"transaction '{TransactionalId}' has no producer yet");
        set
        {
            if (_record is null || !ReferenceEquals(_record.Partitions, value.Partitions))
            {
                _partitions = [.. value.Partitions];
            }

            _record = value;
        }
    }

    /// <summary>As <see cref="Record"/>, but null before the first producer got its identity.</summary>
    public TransactionRecord? RecordOrNull => _record;

    /// <summary>Whether the partition takes part.</summary>
    public bool Contains(TopicPartition partition) => _partitions.Contains(partition);

    /// <summary>Calls <paramref name="onTimeout"/> after <paramref name="due"/>, on a timer's thread.</summary>
    public void ArmTimeout(TimeProvider time, TimeSpan due, Action onTimeout)
    {
        _timeout?.Dispose();
        _timeout = time.CreateTimer(static state => ((Action)state!)(), onTimeout, due, Timeout.InfiniteTimeSpan);
    }

    public void DisarmTimeout()
    {
        _timeout?.Dispose();
        _timeout = null;
    }
}
