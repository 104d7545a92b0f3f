using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Services;

/// <summary>Finds all rows of one trace.</summary>
public interface ITraceService
{
    /// <summary>
    /// The rows of a trace, from blocks and the recent window. Any thread, many at once. A trace that nobody has seen is an answer without rows
    /// and with nothing missing; a partition that does not answer is a <see cref="TraceGap"/>.
    /// </summary>
    Task<TraceAnswer> GetAsync(string traceId, CancellationToken cancellation);

    /// <summary>
    /// As <see cref="GetAsync"/>, of the events that have a value in a field: what correlates events without a trace id. All partitions are asked. Rows that sampling has dropped are not
    /// counted, since they are known by trace.
    /// </summary>
    Task<TraceAnswer> GetByAsync(string field, string value, CancellationToken cancellation);
}

/// <summary>A trace as far as it is held. Complete = nothing of it is known to be missing: <see cref="Missing"/> has no entry but <see cref="TraceGap.ClockSkew"/>.</summary>
public sealed record TraceAnswer
{
    /// <summary>True when nothing is known to be missing.</summary>
    public required bool Complete { get; init; }

    /// <summary>Why rows are missing.</summary>
    public required IReadOnlyList<TraceGap> Missing { get; init; }

    /// <summary>The rows, in any order; the HTTP face sorts them.</summary>
    public required IReadOnlyList<TraceRow> Rows { get; init; }

    /// <summary>What the answer rests on.</summary>
    public required Receipt Receipt { get; init; }
}

/// <summary>One event of a trace: its time in unix nanoseconds and one JSON object in UTF-8, as <see cref="Tail.TailRow"/> has it.</summary>
public readonly record struct TraceRow(long TimeNs, ReadOnlyMemory<byte> Json);

/// <summary>
/// Rows of a trace that are not in the answer, or what makes them hard to read. <paramref name="Reason"/> is a stable word: <c>sampled</c>, <c>partition</c>, <c>window</c>, <c>parent</c>,
/// <c>root</c>, <c>clock_skew</c>; of readings of the log also <c>expired</c> and <c>stopped</c>;
/// <paramref name="Detail"/> a sentence for a person, <paramref name="Rows"/> how many where that is known.
/// </summary>
public sealed record TraceGap(string Reason, string Detail, long? Rows = null)
{
    /// <summary>The reason that says nothing is missing: children seem to start before their parents.</summary>
    public const string ClockSkew = "clock_skew";
}
