using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Services;

/// <summary>Live tails: every event that matches a filter, at the head of the log, before sampling.</summary>
public interface ITailService
{
    /// <summary>
    /// Starts a tail. Any thread. The subscription runs until the HTTP face disposes it or the service completes it. A resume token that nobody
    /// gave out, and calculations that cannot run live, are refused, naming <c>resume</c> or <c>calc</c>.
    /// </summary>
    Task<TailOutcome> SubscribeAsync(TailRequest request, CancellationToken cancellation);
}

/// <summary>One tail to start.</summary>
public sealed record TailRequest
{
    /// <summary>The dataset's name in lower case, or <see cref="DatasetNames.All"/>.</summary>
    public required string Dataset { get; init; }

    /// <summary>Which events; null = all.</summary>
    public Condition? Filter { get; init; }

    /// <summary>Most rows a second, 0..<see cref="TailLimits.RateMax"/>. 0 = only the counters and calculations.</summary>
    public int RatePerSecond { get; init; } = TailLimits.RateDefault;

    /// <summary>Where to go on: the token of the last row that was seen; null = from now.</summary>
    public string? ResumeToken { get; init; }

    /// <summary>What to compute over all events that match since the tail began; may be empty.</summary>
    public IReadOnlyList<Calculation> Calculations { get; init; } = [];
}

/// <summary>What came of starting a tail.</summary>
public abstract record TailOutcome
{
    private TailOutcome() { }

    /// <summary>It runs.</summary>
    public sealed record Started(TailSubscription Subscription) : TailOutcome;

    /// <summary>It cannot start as asked. At least one error.</summary>
    public sealed record Refused(IReadOnlyList<QueryError> Errors) : TailOutcome;

    /// <summary>No partition has seen the dataset and the service does not wait for it.</summary>
    public sealed record UnknownDataset : TailOutcome;
}
