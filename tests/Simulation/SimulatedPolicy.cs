using System.Globalization;
using System.Text;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Simulation;

/// <summary>What a rule asks of a trace: some row with it.</summary>
internal enum RuleSubject
{
    /// <summary>Nothing: every trace matches.</summary>
    Any,

    /// <summary>A row that is an error.</summary>
    Error,

    /// <summary>A row that took longer than the rule's bound.</summary>
    Slow,

    /// <summary>A root with the rule's route.</summary>
    RootRoute,
}

/// <summary>One rule. <paramref name="Rate"/> 0 = drop, 1 = keep, else one in so many, unless there is a sampler.</summary>
internal sealed record SimulatedRule(RuleSubject Subject, long SlowerThanMs, string Route, int Rate, SimulatedSampler? Sampler = null)
{
    /// <summary>Whether one row satisfies what the rule asks for.</summary>
    public bool Matches(SimulatedEvent e) => Subject switch
    {
        RuleSubject.Error => e.IsError,
        RuleSubject.Slow => e.DurationMs > SlowerThanMs,
        RuleSubject.RootRoute => (e.IsRoot || e.TraceId is null) && e.Route == Route,
        _ => true,
    };

    public string ToJson(int index)
    {
        var condition = Subject switch
        {
            RuleSubject.Error => """{"field":"error","op":"=","value":true}""",
            RuleSubject.Slow => $$"""{"field":"duration_ms","op":">","value":{{SlowerThanMs}}}""",
            RuleSubject.RootRoute => $$"""{"field":"root.route","op":"=","value":"{{Route}}"}""",
            _ => "",
        };
        var action = Sampler is not null ? $"\"sampler\":{Sampler.ToJson()}" : Rate switch { 0 => "\"drop\":true", 1 => "\"keep\":true", _ => string.Create(CultureInfo.InvariantCulture, $"\"rate\":{Rate}") };
        return $$"""{"name":"rule {{index}}","conditions":[{{condition}}],{{action}}}""";
    }
}

/// <summary>A version of all policies: the rules of each dataset, in order, or its policies of the Collector's types, and the window if it sets one.</summary>
internal sealed record SimulatedPolicy(int Version, long? WindowMs, IReadOnlyDictionary<string, IReadOnlyList<SimulatedRule>> Rules)
{
    public static SimulatedPolicy None { get; } = new(0, null, new Dictionary<string, IReadOnlyList<SimulatedRule>>());

    /// <summary>Of datasets that have these in place of rules.</summary>
    public IReadOnlyDictionary<string, SimulatedCollector> Collectors { get; init; } = new Dictionary<string, SimulatedCollector>();

    public byte[] ToJson()
    {
        var policies = new List<string>();
        foreach (var dataset in Rules.Keys.Concat(Collectors.Keys).Append(SamplingPolicy.DefaultDataset).Distinct().Order(StringComparer.Ordinal))
        {
            var rules = Rules.TryGetValue(dataset, out var own) ? own : [];
            var window = dataset == SamplingPolicy.DefaultDataset && WindowMs is { } ms ? string.Create(CultureInfo.InvariantCulture, $"\"window\":\"{ms}ms\",") : "";
            var content = Collectors.TryGetValue(dataset, out var collector) ? collector.ToJson() : $"\"rules\":[{string.Join(',', rules.Select((rule, i) => rule.ToJson(i)))}]";
            policies.Add($"\"{dataset}\":{{{window}{content}}}");
        }

        return Encoding.UTF8.GetBytes($"{{\"version\":{Version},\"policies\":{{{string.Join(',', policies)}}}}}");
    }

    /// <summary>The dataset whose rules hold for another's traces.</summary>
    public string PolicyOf(string dataset) => Rules.ContainsKey(dataset) || Collectors.ContainsKey(dataset) ? dataset : SamplingPolicy.DefaultDataset;

    /// <summary>The policies of the Collector's types that a dataset's traces follow, if they do.</summary>
    public SimulatedCollector? CollectorOf(string dataset) => Collectors.GetValueOrDefault(PolicyOf(dataset));

    /// <summary>The rule that decides what the rows make up, and its place; null when none matches.</summary>
    public (SimulatedRule Rule, int Index)? RuleOf(string dataset, IReadOnlyList<SimulatedEvent> rows)
    {
        var rules = Rules.GetValueOrDefault(PolicyOf(dataset)) ?? [];
        for (var i = 0; i < rules.Count; i++)
        {
            if (rows.Any(rules[i].Matches))
            {
                return (rules[i], i);
            }
        }

        return null;
    }
}
