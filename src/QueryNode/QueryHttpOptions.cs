namespace StreamObserve.QueryNode;

/// <summary>Settings of the HTTP face of role query.</summary>
public sealed record QueryHttpOptions
{
    /// <summary>Longest time a query may take, waiting for its turn included; more than zero.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromSeconds(QueryHttpLimits.QueryTimeoutSecondsDefault);

    /// <summary>Queries that run at once; at least 1.</summary>
    public int ConcurrentQueries { get; init; } = QueryHttpLimits.ConcurrentQueriesDefault;

    /// <summary>Queries that wait for their turn; 0 or more.</summary>
    public int QueuedQueries { get; init; } = QueryHttpLimits.QueuedQueriesDefault;

    /// <summary>Live tails at once; at least 1.</summary>
    public int TailSubscribers { get; init; } = TailLimits.SubscribersMaxDefault;
}
