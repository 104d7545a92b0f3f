namespace StreamObserve.Core.Sampling;

/// <summary>
/// One version of all policies, ready to use: the bits to evaluate on every row at the head, and the rules that decide from them. Immutable and thread-safe.
/// </summary>
public sealed class CompiledSamplingPolicy
{
    private readonly Dictionary<string, CompiledRules> _byDataset;
    private readonly CompiledRules _others;

    internal CompiledSamplingPolicy(int version, long? windowMs, IReadOnlyList<CompiledBit> bits, Dictionary<string, CompiledRules> byDataset)
    {
        Version = version;
        WindowMs = windowMs;
        Bits = bits;
        _byDataset = byDataset;
        _others = byDataset.GetValueOrDefault(SamplingPolicy.DefaultDataset) ?? new CompiledRules(SamplingPolicy.DefaultDataset, []);
    }

    /// <summary>The version of the set that this was compiled from.</summary>
    public int Version { get; }

    /// <summary>The cluster's window in milliseconds, where a policy sets it; else null and the configured one holds.</summary>
    public long? WindowMs { get; }

    /// <summary>What each condition bit stands for; at most <see cref="SamplingLimits.ConditionBitsMax"/>. Bit i of <see cref="ConditionBits"/> is entry i.</summary>
    public IReadOnlyList<CompiledBit> Bits { get; }

    /// <summary>False when no rule takes one in N, so that contributions need not carry <see cref="TraceContribution.SamplerHash"/>.</summary>
    public bool UsesSamplerHash { get; internal init; }

    /// <summary>The probabilistic samplers: entry i sets <see cref="ProbabilisticBit"/>(i) of the traces that it keeps.</summary>
    public IReadOnlyList<ProbabilisticSampler> Probabilistic { get; internal init; } = [];

    /// <summary>True when a policy asks how long a trace took, so that contributions carry <see cref="TraceContribution.EarliestStartNs"/> and <see cref="TraceContribution.LatestEndNs"/>.</summary>
    public bool UsesLatency { get; internal init; }

    /// <summary>True when a policy limits bytes, so that contributions carry <see cref="TraceContribution.Bytes"/>.</summary>
    public bool UsesBytes { get; internal init; }

    /// <summary>True when a rule asks a sampler, or a policy has a limit, that decides all traces of an epoch together.</summary>
    public bool DecidesByEpoch { get; internal init; }

    /// <summary>The fields that any sampler's key is made of.</summary>
    public IReadOnlyList<KeyField> KeyFields { get; internal init; } = [];

    /// <summary>The bit of a probabilistic sampler.</summary>
    public static int ProbabilisticBit(int index) => SamplingLimits.ConditionBitsMax - 1 - index;

    /// <summary>The rules that traces of a dataset follow: its own, else those of <see cref="SamplingPolicy.DefaultDataset"/>, else none. Names ignore case. Never null; may be kept per dataset.</summary>
    public CompiledRules RulesFor(string dataset) => _byDataset.GetValueOrDefault(dataset) ?? _others;

    /// <summary>The decision on a trace. <paramref name="dataset"/> is the name of <see cref="TraceSummary.DecidingDataset"/>.</summary>
    public SamplingDecision Decide(in TraceSummary summary, string dataset) => RulesFor(dataset).Decide(in summary);

    /// <summary>The decision on a row without a trace; see <see cref="CompiledRules.DecideRow"/>.</summary>
    public SamplingDecision DecideRow(ConditionBits bits, long latencyMs, string dataset, int partition, long offset, int rowIndex) =>
        RulesFor(dataset).DecideRow(bits, latencyMs, partition, offset, rowIndex);

    /// <summary>The bits that a row sets. For rows one by one and as the definition; batches are evaluated by column.</summary>
    public ConditionBits BitsOf<TRow>(in TRow row)
        where TRow : ISamplingRow
    {
        var bits = default(ConditionBits);
        for (var i = 0; i < Bits.Count; i++)
        {
            if (Bits[i].Matches(in row))
            {
                bits = bits.With(i);
            }
        }

        return bits;
    }
}

/// <summary>A field of a sampler's key.</summary>
/// <param name="Name">As in the policy.</param>
public readonly record struct KeyField(string Name)
{
    /// <summary>True when the root's value alone counts.</summary>
    public bool RootOnly => Name.StartsWith(SamplingCondition.RootPrefix, StringComparison.Ordinal);

    /// <summary>The field of the rows.</summary>
    public string Field => RootOnly ? Name[SamplingCondition.RootPrefix.Length..] : Name;
}
