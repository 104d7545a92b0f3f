using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.QueryNode.Services;

/// <summary>Compares some of a query's events with the rest of them, over all partitions.</summary>
public interface IBubbleUpService
{
    /// <summary>Compares. Threads, cancellation and missing partitions are as in <see cref="IQueryService.ExecuteAsync"/>.</summary>
    Task<BubbleUpOutcome> CompareAsync(BubbleUpRequest request, CancellationToken cancellation);
}

/// <summary>One comparison to make.</summary>
public sealed record BubbleUpRequest
{
    /// <summary>The dataset's name in lower case, or <see cref="DatasetNames.All"/>.</summary>
    public required string Dataset { get; init; }

    /// <summary>The question: its filter and time say which events are compared, the rest of it says nothing here.</summary>
    public required QuerySpec Spec { get; init; }

    /// <summary>Which of them are selected.</summary>
    public required BubbleUpSelection Selection { get; init; }

    /// <summary>As in <see cref="QueryRequest.PartialAllowed"/>.</summary>
    public bool PartialAllowed { get; init; } = true;
}

/// <summary>How many rows a side has, how many events they stand for, and how true the latter is.</summary>
public readonly record struct BubbleUpCount(long Rows, double Events, NumberLabel Label);

/// <summary>What came of a comparison.</summary>
public abstract record BubbleUpOutcome
{
    private BubbleUpOutcome() { }

    /// <summary>An answer, perhaps with failed partitions in its receipt.</summary>
    public sealed record Answered(BubbleUpAnswer Answer, BubbleUpCount Selection, BubbleUpCount Baseline, bool HasMoreFields, ResolvedTime Time, Receipt Receipt) : BubbleUpOutcome;

    /// <summary>A valid question that cannot be answered as asked. At least one error.</summary>
    public sealed record Refused(IReadOnlyList<QueryError> Errors) : BubbleUpOutcome;

    /// <summary>No partition has seen the dataset.</summary>
    public sealed record UnknownDataset : BubbleUpOutcome;
}
