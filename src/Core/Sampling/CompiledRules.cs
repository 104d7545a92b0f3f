using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Sampling;

/// <summary>The rules that one dataset's traces follow in one policy version, ready to decide from summaries. Immutable, thread-safe, allocation-free.</summary>
public sealed class CompiledRules
{
    private readonly CompiledRule[] _rules;

    internal CompiledRules(string policy, CompiledRule[] rules, CompiledPolicies? policies = null) => (Policy, _rules, Policies) = (policy, rules, policies);

    /// <summary>The dataset whose policy these are, or <see cref="SamplingPolicy.DefaultDataset"/>.</summary>
    public string Policy { get; }

    /// <summary>Policies of the Collector's types, where the dataset has those in place of rules; else null.</summary>
    public CompiledPolicies? Policies { get; }

    /// <summary>The number of rules.</summary>
    public int Count => _rules.Length;

    /// <summary>
    /// The decision on a trace by its summary: the first rule that matches decides; if none does, the trace is kept at rate 1. A function of its arguments alone.
    /// The summary's bits must be those of this policy version. Of a trace whose rule decides by epoch: an <see cref="InvalidOperationException"/>.
    /// </summary>
    public SamplingDecision Decide(in TraceSummary summary) =>
        Policies is { } policies ? policies.Decide(summary) : Decide(RuleFor(summary), summary.Bits, summary.SamplerHash, isRow: false);

    /// <summary>Whether the trace is decided with all of its epoch, by a sampler or a limit.</summary>
    public bool DecidesByEpoch(in TraceSummary summary) => Policies?.HasLimits ?? EpochSamplerOf(RuleFor(summary)) is not null;

    /// <summary>The decision on a row without a trace, by its own bits and the hash of its place in the log. A function of its arguments alone.</summary>
    /// <param name="bits">The bits that the row set.</param>
    /// <param name="latencyMs">How long the row took, in whole milliseconds.</param>
    /// <param name="partition">The partition of the batches topic.</param>
    /// <param name="offset">The log offset of the record.</param>
    /// <param name="rowIndex">The row's index in the record's batch.</param>
    public SamplingDecision DecideRow(ConditionBits bits, long latencyMs, int partition, long offset, int rowIndex)
    {
        var place = Place(partition, offset, rowIndex);
        return Policies is { } policies ? policies.DecideRow(policies.LeavesOfRow(bits, latencyMs), PolicyChances.None, place) : Decide(RuleForRow(bits), bits, Upper(place), isRow: true);
    }

    /// <summary>The decision on a row without a trace of a dataset whose policies have limits.</summary>
    /// <param name="leaves">Its leaves.</param>
    /// <param name="chances">Those of the row's epoch.</param>
    /// <param name="partition">The partition of the batches topic.</param>
    /// <param name="offset">The log offset of the record.</param>
    /// <param name="rowIndex">The row's index in the record's batch.</param>
    public SamplingDecision DecideRowByLimits(ConditionBits leaves, PolicyChances chances, int partition, long offset, int rowIndex) =>
        Policies!.DecideRow(leaves, chances, Place(partition, offset, rowIndex));

    /// <summary>The decision on a row without a trace whose rule decides by epoch.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="rate">What a kept row of its key and epoch stands for.</param>
    /// <param name="partition">The partition of the batches topic.</param>
    /// <param name="offset">The log offset of the record.</param>
    /// <param name="rowIndex">The row's index in the record's batch.</param>
    public SamplingDecision DecideRowByEpoch(int rule, double rate, int partition, long offset, int rowIndex) =>
        new(DeterministicSampler.Keep(HashOfPlace(partition, offset, rowIndex), rate), rate, _rules[rule].Reason, (short)rule);

    /// <summary>The rule that decides a trace; -1 when none matches.</summary>
    public int RuleFor(in TraceSummary summary) => RuleFor(summary.Bits, summary.RootSeen, summary.RowCount);

    /// <summary>The rule that decides a row without a trace; -1 when none matches.</summary>
    public int RuleForRow(ConditionBits bits) => RuleFor(bits, rootSeen: true, rowCount: 1);

    /// <summary>The sampler of a rule that decides all traces of an epoch together; null for other rules, and for -1.</summary>
    public NestedSampler? EpochSamplerOf(int rule) => Policies is null && rule >= 0 && _rules[rule].DecidesByEpoch ? _rules[rule].Sampler : null;

    /// <summary>The name of the rule that decided; empty when none matched.</summary>
    public string RuleNameOf(in SamplingDecision decision) =>
        Policies is { } policies ? policies.NameOf(decision.RuleIndex) : decision.RuleIndex < 0 ? "" : _rules[decision.RuleIndex].Name;

    /// <summary>What <c>meta.sample.reason</c> says on a row that the decision kept: scope and name of the rule, and the nested sampler if it was one; or the name of the policy.</summary>
    public string ReasonTextOf(in SamplingDecision decision) =>
        Policies is { } policies ? policies.ReasonTextOf(decision.RuleIndex) : decision.RuleIndex < 0 ? "no rule matched" : _rules[decision.RuleIndex].ReasonText;

    internal static uint HashOfPlace(int partition, long offset, int rowIndex) => Upper(Place(partition, offset, rowIndex));

    private static uint Upper(ulong place) => (uint)(place >> 32);

