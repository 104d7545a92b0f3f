using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>A value's share of the weighted events of each side, 0 to 1; absent = the events without the field.</summary>
public readonly record struct BubbleUpValue(FieldValue Value, double Selection, double Baseline);

/// <summary>
/// A field of which some values tell the sides apart. <paramref name="Score"/>, 0 to 1: by how much more often than the baseline the selection has the first value, less
/// what chance may have put in. <paramref name="SameAs"/>: fields whose first value marks the same events. <paramref name="ImpliedBy"/>: a better-ranked field whose value
/// already says this one's, for which the score is a tenth.
/// </summary>
public sealed record BubbleUpDimension(string Column, double Score, IReadOnlyList<BubbleUpValue> Values, IReadOnlyList<string> SameAs, string? ImpliedBy);

/// <summary>A bucket of a measure: numbers from <paramref name="Min"/> to <paramref name="Max"/>, within 0.99 % at the edges, with its share of the numbers of each side.</summary>
public readonly record struct BubbleUpBucket(double Min, double Max, double Selection, double Baseline);

/// <summary>Percentiles of a measure on one side, within 0.99 %; null when it has no number there.</summary>
public sealed record BubbleUpPercentiles(double P10, double P50, double P90, double P99);

/// <summary>
/// A number that differs between the sides. <paramref name="Score"/>, 0 to 1: the greatest distance of the two distribution functions (Kolmogorov and Smirnov's), less what
/// chance may have put in.
/// </summary>
public sealed record BubbleUpMeasure(
    string Column, double Score, BubbleUpPercentiles? Selection, BubbleUpPercentiles? Baseline, IReadOnlyList<BubbleUpBucket> Buckets);

/// <summary>Why a field is not ranked.</summary>
public enum BubbleUpLeftOut : byte
{
    /// <summary>It decides what is selected, or says just the same.</summary>
    Selection,

    /// <summary>Nearly each event has a value of its own, and none stands out.</summary>
    NearlyUnique,
}

/// <summary>The finished comparison: dimensions and measures by descending score, and every field that is not among them.</summary>
public sealed record BubbleUpAnswer(
    IReadOnlyList<BubbleUpDimension> Dimensions, IReadOnlyList<BubbleUpMeasure> Measures, IReadOnlyList<(string Column, BubbleUpLeftOut Reason)> LeftOut);
