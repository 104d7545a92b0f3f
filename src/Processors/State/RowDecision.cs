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

/// <summary>The decision on each row of a batch: rows of a trace have the same one. Valid as long as what it refers to.</summary>
/// <param name="distinct">Decisions.</param>
/// <param name="ofRow">Which of them is each row's.</param>
internal readonly ref struct RowDecisions(ReadOnlySpan<RowDecision> distinct, ReadOnlySpan<int> ofRow)
{
    /// <summary>Decisions, in no order.</summary>
    public ReadOnlySpan<RowDecision> Distinct { get; } = distinct;

    /// <summary>Which of <see cref="Distinct"/> is each row's.</summary>
    public ReadOnlySpan<int> OfRow { get; } = ofRow;

    /// <summary>How many rows.</summary>
    public int Length => OfRow.Length;

    /// <summary>The decision on a row.</summary>
    public ref readonly RowDecision this[int row] => ref Distinct[OfRow[row]];
}
