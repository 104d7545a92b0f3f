using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.QueryNode.Services;

/// <summary>Answers queries over all partitions: plans, fans out, merges.</summary>
public interface IQueryService
{
    /// <summary>
    /// Answers one query. Any thread, many at once. Ends promptly with <see cref="OperationCanceledException"/> when <paramref name="cancellation"/> fires.
    /// A partition that does not answer is in the receipt, not an exception; <see cref="ServiceUnavailableException"/> when nothing can be asked at all.
    /// </summary>
    Task<QueryOutcome> ExecuteAsync(QueryRequest request, CancellationToken cancellation);
}

/// <summary>One query to answer.</summary>
public sealed record QueryRequest
{
    /// <summary>The dataset's name in lower case, or <see cref="DatasetNames.All"/>.</summary>
    public required string Dataset { get; init; }

    /// <summary>The question, valid by the rules of its reader.</summary>
    public required QuerySpec Spec { get; init; }

    /// <summary>Where the numbers shall come from.</summary>
    public QuerySource Source { get; init; } = QuerySource.Auto;

    /// <summary>What is wanted besides the rows.</summary>
    public AnswerParts Parts { get; init; } = AnswerParts.Default;

    /// <summary>False = an answer with a failed partition is of no use: the service waits longer for one that may be moving, and returns the answer with that in its receipt when it stays away.</summary>
    public bool PartialAllowed { get; init; } = true;

    /// <summary>True = the receipt says how the answer was made.</summary>
    public bool Explain { get; init; }
}

/// <summary>What came of a query.</summary>
public abstract record QueryOutcome
{
    private QueryOutcome() { }

    /// <summary>An answer, perhaps with failed partitions in its receipt.</summary>
    public sealed record Answered(QueryAnswer Answer) : QueryOutcome;

    /// <summary>A valid query that cannot be answered as asked, e.g. by aggregates alone. At least one error.</summary>
    public sealed record Refused(IReadOnlyList<QueryError> Errors) : QueryOutcome;

    /// <summary>No partition has seen the dataset.</summary>
    public sealed record UnknownDataset : QueryOutcome;
}
