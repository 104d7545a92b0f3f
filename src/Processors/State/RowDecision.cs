using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>What was decided on a row, and what the row says of it when it is kept.</summary>
/// <param name="Decision">The decision.</param>
/// <param name="Key">The key that its sampler gave it; null where there was none.</param>
/// <param name="Reason">Which rule or policy decided.</param>
internal readonly record struct RowDecision(SamplingDecision Decision, string? Key, string Reason)
{
    /// <summary>Kept because nothing is known of its trace: it came after the decision was forgotten, or what was known is damaged.</summary>
    public static RowDecision Unknown { get; } = new(SamplingDecision.NoRuleMatched, null, "nothing known of the trace");
}
