using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Tail;

/// <summary>
/// How a tail stands, besides its counters. <see cref="Calculations"/> are in the order of the request's; <see cref="Failed"/> are the partitions whose events
/// the subscriber does not get at the moment. Immutable.
/// </summary>
public sealed record TailProgress(IReadOnlyList<AnswerCell> Calculations, IReadOnlyList<FailedPartition> Failed)
{
    /// <summary>Nothing computed yet, nothing failed.</summary>
    public static TailProgress None { get; } = new([], []);
}

/// <summary>Counters of a tail since it began. Matched = Sent + Skipped + rows that still wait.</summary>
public readonly record struct TailCounts(long Matched, long Sent, long Skipped);
