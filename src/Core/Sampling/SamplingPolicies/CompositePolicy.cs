using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>A part of a composite and how much of its rows it may sample.</summary>
/// <param name="Policy">Which traces are its share: those that it samples, and no part before it.</param>
/// <param name="Percent">Of the composite's rows a second, from 0 to 100; null: as much as any part would have if all had the same.</param>
public sealed record CompositePart(CollectorPolicy Policy, double? Percent);

/// <summary>Samples so many rows a second in shares: each trace belongs to the first part that samples it, and each part has a limit of its own. Not part of another.</summary>
/// <param name="Name">Its name.</param>
/// <param name="MaxTotalSpansPerSecond">At least 1.</param>
/// <param name="Parts">At least one, in the order in which they are asked.</param>
public sealed record CompositePolicy(string Name, double MaxTotalSpansPerSecond, IReadOnlyList<CompositePart> Parts) : CollectorPolicy(Name)
{
    internal const string TypeName = "composite";
    private const string TotalName = "max_total_spans_per_second";
    private const string OrderName = "policy_order";
    private const string PartsName = "composite_sub_policy";
    private const string AllocationName = "rate_allocation";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal override bool HasLimit => true;

    internal static CompositePolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, TotalName, OrderName, PartsName, AllocationName);
        var total = reader.Integer(settings, TotalName, isNeeded: true, min: 1) ?? 1;
        var parts = reader.Parts(settings, PartsName);
        var order = reader.Texts(settings, OrderName, isNeeded: false);
        if (order.Exists(name => !parts.Exists(part => part.Name == name)))
        {
            reader.Refuse(settings, OrderName, $"it names what is not in {PartsName}");
        }

        var percents = reader.Allocations(settings, AllocationName, parts);
        var ordered = parts.OrderBy(part => order.IndexOf(part.Name) is >= 0 and var at ? at : int.MaxValue);
        return new(policy.Name, total, [.. ordered.Select(part => new CompositePart(part, percents.TryGetValue(part.Name, out var percent) ? percent : null))]);
    }

    /// <summary>Not by itself: each part is a step of its own (<see cref="CompileParts"/>).</summary>
    internal override PolicyNode Compile(PolicyCompiler compiler) => PolicyNode.Any([.. CompileParts(compiler).Select(part => part.Node)]);

    /// <summary>What each part samples.</summary>
    internal List<(string Name, PolicyNode Node)> CompileParts(PolicyCompiler compiler)
    {
        var parts = new List<(string Name, PolicyNode Node)>();
        var notBefore = new List<PolicyNode>();
        foreach (var (policy, percent) in Parts)
        {
            var own = compiler.AskedAbout(notBefore, () => policy.Compile(compiler));
            var mine = PolicyNode.All([.. notBefore, own]);
            var limit = compiler.AskedAbout([mine], () => compiler.Limit(MaxTotalSpansPerSecond * (percent / 100 ?? 1d / Parts.Count), ofBytes: false));
            parts.Add(($"{Name}/{policy.Name}", PolicyNode.All([mine, limit])));
            notBefore.Add(PolicyNode.Not(own));
        }

        return parts;
    }

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteNumber(TotalName, MaxTotalSpansPerSecond);
        WriteAll(writer, PartsName, [.. Parts.Select(part => part.Policy)]);
        writer.WriteStartArray(AllocationName);
        foreach (var (policy, percent) in Parts)
        {
            if (percent is { } share)
            {
                writer.WriteStartObject();
                writer.WriteString("policy", policy.Name);
                writer.WriteNumber("percent", share);
                writer.WriteEndObject();
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
