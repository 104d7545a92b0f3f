using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Services;

/// <summary>Brings rows back that sampling has dropped.</summary>
public interface IPromotionService
{
    /// <summary>
    /// Reads the log once more and stores the dropped rows that are asked for, so that look-ups find them, and no calculation does. Returns when they are durable. What is
    /// too much for one promotion (the answer says so) is had by asking for less, by a shorter time or a narrower condition. Any thread; a partition does one at a time.
    /// </summary>
    Task<PromotionAnswer> PromoteAsync(PromotionRequest request, CancellationToken cancellation);
}

/// <summary>Which rows: those of a trace, or of traces of which a row meets the condition, and rows without a trace that meet it.</summary>
public sealed record PromotionRequest
{
    /// <summary>The trace; null where a condition is meant.</summary>
    public string? TraceId { get; init; }

    /// <summary>The dataset of the rows that meet the condition, or all.</summary>
    public string Dataset { get; init; } = DatasetNames.All;

    /// <summary>The condition; null = every row.</summary>
    public Condition? Where { get; init; }

    /// <summary>Event time from which on they meet it, unix nanoseconds; the log is read from a little before.</summary>
    public required long StartNs { get; init; }

    /// <summary>Event time up to which they meet it, exclusive.</summary>
    public required long EndNs { get; init; }
}

/// <summary>What came of it.</summary>
public sealed record PromotionAnswer
{
    /// <summary>Rows that were brought back.</summary>
    public required long Promoted { get; init; }

    /// <summary>Rows that had been brought back before.</summary>
    public required long Already { get; init; }

    /// <summary>Rows that were kept by sampling.</summary>
    public required long Kept { get; init; }

    /// <summary>Traces of which rows were brought back.</summary>
    public required long Traces { get; init; }

    /// <summary>Some of their ids.</summary>
    public required IReadOnlyList<string> TraceIds { get; init; }

    /// <summary>Why there may be more.</summary>
    public required IReadOnlyList<TraceGap> Missing { get; init; }

    /// <summary>What the answer rests on.</summary>
    public required Receipt Receipt { get; init; }
}
