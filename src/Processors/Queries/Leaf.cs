using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>From a leaf query's message to its answer's.</summary>
internal static class Leaf
{
    /// <summary>Answers over a snapshot; any thread.</summary>
    public static LeafAnswer Answer(ILeafQuestion question, PartitionSnapshot snapshot, CancellationToken cancellation) => question switch
    {
        LeafQuery query => Answer(query, snapshot, cancellation),
        LeafBubbleUp bubbleUp => Answer(bubbleUp, snapshot, cancellation),
        _ => throw new InvalidOperationException($"a leaf is asked {question.GetType()}"),
    };

    private static LeafAnswer Answer(LeafBubbleUp question, PartitionSnapshot snapshot, CancellationToken cancellation)
    {
        var plan = new LeafPlan(question.Dataset, question.Spec, new(question.StartNs, question.EndNs, int.MaxValue));
        var result = BubbleUpExecutor.Execute(plan, question.Selection, snapshot, cancellation);
        var writer = new ByteWriter(64 << 10);
        result.Export(writer);
        return new(question.Partition, question.QueryId, LeafStatus.Answered, "", writer.WrittenMemory, Coverage(snapshot));
    }

    private static LeafAnswer Answer(LeafQuery query, PartitionSnapshot snapshot, CancellationToken cancellation)
    {
        var outcome = LeafExecutor.Execute(new(query.Dataset, query.Spec, query.Time), query.Source, snapshot, cancellation);
        if (outcome.Result is not { } result)
        {
            return new(query.Partition, query.QueryId, LeafStatus.Refused, outcome.Refusal!, default, Coverage(snapshot));
        }

        var writer = new ByteWriter(4096);
        result.Export(writer);
        return new(query.Partition, query.QueryId, LeafStatus.Answered, "", writer.WrittenMemory, Coverage(snapshot));
    }

    /// <summary>The answer of a query that threw.</summary>
    public static LeafAnswer Failed(ILeafQuestion query, Exception cause) => cause.GetBaseException() is OperationCanceledException
        ? new(query.Partition, query.QueryId, LeafStatus.Unavailable, "cancelled", default, null)
        : new(query.Partition, query.QueryId, LeafStatus.Failed, cause.GetBaseException().ToString(), default, null);

    /// <summary>What a snapshot is about.</summary>
    public static LeafCoverage Coverage(PartitionSnapshot snapshot)
    {
        var times = snapshot.Times();
        return new(
            snapshot.Head.Offset, snapshot.TrailingOffset, snapshot.Head.LogTimeMs, times?.From, times?.To,
            [.. snapshot.Lost.Select(lost => new LostRange(snapshot.Partition, lost.From, lost.To))]);
    }
}
