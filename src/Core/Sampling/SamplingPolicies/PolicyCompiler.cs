namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>What a leaf of a formula asks of a trace.</summary>
internal enum PolicyLeafKind : byte
{
    /// <summary>Any row set a condition bit.</summary>
    Bit,

    /// <summary>The trace id's hash set a probabilistic sampler's bit.</summary>
    Probabilistic,

    /// <summary>The trace's whole milliseconds are within a range.</summary>
    Latency,

    /// <summary>The number of its rows is within a range.</summary>
    SpanCount,
}

/// <summary>A leaf: what it asks, which bit it looks at or which range, both ends included.</summary>
internal readonly record struct PolicyLeaf(PolicyLeafKind Kind, int Bit, long Min, long Max);

/// <summary>A budget that traces share.</summary>
/// <param name="Asked">Which traces count against it and may be within it.</param>
/// <param name="PerSecond">Rows, or bytes, a second of log time in the whole cluster.</param>
/// <param name="OfBytes">Whether it counts bytes.</param>
internal readonly record struct PolicyLimit(PolicyNode Asked, double PerSecond, bool OfBytes);

/// <summary>One policy, or one part of a composite.</summary>
internal readonly record struct PolicyStep(string Name, PolicyNode Node)
{
    public string ReasonText { get; } = $"policies/{Name}";
}

/// <summary>Turns one dataset's policies of the Collector's types into formulas. One instance compiles one dataset's.</summary>
internal sealed class PolicyCompiler(Func<IReadOnlyList<SamplingCondition>, int> bitOf, Func<double, string, int> probabilisticBitOf)
{
    private readonly List<PolicyLeaf> _leaves = [];
    private readonly List<PolicyLimit> _limits = [];
    private readonly Dictionary<int, (double Percent, string Salt)> _chances = [];
    private readonly List<PolicyNode> _asked = [];

    /// <summary>The policies as formulas: dropping ones first, since limits of the others are for what is not dropped.</summary>
    public CompiledPolicies Compile(string dataset, IReadOnlyList<CollectorPolicy> policies)
    {
        var drops = policies.OfType<DropPolicy>().Select(policy => new PolicyStep(policy.Name, policy.Compile(this))).ToArray();
        var samples = new List<PolicyStep>();
        AskedAbout([.. drops.Select(drop => PolicyNode.Not(drop.Node))], () =>
        {
            foreach (var policy in policies)
            {
                switch (policy)
                {
                    case DropPolicy:
                        break;
                    case CompositePolicy composite:
                        samples.AddRange(composite.CompileParts(this).Select(part => new PolicyStep(part.Name, part.Node)));
                        break;
                    default:
                        samples.Add(new(policy.Name, policy.Compile(this)));
                        break;
                }
            }

            return samples;
        });
        return new(dataset, _leaves, _limits, _chances, drops, [.. samples]);
    }

    /// <summary>Any row meets all of the conditions; inverted: none does.</summary>
    public PolicyNode AnyRow(IReadOnlyList<SamplingCondition> conditions, bool isInverted = false)
    {
        var leaf = Leaf(new(PolicyLeafKind.Bit, bitOf(conditions), 0, 0));
        return isInverted ? PolicyNode.Not(leaf) : leaf;
    }

    /// <summary>So many of a hundred by the trace id.</summary>
    public PolicyNode Probabilistic(double percent, string salt)
    {
        var leaf = new PolicyLeaf(PolicyLeafKind.Probabilistic, probabilisticBitOf(percent, salt), 0, 0);
        var node = Leaf(leaf);
        _chances[_leaves.IndexOf(leaf)] = (percent, salt);
        return node;
    }

    /// <summary>The trace took a time within a range.</summary>
    public PolicyNode Latency(long minMs, long maxMs) => Leaf(new(PolicyLeafKind.Latency, -1, minMs, maxMs));

    /// <summary>The trace has a number of rows within a range.</summary>
    public PolicyNode SpanCount(long min, long max) => Leaf(new(PolicyLeafKind.SpanCount, -1, min, max));

    /// <summary>Within a budget of what is asked about here.</summary>
    public PolicyNode Limit(double perSecond, bool ofBytes)
    {
        _limits.Add(new(PolicyNode.All([.. _asked]), perSecond, ofBytes));
        return PolicyNode.Limit(_limits.Count - 1);
    }

    /// <summary>Compiles something that is asked only about traces for which these hold.</summary>
    public T AskedAbout<T>(IReadOnlyList<PolicyNode> nodes, Func<T> compile)
    {
        _asked.AddRange(nodes);
        var compiled = compile();
        _asked.RemoveRange(_asked.Count - nodes.Count, nodes.Count);
        return compiled;
    }

    private PolicyNode Leaf(PolicyLeaf leaf)
    {
        var index = _leaves.IndexOf(leaf);
        if (index < 0)
        {
            index = _leaves.Count;
            _leaves.Add(leaf);
        }

        // Past their number the policies are refused, so it is never evaluated.
        return PolicyNode.Leaf(Math.Min(index, ConditionBits.Count - 1));
    }
}
