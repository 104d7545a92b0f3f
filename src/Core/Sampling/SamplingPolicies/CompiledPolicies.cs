using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>
/// One dataset's policies of the Collector's types in one policy version, ready to decide. A trace is kept when any policy samples it and none drops it. Immutable, thread-safe, allocation-free
/// where it decides.
/// </summary>
/// <remarks>
/// A kept trace stands for one in its chance of being kept, over all that is left to chance: the hashes of probabilistic policies and who is within a limit. Whoever is kept for what it is has a
/// chance of 1, even if a hash would have kept it as well; two policies with one salt look at one and the same hash, so the greater percentage holds what the smaller does. The chance is exact,
/// a sum over all outcomes, of which there are at most <see cref="SamplingLimits.PolicyOutcomesMax"/>; estimates by it are those of Horvitz and Thompson (1952).
/// Of a limit whose asking traces are themselves left to chance the share is that of the epoch as it came out, in which the trace has a part: estimates are low then by about one in as many as ask.
/// </remarks>
public sealed class CompiledPolicies
{
    // What a sum over all outcomes may miss of 1 by rounding.
    private const double ChanceRounding = 1e-9;

    private readonly PolicyLeaf[] _leaves;
    private readonly PolicyLimit[] _limits;
    private readonly PolicyStep[] _drops;
    private readonly PolicyStep[] _samples;
    private readonly ConditionBits _byChance;
    private readonly Salt[] _salts;

    internal CompiledPolicies(string policy, List<PolicyLeaf> leaves, List<PolicyLimit> limits, Dictionary<int, (double Percent, string Salt)> chances, PolicyStep[] drops, PolicyStep[] samples)
    {
        Policy = policy;
        _leaves = [.. leaves];
        _limits = [.. limits];
        _drops = drops;
        _samples = samples;
        Outcomes = chances.GroupBy(chance => chance.Value.Salt).Aggregate(Math.Pow(2, limits.Count), (product, salt) => product * (salt.Count() + 1));
        if (leaves.Count > ConditionBits.Count)
        {
            _salts = [];        // refused
            return;
        }

        _salts = [.. chances.GroupBy(chance => chance.Value.Salt).OrderBy(salt => salt.Key, StringComparer.Ordinal).Select(salt => new Salt(salt.Key, salt.Select(chance => (chance.Key, chance.Value.Percent / 100))))];
        foreach (var leaf in chances.Keys)
        {
            _byChance = _byChance.With(leaf);
        }
    }

    /// <summary>The dataset whose policies these are, or <see cref="SamplingPolicy.DefaultDataset"/>.</summary>
    public string Policy { get; }

    /// <summary>True when a policy keeps so much a second, so that the traces of an epoch are decided together (<see cref="EpochLimits"/>).</summary>
    public bool HasLimits => _limits.Length > 0;

    /// <summary>How many limits there are; at most 31.</summary>
    public int Limits => _limits.Length;

    /// <summary>How many things are asked of a trace.</summary>
    internal int Leaves => _leaves.Length;

    /// <summary>How many outcomes chance has.</summary>
    internal double Outcomes { get; }

    /// <summary>Whether it looks at how long traces take.</summary>
    internal bool UsesLatency => Array.Exists(_leaves, leaf => leaf.Kind == PolicyLeafKind.Latency);

    /// <summary>Whether it counts bytes.</summary>
    internal bool UsesBytes => Array.Exists(_limits, limit => limit.OfBytes);

    /// <summary>What is known of a trace, as its leaves.</summary>
    public ConditionBits LeavesOf(in TraceSummary summary) => LeavesOf(summary.Bits, summary.LatencyMs, summary.RowCount);

    /// <summary>What is known of a row without a trace, without what its place leaves to chance.</summary>
    /// <param name="bits">The condition bits that it set.</param>
    /// <param name="latencyMs">How long it took, in whole milliseconds.</param>
    public ConditionBits LeavesOfRow(ConditionBits bits, long latencyMs) => LeavesOf(bits, latencyMs, rows: 1);

    /// <summary>The decision on a trace where no policy has a limit.</summary>
    public SamplingDecision Decide(in TraceSummary summary) => Decide(LeavesOf(summary), limits: 0, PolicyChances.None);

    /// <summary>The decision on a trace that is within some limits.</summary>
    /// <param name="leaves">Its leaves.</param>
    /// <param name="limits">By bit, the limits that it is within.</param>
    /// <param name="chances">Those of the trace's epoch.</param>
    internal SamplingDecision Decide(ConditionBits leaves, uint limits, PolicyChances chances)
    {
        var drop = First(_drops, leaves, limits);
        var sample = drop < 0 ? First(_samples, leaves, limits) : -1;
        if (chances.Known?.TryGetValue(leaves & ~_byChance, out var chance) != true)
        {
            chance = ChanceOf(leaves, chances.OfLimits, limit: -1);
            chance = chance > 1 - ChanceRounding ? 1 : chance;
            chances.Known?.Add(leaves & ~_byChance, chance);
        }

        if (sample >= 0)
        {
            return new(Keep: true, 1 / chance, SamplingReason.Policy, (short)(_drops.Length + sample));
        }

        // One that another outcome would have kept is stood for by those kept; the others by nobody.
        var reason = chance > 0 ? SamplingReason.Policy : drop >= 0 ? SamplingReason.DropPolicy : SamplingReason.NotSampled;
        return new(Keep: false, chance > 0 ? 1 / chance : 1, reason, (short)drop);
    }

