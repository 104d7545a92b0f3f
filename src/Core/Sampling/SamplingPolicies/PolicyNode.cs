namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>What a policy asks of a trace, as a formula over its leaves (what is known of the trace) and limits (who is within a budget). Immutable, thread-safe, evaluated without allocation.</summary>
internal sealed class PolicyNode
{
    private readonly Kind _kind;
    private readonly int _index;
    private readonly PolicyNode[] _parts;

    private PolicyNode(Kind kind, int index, params PolicyNode[] parts) => (_kind, _index, _parts) = (kind, index, parts);

    private enum Kind : byte
    {
        Always,
        Leaf,
        Limit,
        Not,
        All,
        Any,
    }

    /// <summary>Holds for every trace.</summary>
    public static PolicyNode Always { get; } = new(Kind.Always, 0);

    /// <summary>Holds where the trace's leaf of this index is set.</summary>
    public static PolicyNode Leaf(int index) => new(Kind.Leaf, index);

    /// <summary>Holds where the trace is within the limit of this index.</summary>
    public static PolicyNode Limit(int index) => new(Kind.Limit, index);

    /// <summary>Holds where the other does not.</summary>
    public static PolicyNode Not(PolicyNode part) => new(Kind.Not, 0, part);

    /// <summary>Holds where all hold.</summary>
    public static PolicyNode All(IReadOnlyList<PolicyNode> parts) => parts.Count == 1 ? parts[0] : new(Kind.All, 0, [.. parts]);

    /// <summary>Holds where any holds.</summary>
    public static PolicyNode Any(IReadOnlyList<PolicyNode> parts) => parts.Count == 1 ? parts[0] : new(Kind.Any, 0, [.. parts]);

    /// <summary>Whether it holds.</summary>
    /// <param name="leaves">The leaves that the trace sets.</param>
    /// <param name="limits">By bit, the limits that it is within.</param>
    public bool Holds(ConditionBits leaves, uint limits)
    {
        switch (_kind)
        {
            case Kind.Leaf:
                return leaves.Has(_index);
            case Kind.Limit:
                return ((limits >> _index) & 1) != 0;
            case Kind.Not:
                return !_parts[0].Holds(leaves, limits);
            case Kind.All:
                foreach (var part in _parts)
                {
                    if (!part.Holds(leaves, limits))
                    {
                        return false;
                    }
                }

                return true;
            case Kind.Any:
                foreach (var part in _parts)
                {
                    if (part.Holds(leaves, limits))
                    {
                        return true;
                    }
                }

                return false;
            default:
                return true;
        }
    }
}
