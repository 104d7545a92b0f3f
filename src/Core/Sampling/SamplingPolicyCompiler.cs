using System.Text;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Sampling;

/// <summary>Turns the policies of all datasets into bits and masks over them. One instance compiles one set.</summary>
internal sealed class SamplingPolicyCompiler
{
    private readonly List<CompiledBit> _bits = [];
    private readonly List<(double Percent, string Salt)> _probabilistic = [];
    private readonly SortedSet<string> _keyFields = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _bitByText = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CompiledRules> _byDataset = new(StringComparer.OrdinalIgnoreCase);
    private SamplingPolicyError? _tooMany;
    private bool _usesSamplerHash;
    private bool _decidesByEpoch;

    /// <summary>The compiled set; null, with the error, when it needs more bits than there are.</summary>
    public static CompiledSamplingPolicy? Compile(SamplingPolicySet set, out SamplingPolicyError? error)
    {
        var compiler = new SamplingPolicyCompiler();
        foreach (var (dataset, policy) in set.Policies)
        {
            compiler._byDataset.Add(dataset, compiler.Compile(dataset, policy));
        }

        error = compiler._tooMany;
        var windowMs = set.Policies.GetValueOrDefault(SamplingPolicy.DefaultDataset)?.WindowMs;
        return error is null ? new CompiledSamplingPolicy(set.Version, windowMs, compiler._bits, compiler._byDataset)
        {
            UsesSamplerHash = compiler._usesSamplerHash,
            Probabilistic = [.. compiler._probabilistic.Select(sampler => new ProbabilisticSampler(sampler.Percent, sampler.Salt))],
            DecidesByEpoch = compiler._decidesByEpoch,
            UsesLatency = compiler._byDataset.Values.Any(rules => rules.Policies is { UsesLatency: true }),
            UsesBytes = compiler._byDataset.Values.Any(rules => rules.Policies is { UsesBytes: true }),
            KeyFields = [.. compiler._keyFields.Select(field => new KeyField(field))],
        } : null;
    }

    private CompiledRules Compile(string dataset, SamplingPolicy policy)
    {
        if (policy.Policies.Count > 0)
        {
            return CompilePolicies(dataset, policy.Policies);
        }

        var rules = new CompiledRule[policy.Rules.Count];
        for (var i = 0; i < rules.Length; i++)
        {
            var rule = policy.Rules[i];
            rules[i] = new CompiledRule(rule, BitsFor(rule, rootOnly: false), BitsFor(rule, rootOnly: true), ProbabilisticBitFor(rule));
            _usesSamplerHash |= rule.Action is SamplingActionKind.Rate or SamplingActionKind.Deterministic;
            _decidesByEpoch |= rules[i].DecidesByEpoch;
            _keyFields.UnionWith(rule.Sampler?.Key.Fields ?? []);
            if (_tooMany is null && _bits.Count + _probabilistic.Count > SamplingLimits.ConditionBitsMax)
            {
                _tooMany = new SamplingPolicyError(
                    $"rules[{i}].conditions",
                    rule.Name,
                    $"{rule.Conditions.Count} conditions",
                    $"with this rule of dataset {dataset} the policies of all datasets have more than {SamplingLimits.ConditionBitsMax} different conditions; share or remove some");
            }
        }

        return new CompiledRules(dataset, rules);
    }

    private CompiledRules CompilePolicies(string dataset, IReadOnlyList<CollectorPolicy> policies)
    {
        var compiled = new PolicyCompiler(BitFor, ProbabilisticBitFor).Compile(dataset, policies);
        _decidesByEpoch |= compiled.HasLimits;
        if (_tooMany is null && (_bits.Count + _probabilistic.Count > SamplingLimits.ConditionBitsMax || compiled.Leaves > SamplingLimits.ConditionBitsMax))
        {
            _tooMany = new SamplingPolicyError(
                "policies",
                null,
                $"{policies.Count} policies",
                $"with these of dataset {dataset} the policies of all datasets ask more than {SamplingLimits.ConditionBitsMax} different things of a row; share or remove some");
        }

        if (_tooMany is null && compiled.Outcomes > SamplingLimits.PolicyOutcomesMax)
        {
            _tooMany = new SamplingPolicyError(
                "policies",
                null,
                $"{policies.Count} policies",
                $"limits and probabilistic policies of dataset {dataset} have {compiled.Outcomes:0} outcomes together, more than {SamplingLimits.PolicyOutcomesMax}; remove some limits, or use one hash_salt");
        }

        return new CompiledRules(dataset, [], compiled);
    }

    /// <summary>The bit of a rule's probabilistic sampler, which the trace id alone sets: from the last one down, so that those of conditions stay where they are. -1 when the rule has none.</summary>
    private int ProbabilisticBitFor(SamplingRule rule)
    {
        if (rule is not { Action: SamplingActionKind.Probabilistic, Sampler: { } sampler })
        {
            return -1;
        }

        return ProbabilisticBitFor(sampler.Percent, sampler.Salt);
    }

    private int ProbabilisticBitFor(double percent, string salt)
    {
        var index = _probabilistic.IndexOf((percent, salt));
        if (index < 0)
        {
            index = _probabilistic.Count;
            _probabilistic.Add((percent, salt));
        }

        return CompiledSamplingPolicy.ProbabilisticBit(Math.Min(index, SamplingLimits.ConditionBitsMax - 1));
    }

    /// <summary>The bits that the rule's conditions on root fields, or its other ones, need: one for each, or, in span scope, one for all together.</summary>
    private ConditionBits BitsFor(SamplingRule rule, bool rootOnly)
    {
        var rowConditions = new List<SamplingCondition>();
        foreach (var condition in rule.Conditions)
        {
            if (!condition.OfWholeTrace && condition.RootOnly == rootOnly)
            {
                rowConditions.Add(condition);
            }
        }

        var bits = default(ConditionBits);
        if (rule.Scope == SamplingScope.Span)
        {
            return rowConditions.Count == 0 ? bits : bits.With(BitFor(rowConditions));
        }

        foreach (var condition in rowConditions)
        {
            bits = bits.With(BitFor([condition]));
        }

        return bits;
    }

    /// <summary>The bit of a conjunction; the same one for the same conditions in any order.</summary>
    private int BitFor(IReadOnlyList<SamplingCondition> conjunction)
    {
        var texts = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var condition in conjunction)
        {
            texts.Add(Encoding.UTF8.GetString(SamplingPolicyWriter.ToUtf8(writer => SamplingPolicyWriter.Write(writer, condition))));
        }

        var text = string.Join('\n', texts);
        if (!_bitByText.TryGetValue(text, out var bit))
        {
            bit = _bits.Count;
            _bits.Add(new CompiledBit(conjunction));
            _bitByText.Add(text, bit);
        }

        // Past the limit the set is refused, so the bit is never used; it must only stay a valid one.
        return Math.Min(bit, SamplingLimits.ConditionBitsMax - 1);
    }
}
