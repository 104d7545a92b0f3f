using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>From a leaf query's message to its answer's.</summary>
internal static class Leaf
{
    /// <summary>Answers over a snapshot; any thread.</summary>
    public static LeafAnswer Answer(LeafQuery query, PartitionSnapshot snapshot, CancellationToken cancellation)
    {
        if (!TryExport(query, query.Time, snapshot, cancellation, out var result, out var refusal))
        {
            return new(query.Partition, query.QueryId, LeafStatus.Refused, refusal, default, Coverage(snapshot));
        }

        ReadOnlyMemory<byte> earlier = default;
        if (query.Spec.CompareOffsetSeconds is { } offset && !TryExport(query, query.Time.Earlier(offset), snapshot, cancellation, out earlier, out refusal))
        {
            return new(query.Partition, query.QueryId, LeafStatus.Refused, $"in the earlier range {refusal}", default, Coverage(snapshot));
        }

        return new(query.Partition, query.QueryId, LeafStatus.Answered, "", result, Coverage(snapshot)) { Earlier = earlier };
    }

    private static bool TryExport(
        LeafQuery query, ResolvedTime time, PartitionSnapshot snapshot, CancellationToken cancellation, out ReadOnlyMemory<byte> exported, out string refusal)
    {
        exported = default;
        var outcome = LeafExecutor.Execute(new(query.Dataset, query.Spec, time), query.Source, snapshot, cancellation);
        refusal = outcome.Refusal ?? "";
        if (outcome.Result is not { } result)
        {
            return false;
        }

        var writer = new ByteWriter(4096);
        result.Export(writer);
        exported = writer.WrittenMemory;
        return true;
    }

    /// <summary>The answer of a query that threw.</summary>
    public static LeafAnswer Failed(LeafQuery query, Exception cause) => cause.GetBaseException() is OperationCanceledException
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
