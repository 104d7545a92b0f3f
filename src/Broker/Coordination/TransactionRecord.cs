namespace StreamObserve.Broker.Coordination;

/// <summary>Where a transaction stands.</summary>
internal enum TransactionPhase : sbyte
{
    /// <summary>Nothing was sent yet.</summary>
    Empty = 0,

    /// <summary>Partitions or groups take part; records may be there.</summary>
    Ongoing = 1,

    /// <summary>The commit is decided and certain; markers are being written.</summary>
    PrepareCommit = 2,

    /// <summary>The abort is decided and certain; markers are being written.</summary>
    PrepareAbort = 3,

    /// <summary>The last transaction was committed everywhere.</summary>
    CompleteCommit = 4,

    /// <summary>The last transaction was aborted everywhere.</summary>
    CompleteAbort = 5,
}

/// <summary>The durable state of one transactional id. Immutable.</summary>
internal sealed record TransactionRecord
{
    public required string TransactionalId { get; init; }

    public required long ProducerId { get; init; }

    public required short Epoch { get; init; }

    /// <summary>The epoch from which a producer may still recover to <see cref="Epoch"/>; -1 when it was fenced by another.</summary>
    public short RecoverableEpoch { get; init; } = -1;

    public required int TimeoutMs { get; init; }

    public TransactionPhase Phase { get; init; }

    /// <summary>When the ongoing transaction began, Unix milliseconds.</summary>
    public long StartedMs { get; init; }

    /// <summary>When the record was written, Unix milliseconds.</summary>
    public long UpdatedMs { get; init; }

    /// <summary>The partitions that take part.</summary>
    public IReadOnlyCollection<TopicPartition> Partitions { get; init; } = [];

    /// <summary>The groups whose offsets take part.</summary>
    public IReadOnlyCollection<string> Groups { get; init; } = [];
}
