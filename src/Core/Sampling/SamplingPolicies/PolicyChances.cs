namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>What is left to chance in one epoch. Single-threaded.</summary>
public sealed class PolicyChances
{
    /// <summary>With the chances of limits.</summary>
    /// <param name="ofLimits">Of each limit, the chance of those asked about to be within it.</param>
    public PolicyChances(double[] ofLimits)
    {
        OfLimits = ofLimits;
        Known = [];
    }

    private PolicyChances() => OfLimits = [];

    /// <summary>Without limits; any thread.</summary>
    public static PolicyChances None { get; } = new();

    internal double[] OfLimits { get; }

    /// <summary>The chances of what was decided before, by its leaves without those of hashes: each is a sum over many outcomes. Null: not kept.</summary>
    internal Dictionary<ConditionBits, double>? Known { get; }
}
