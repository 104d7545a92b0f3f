using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>From a leaf query's message to its answer's.</summary>
internal static class Leaf
{
    /// <summary>Answers over a snapshot; any thread.</summary>
    public static LeafAnswer Answer(LeafQuery query, PartitionSnapshot snapshot, CancellationToken cancellation)
    {
        var outcome = LeafExecutor.Execute(new(query.Dataset, query.Spec, query.Time), query.Source, snapshot, cancellation);
        if (outcome.Result is not { } result)
        {
            return new(query.Partition, query.QueryId, LeafStatus.Refused, outcome.Refusal!, null, Coverage(snapshot));
        }

        return new(query.Partition, query.QueryId, LeafStatus.Answered, "", new(result), Coverage(snapshot));
    }

    /// <summary>The answer of a query that threw.</summary>
    public static LeafAnswer Failed(LeafQuery query, Exception cause) => cause.GetBaseException() is OperationCanceledException
        ? new(query.Partition, query.QueryId, LeafStatus.Unavailable, "cancelled", null, null)
        : new(query.Partition, query.QueryId, LeafStatus.Failed, cause.GetBaseException().ToString(), null, null);

    /// <summary>What a snapshot is about.</summary>
    public static LeafCoverage Coverage(PartitionSnapshot snapshot)
    {
        var times = snapshot.Times();
        return new(
            snapshot.Head.Offset, snapshot.TrailingOffset, snapshot.Head.LogTimeMs, times?.From, times?.To,
            [.. snapshot.Lost.Select(lost => new LostRange(snapshot.Partition, lost.From, lost.To))]);
    }
}
