namespace StreamObserve.Core.Sampling;

/// <summary>Over what a rule's conditions are combined.</summary>
public enum SamplingScope : byte
{
    /// <summary>Each condition may be met by another row of the trace.</summary>
    Trace,

    /// <summary>One row must meet all conditions (those on <c>root.</c> fields: the root).</summary>
    Span,
}

/// <summary>What a rule does with the traces that it matches.</summary>
public enum SamplingActionKind : byte
{
    /// <summary>Keeps all, at rate 1.</summary>
    Keep,

    /// <summary>Drops all.</summary>
    Drop,

    /// <summary>Keeps one in N by the deterministic sampler, from the rule's <c>rate</c>.</summary>
    Rate,

    /// <summary>Keeps one in N by the deterministic sampler, from a nested sampler.</summary>
    Deterministic,
}

/// <summary>A sampler nested in a rule.</summary>
/// <param name="Type">Its type as in JSON; at present only <see cref="DeterministicType"/>.</param>
/// <param name="Rate">One in N is kept; at least 1.</param>
public sealed record NestedSampler(string Type, double Rate)
{
    /// <summary>The type of the deterministic sampler.</summary>
    public const string DeterministicType = "deterministic";
}

/// <summary>One rule of a policy, validated. Without conditions it matches every trace. Immutable.</summary>
public sealed record SamplingRule
{
    /// <summary>The name, which is in the reason of every row that it decided.</summary>
    public required string Name { get; init; }

    /// <summary>How the conditions combine.</summary>
    public SamplingScope Scope { get; init; }

    /// <summary>The conditions, all of which must be met.</summary>
    public required IReadOnlyList<SamplingCondition> Conditions { get; init; }

    /// <summary>Keep all.</summary>
    public bool Keep { get; init; }

    /// <summary>Drop all; beats <see cref="Rate"/>.</summary>
    public bool Drop { get; init; }

    /// <summary>One in N is kept; at least 1.</summary>
    public double? Rate { get; init; }

    /// <summary>The nested sampler; beats <see cref="Drop"/> and <see cref="Rate"/>.</summary>
    public NestedSampler? Sampler { get; init; }

    /// <summary>What the rule comes to: a nested sampler beats drop, which beats a rate, which beats keep.</summary>
    public SamplingActionKind Action => this switch
    {
        { Sampler: not null } => SamplingActionKind.Deterministic,
        { Drop: true } => SamplingActionKind.Drop,
        { Rate: not null } => SamplingActionKind.Rate,
        _ => SamplingActionKind.Keep,
    };

    /// <summary>The N of one in N that <see cref="Action"/> keeps; 1 for keep and drop.</summary>
    public double ActionRate => Action switch
    {
        SamplingActionKind.Deterministic => Sampler!.Rate,
        SamplingActionKind.Rate => Rate!.Value,
        _ => 1,
    };
}
