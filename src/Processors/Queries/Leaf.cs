using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>From a leaf question's message to its answer's.</summary>
internal static class Leaf
{
    /// <summary>
    /// Answers over a snapshot; any thread. One that finds the heap full has let go of all it held, which was garbage before it came: it is tried once more, alone among those of
    /// this process that did.
    /// </summary>
    public static async Task<LeafAnswer> AnswerAsync(ILeafQuestion question, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation)
    {
        try
        {
            return await AnswerOnceAsync(question, snapshot, gate, cancellation).ConfigureAwait(false);
        }
        catch (OutOfMemoryException)
        {
            await gate.EnterAloneAsync(cancellation).ConfigureAwait(false);
        }

        try
        {
            return await AnswerOnceAsync(question, snapshot, gate, cancellation).ConfigureAwait(false);
        }
        finally
        {
            gate.LeaveAlone();
        }
    }

    private static async Task<LeafAnswer> AnswerOnceAsync(ILeafQuestion question, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation) => question switch
    {
        LeafQuery query => await AnswerAsync(query, snapshot, gate, cancellation).ConfigureAwait(false),
        LeafBubbleUp bubbleUp => await AnswerAsync(bubbleUp, snapshot, gate, cancellation).ConfigureAwait(false),
        _ => throw new InvalidOperationException($"a leaf is asked {question.GetType()}"),
    };

    /// <summary>The answer of a question that threw.</summary>
    public static LeafAnswer Failed(ILeafQuestion question, Exception cause) => cause.GetBaseException() switch
    {
        OperationCanceledException => new(question.Partition, question.QueryId, LeafStatus.Unavailable, "cancelled", null, null),
        OutOfMemoryException => new(
            question.Partition, question.QueryId, LeafStatus.Overloaded, "the processor's heap is full; ask again, about less time or fewer groups, or raise memory", null, null),
        var fault => new(question.Partition, question.QueryId, LeafStatus.Failed, fault.ToString(), null, null),
    };

    /// <summary>What a snapshot is about.</summary>
    public static LeafCoverage Coverage(PartitionSnapshot snapshot)
    {
        var times = snapshot.Times();
        return new(
            snapshot.Head.Offset, snapshot.TrailingOffset, snapshot.Head.LogTimeMs, times?.From, times?.To,
            [.. snapshot.Lost.Select(lost => new LostRange(snapshot.Partition, lost.From, lost.To))]);
    }

    private static async Task<LeafAnswer> AnswerAsync(LeafQuery query, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation)
    {
        var outcome = await LeafExecutor.ExecuteAsync(new(query.Dataset, query.Spec, query.Time), query.Source, snapshot, gate, cancellation).ConfigureAwait(false);
        LeafOutcome? earlier = null;
        if (outcome.Result is not null && query.Spec.CompareOffsetSeconds is { } offset)
        {
            earlier = await LeafExecutor.ExecuteAsync(new(query.Dataset, query.Spec, query.Time.Earlier(offset)), query.Source, snapshot, gate, cancellation).ConfigureAwait(false);
        }

        if ((outcome.Refusal ?? earlier?.Refusal) is { } refusal)
        {
            outcome.Result?.Memory?.Dispose();
            return new(query.Partition, query.QueryId, LeafStatus.Refused, refusal, null, Coverage(snapshot));
        }

        if (earlier is { } before)
        {
            outcome.Explanation.Add(before.Explanation);
        }

        return new(query.Partition, query.QueryId, LeafStatus.Answered, "", new(outcome.Result!), Coverage(snapshot))
        {
            Earlier = earlier?.Result is { } result ? new(result) : null,
            Explanation = outcome.Explanation,
        };
    }

    private static async Task<LeafAnswer> AnswerAsync(LeafBubbleUp question, PartitionSnapshot snapshot, ScanGate gate, CancellationToken cancellation)
    {
        var plan = new LeafPlan(question.Dataset, question.Spec, new(question.StartNs, question.EndNs, int.MaxValue));
        var result = await BubbleUpExecutor.ExecuteAsync(plan, question.Selection, snapshot, gate, cancellation).ConfigureAwait(false);
        return new(question.Partition, question.QueryId, LeafStatus.Answered, "", new(result), Coverage(snapshot));
    }
}
