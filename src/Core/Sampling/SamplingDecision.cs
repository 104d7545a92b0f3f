namespace StreamObserve.Core.Sampling;

/// <summary>Why a trace, or a row without one, was kept or dropped. Values are stored in summaries: never renumber.</summary>
public enum SamplingReason : byte
{
    /// <summary>Not decided.</summary>
    None = 0,

    /// <summary>No rule matched: kept at rate 1.</summary>
    NoRuleMatched = 1,

    /// <summary>A rule that keeps.</summary>
    KeepRule = 2,

    /// <summary>A rule that drops.</summary>
    DropRule = 3,

    /// <summary>A rule with a rate.</summary>
    RateRule = 4,

    /// <summary>A rule with a nested deterministic sampler.</summary>
    DeterministicSampler = 5,

    /// <summary>A rule with a nested probabilistic sampler.</summary>
    ProbabilisticSampler = 6,

    /// <summary>A rule with a nested dynamic sampler.</summary>
    DynamicSampler = 7,

    /// <summary>A rule with a nested throughput sampler.</summary>
    ThroughputSampler = 8,

    /// <summary>A policy of the Collector's types that samples; of a dropped trace: one that would have sampled it, had chance been otherwise.</summary>
    Policy = 9,

    /// <summary>A policy of the Collector's types that drops.</summary>
    DropPolicy = 10,

    /// <summary>Dropped because no policy of the Collector's types samples it.</summary>
    NotSampled = 11,
}

/// <summary>The names of <see cref="SamplingReason"/>, which are also the metrics' label values.</summary>
public static class SamplingReasons
{
    /// <summary>Name of <see cref="SamplingReason.None"/>.</summary>
    public const string None = "none";

    /// <summary>Name of <see cref="SamplingReason.NoRuleMatched"/>.</summary>
    public const string NoRuleMatched = "no_rule_matched";

    /// <summary>Name of <see cref="SamplingReason.KeepRule"/>.</summary>
    public const string KeepRule = "keep_rule";

    /// <summary>Name of <see cref="SamplingReason.DropRule"/>.</summary>
    public const string DropRule = "drop_rule";

    /// <summary>Name of <see cref="SamplingReason.RateRule"/>.</summary>
    public const string RateRule = "rate_rule";

    /// <summary>Name of <see cref="SamplingReason.DeterministicSampler"/>.</summary>
    public const string DeterministicSampler = "deterministic_sampler";

    /// <summary>Name of <see cref="SamplingReason.ProbabilisticSampler"/>.</summary>
    public const string ProbabilisticSampler = "probabilistic_sampler";

    /// <summary>Name of <see cref="SamplingReason.DynamicSampler"/>.</summary>
    public const string DynamicSampler = "dynamic_sampler";

    /// <summary>Name of <see cref="SamplingReason.ThroughputSampler"/>.</summary>
    public const string ThroughputSampler = "throughput_sampler";

    /// <summary>Name of <see cref="SamplingReason.Policy"/>.</summary>
    public const string Policy = "policy";

    /// <summary>Name of <see cref="SamplingReason.DropPolicy"/>.</summary>
    public const string DropPolicy = "drop_policy";

    /// <summary>Name of <see cref="SamplingReason.NotSampled"/>.</summary>
    public const string NotSampled = "not_sampled";

    /// <summary>The reason's name.</summary>
    public static string NameOf(SamplingReason reason) => reason switch
    {
        SamplingReason.NoRuleMatched => NoRuleMatched,
        SamplingReason.KeepRule => KeepRule,
        SamplingReason.DropRule => DropRule,
        SamplingReason.RateRule => RateRule,
        SamplingReason.DeterministicSampler => DeterministicSampler,
        SamplingReason.ProbabilisticSampler => ProbabilisticSampler,
        SamplingReason.DynamicSampler => DynamicSampler,
        SamplingReason.ThroughputSampler => ThroughputSampler,
        SamplingReason.Policy => Policy,
        SamplingReason.DropPolicy => DropPolicy,
        SamplingReason.NotSampled => NotSampled,
        _ => None,
    };
}

/// <summary>What was decided on a trace, or on a row without one. Unmanaged; recorded in the trace's summary.</summary>
/// <param name="Keep">Whether the rows are kept.</param>
/// <param name="Rate">What a kept trace stands for: itself and Rate - 1 others. At least 1.</param>
/// <param name="Reason">What decided.</param>
/// <param name="RuleIndex">The index of what decided, a rule or a policy of the Collector's types; -1 when none did.</param>
public readonly record struct SamplingDecision(bool Keep, double Rate, SamplingReason Reason, short RuleIndex)
{
    /// <summary>Keep at rate 1 for want of a rule.</summary>
    public static SamplingDecision NoRuleMatched => new(Keep: true, Rate: 1, SamplingReason.NoRuleMatched, RuleIndex: -1);

    /// <summary>True when nothing that is kept stands for what was dropped: it was not left to chance.</summary>
    public bool IsUncountedDrop => !Keep && Reason is (SamplingReason.DropRule or SamplingReason.DropPolicy or SamplingReason.NotSampled);

    /// <summary>The final weight of a kept row: max(1, the client's rate) times the trace's.</summary>
    public double WeightOf(double clientRate) => Math.Max(1, clientRate) * Rate;
}
