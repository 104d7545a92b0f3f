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

    /// <summary>Keeps a percentage by the Collector's hash of the trace id.</summary>
    Probabilistic,

    /// <summary>Keeps one in N on average over an epoch, of rare keys more than of frequent ones.</summary>
    Dynamic,

    /// <summary>Keeps so many events a second over an epoch, of rare keys a larger part than of frequent ones.</summary>
    Throughput,
}

/// <summary>A sampler nested in a rule. Which properties count is a matter of the type.</summary>
/// <param name="Action">One of the kinds from <see cref="SamplingActionKind.Deterministic"/> on.</param>
public sealed record NestedSampler(SamplingActionKind Action)
{
    /// <summary>The salt of the Collector's probabilistic sampler where none is given.</summary>
    public const string DefaultSalt = "default-hash-seed";

    private static readonly (string Name, SamplingActionKind Action)[] Types =
    [
        ("deterministic", SamplingActionKind.Deterministic),
        ("probabilistic", SamplingActionKind.Probabilistic),
        ("dynamic", SamplingActionKind.Dynamic),
        ("throughput", SamplingActionKind.Throughput),
    ];

    /// <summary>The types as in JSON.</summary>
    public static IEnumerable<string> TypeNames => Types.Select(type => type.Name);

    /// <summary>Its type as in JSON.</summary>
    public string Type => Array.Find(Types, type => type.Action == Action).Name;

    /// <summary>Of the deterministic sampler: one in N is kept. Of the dynamic one, as its goal: one in N over all keys. At least 1.</summary>
    public double Rate { get; init; } = 1;

    /// <summary>Of the probabilistic sampler: how many of a hundred are kept, above 0 and at most 100.</summary>
    public double Percent { get; init; } = 100;

    /// <summary>Of the probabilistic sampler: what is hashed in front of the trace id.</summary>
    public string Salt { get; init; } = DefaultSalt;

    /// <summary>Of the throughput sampler: events a second of log time that the whole cluster keeps; above 0.</summary>
    public double GoalPerSecond { get; init; }

    /// <summary>Of the dynamic and the throughput sampler: fields whose values make a trace's key; none = all traces have the same.</summary>
    public SampleKey Key { get; init; } = SampleKey.None;

    /// <summary>The kind that goes by a name in JSON; false when none does.</summary>
    public static bool TryParseType(string? name, out SamplingActionKind action)
    {
        var index = Array.FindIndex(Types, type => type.Name == name);
        action = index < 0 ? default : Types[index].Action;
        return index >= 0;
    }
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
        { Sampler: { } sampler } => sampler.Action,
        { Drop: true } => SamplingActionKind.Drop,
        { Rate: not null } => SamplingActionKind.Rate,
        _ => SamplingActionKind.Keep,
    };

    /// <summary>The N of one in N that <see cref="Action"/> keeps where it is known beforehand, else 1.</summary>
    public double ActionRate => Action switch
    {
        SamplingActionKind.Deterministic => Sampler!.Rate,
        SamplingActionKind.Probabilistic => 100 / Sampler!.Percent,
        SamplingActionKind.Rate => Rate!.Value,
        _ => 1,
    };
}
