using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Sampling;

namespace StreamObserve.QueryNode.Services;

/// <summary>Tries sampling policies on what the log holds.</summary>
public interface IDryRunService
{
    /// <summary>Reads a stretch of the log once more and decides it by a dataset's policy beside those of all other datasets. Nothing is stored. Any thread; a partition does one at a time.</summary>
    Task<DryRunOutcome> TryAsync(DryRunRequest request, CancellationToken cancellation);
}

/// <summary>A policy to try.</summary>
/// <param name="Dataset">Whose policy and rows; <see cref="DatasetNames.Default"/>: of all that have none of their own, and all rows are counted.</param>
/// <param name="Policy">The policy.</param>
/// <param name="FromMs">Log time, unix milliseconds.</param>
/// <param name="ToMs">Log time, exclusive.</param>
/// <param name="Fields">By whose values rows are counted.</param>
public sealed record DryRunRequest(string Dataset, SamplingPolicy Policy, long FromMs, long ToMs, IReadOnlyList<string> Fields);

/// <summary>What came of it.</summary>
public abstract record DryRunOutcome
{
    private DryRunOutcome() { }

    /// <summary>What would have been kept.</summary>
    public sealed record Tried(DryRunAnswer Answer) : DryRunOutcome;

    /// <summary>Valid by itself, but not beside the policies of the other datasets.</summary>
    public sealed record Refused(SamplingPolicyError Error) : DryRunOutcome;
}

/// <summary>What a policy would have kept, all partitions together.</summary>
public sealed record DryRunAnswer
{
    /// <summary>Rows.</summary>
    public required DryRunCount All { get; init; }

    /// <summary>Bytes of their fields, and of those of the rows that would be kept.</summary>
    public required (long All, long Kept) Bytes { get; init; }

    /// <summary>What kept rows would stand for.</summary>
    public required double Estimate { get; init; }

    /// <summary>Seconds of log time that were read.</summary>
    public required double Seconds { get; init; }

    /// <summary>Log time of the last record that was counted, unix milliseconds; 0 where there was none. What came later has not had its window yet, or lies past the end.</summary>
    public required long UntilMs { get; init; }

    /// <summary>By what decided, those with the most rows first.</summary>
    public required IReadOnlyList<DryRunGroup> Groups { get; init; }

    /// <summary>By the values of fields, each with the most frequent first.</summary>
    public required IReadOnlyList<(string Field, DryRunField Values)> Fields { get; init; }

    /// <summary>Why there may be more.</summary>
    public required IReadOnlyList<TraceGap> Missing { get; init; }

    /// <summary>What the answer rests on.</summary>
    public required Receipt Receipt { get; init; }
}