    /// <summary>The decision on a row without a trace, by its place in the log.</summary>
    /// <param name="leaves">Its leaves (<see cref="LeavesOfRow"/>).</param>
    /// <param name="chances">Those of the row's epoch.</param>
    /// <param name="place">The hash of its place.</param>
    internal SamplingDecision DecideRow(ConditionBits leaves, PolicyChances chances, ulong place)
    {
        foreach (var salt in _salts)
        {
            leaves |= salt.LeavesAt(Uniform(place, salt.Seed));
        }

        var limits = 0u;
        for (var limit = 0; limit < _limits.Length; limit++)
        {
            if (Uniform(place, limit) < chances.OfLimits[limit])
            {
                limits |= 1u << limit;
            }
        }

        return Decide(leaves, limits, chances);
    }

    /// <summary>The name of the policy that decided, with that of a composite's part behind a slash; empty when none sampled.</summary>
    internal string NameOf(int step) => step < 0 ? "" : step < _drops.Length ? _drops[step].Name : _samples[step - _drops.Length].Name;

    /// <summary>What <c>meta.sample.reason</c> says: the policy's name.</summary>
    internal string ReasonTextOf(int step) => step < 0 ? "no policy sampled" : step < _drops.Length ? _drops[step].ReasonText : _samples[step - _drops.Length].ReasonText;

    /// <summary>Whether a trace counts against a limit, those before it being decided.</summary>
    internal bool IsAsked(int limit, ConditionBits leaves, uint limits) => _limits[limit].Asked.Holds(leaves, limits);

    /// <summary>The chance that a row counts against a limit, over the hashes and the limits before it.</summary>
    internal double ChanceOfAsked(int limit, ConditionBits leaves, ReadOnlySpan<double> chances) => ChanceOf(leaves, chances[..limit], limit);

    /// <summary>What a limit allows a second, and whether in bytes.</summary>
    internal PolicyLimit LimitOf(int limit) => _limits[limit];

    private ConditionBits LeavesOf(ConditionBits bits, long latencyMs, long rows)
    {
        var leaves = default(ConditionBits);
        for (var i = 0; i < _leaves.Length; i++)
        {
            ref readonly var leaf = ref _leaves[i];
            var holds = leaf.Kind switch
            {
                PolicyLeafKind.Latency => latencyMs >= leaf.Min && latencyMs <= leaf.Max,
                PolicyLeafKind.SpanCount => rows >= leaf.Min && rows <= leaf.Max,
                _ => bits.Has(leaf.Bit),
            };
            if (holds)
            {
                leaves = leaves.With(i);
            }
        }

        return leaves;
    }

    private static int First(PolicyStep[] steps, ConditionBits leaves, uint limits)
    {
        for (var step = 0; step < steps.Length; step++)
        {
            if (steps[step].Node.Holds(leaves, limits))
            {
                return step;
            }
        }

        return -1;
    }

    /// <summary>The chance that a trace is kept, or with a limit that it is asked about it; summed over all outcomes.</summary>
    private double ChanceOf(ConditionBits leaves, ReadOnlySpan<double> chances, int limit) => OverSalts(leaves & ~_byChance, 0, chances, limit);

    private double OverSalts(ConditionBits leaves, int salt, ReadOnlySpan<double> chances, int limit)
    {
        if (salt == _salts.Length)
        {
            return OverLimits(leaves, 0, 0, chances, limit);
        }

        var sum = 0d;
        foreach (var (chance, set) in _salts[salt].Outcomes)
        {
            sum += chance * OverSalts(leaves | set, salt + 1, chances, limit);
        }

        return sum;
    }

    private double OverLimits(ConditionBits leaves, uint limits, int decided, ReadOnlySpan<double> chances, int limit)
    {
        if (decided == chances.Length)
        {
            var holds = limit >= 0 ? IsAsked(limit, leaves, limits) : First(_drops, leaves, limits) < 0 && First(_samples, leaves, limits) >= 0;
            return holds ? 1 : 0;
        }

        var chance = chances[decided];
        var within = chance > 0 ? chance * OverLimits(leaves, limits | (1u << decided), decided + 1, chances, limit) : 0;
        return chance < 1 ? within + ((1 - chance) * OverLimits(leaves, limits, decided + 1, chances, limit)) : within;
    }

    /// <summary>What chance comes to for a row without a trace: from 0 to 1, as good as random, and the same for the same hash of its place and the same seed (of a salt, its hash; of a limit, its number).</summary>
    public static double Uniform(ulong place, long seed) => (XxHash3.HashToUInt64(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)[place]), seed) >> 11) * (1d / (1UL << 53));

    /// <summary>One hash of the trace id, and the leaves that it sets: the smaller it is the more of them.</summary>
    private sealed class Salt
    {
        private readonly (double Share, ConditionBits Leaves)[] _shares;

        public Salt(string salt, IEnumerable<(int Leaf, double Share)> leaves)
        {
            Seed = (long)XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(salt));
            var descending = leaves.OrderByDescending(leaf => leaf.Share).ToArray();
            _shares = new (double, ConditionBits)[descending.Length];
            var set = default(ConditionBits);
            var outcomes = new List<(double Chance, ConditionBits Leaves)> { (1 - descending[0].Share, set) };
            for (var i = 0; i < descending.Length; i++)
            {
                set = set.With(descending[i].Leaf);
                _shares[i] = (descending[i].Share, set);
                outcomes.Add((descending[i].Share - (i + 1 < descending.Length ? descending[i + 1].Share : 0), set));
            }

            Outcomes = [.. outcomes];
        }

        public long Seed { get; }

        public (double Chance, ConditionBits Leaves)[] Outcomes { get; }

        public ConditionBits LeavesAt(double uniform)
        {
            for (var i = _shares.Length - 1; i >= 0; i--)
            {
                if (uniform < _shares[i].Share)
                {
                    return _shares[i].Leaves;
                }
            }

            return default;
        }
    }
}