    internal static ulong Place(int partition, long offset, int rowIndex)
    {
        Span<long> place = [partition, offset, rowIndex];
        if (!BitConverter.IsLittleEndian)
        {
            for (var i = 0; i < place.Length; i++)
            {
                place[i] = BinaryPrimitives.ReverseEndianness(place[i]);
            }
        }

        return XxHash3.HashToUInt64(MemoryMarshal.AsBytes(place));
    }

    private int RuleFor(ConditionBits bits, bool rootSeen, long rowCount)
    {
        for (var i = 0; i < _rules.Length; i++)
        {
            if (_rules[i].Matches(bits, rootSeen, rowCount))
            {
                return i;
            }
        }

        return -1;
    }

    private SamplingDecision Decide(int rule, ConditionBits bits, uint hash, bool isRow)
    {
        if (rule < 0)
        {
            return SamplingDecision.NoRuleMatched;
        }

        ref readonly var decides = ref _rules[rule];
        return new SamplingDecision(decides.Keeps(bits, hash, isRow), decides.Rate, decides.Reason, (short)rule);
    }
}

/// <summary>One rule as masks over a trace's bits, and what it does.</summary>
internal readonly struct CompiledRule
{
    private readonly SamplingCondition[] _ofWholeTrace;

    private readonly int _probabilisticBit;
    private readonly ProbabilisticSampler? _probabilistic;

    public CompiledRule(SamplingRule rule, ConditionBits anyRow, ConditionBits root, int probabilisticBit)
    {
        AnyRow = anyRow;
        Root = root;
        Name = rule.Name;
        Rate = rule.ActionRate;
        Action = rule.Action;
        Sampler = rule.Sampler;
        _probabilisticBit = probabilisticBit;
        _probabilistic = probabilisticBit < 0 ? null : new(rule.Sampler!.Percent, rule.Sampler.Salt);
        var scope = rule.Scope == SamplingScope.Span ? "span" : "trace";
        var sampler = rule.Sampler is { } nested ? $":{nested.Type}" : "";
        ReasonText = $"rules/{scope}/{Name}{sampler}";
        var ofWholeTrace = new List<SamplingCondition>();
        HoldsWithoutRoot = true;
        foreach (var condition in rule.Conditions)
        {
            if (condition.OfWholeTrace)
            {
                ofWholeTrace.Add(condition);
            }
            else if (condition.RootOnly)
            {
                // As in Refinery, a trace without a root has no value for any root field, which is just what not-exists, not-in and does-not-contain ask for.
                HoldsWithoutRoot &= condition.Matches(FieldValue.Absent);
            }
        }

        _ofWholeTrace = [.. ofWholeTrace];
    }

    /// <summary>The bits that rows of the trace must have set.</summary>
    public ConditionBits AnyRow { get; }

    /// <summary>The bits that the root must have set, if there is one.</summary>
    public ConditionBits Root { get; }

    /// <summary>Whether the conditions on root fields hold for a trace that has no root.</summary>
    public bool HoldsWithoutRoot { get; }

    public string Name { get; }

    public double Rate { get; }

    public SamplingActionKind Action { get; }

    public NestedSampler? Sampler { get; }

    public bool DecidesByEpoch => Action is SamplingActionKind.Dynamic or SamplingActionKind.Throughput;

    public SamplingReason Reason => Action switch
    {
        SamplingActionKind.Keep => SamplingReason.KeepRule,
        SamplingActionKind.Drop => SamplingReason.DropRule,
        SamplingActionKind.Rate => SamplingReason.RateRule,
        SamplingActionKind.Probabilistic => SamplingReason.ProbabilisticSampler,
        SamplingActionKind.Dynamic => SamplingReason.DynamicSampler,
        SamplingActionKind.Throughput => SamplingReason.ThroughputSampler,
        _ => SamplingReason.DeterministicSampler,
    };

    public string ReasonText { get; }

    public bool Matches(ConditionBits bits, bool rootSeen, long rowCount) =>
        bits.HasAll(AnyRow) && (rootSeen ? bits.HasAll(Root) : HoldsWithoutRoot) && (_ofWholeTrace.Length == 0 || MatchesWholeTrace(rootSeen, rowCount));

    /// <summary>Whether a trace that the rule matched is kept, by its bits and hash; a row without a trace by the hash of its place.</summary>
    public bool Keeps(ConditionBits bits, uint hash, bool isRow) => Action switch
    {
        SamplingActionKind.Keep => true,
        SamplingActionKind.Drop => false,
        SamplingActionKind.Probabilistic => isRow ? _probabilistic!.KeepsPlace(hash) : bits.Has(_probabilisticBit),
        SamplingActionKind.Dynamic or SamplingActionKind.Throughput => throw new InvalidOperationException($"rule {Name} decides an epoch's traces together"),
        _ => DeterministicSampler.Keep(hash, Rate),
    };

    private bool MatchesWholeTrace(bool rootSeen, long rowCount)
    {
        foreach (var condition in _ofWholeTrace)
        {
            var holds = condition.Op == SamplingOperator.HasRootSpan ? condition.Value.AsBool == rootSeen : condition.Matches(FieldValue.Of(rowCount));
            if (!holds)
            {
                return false;
            }
        }

        return true;
    }
}
