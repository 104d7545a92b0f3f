using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples every trace.</summary>
public sealed record AlwaysSamplePolicy(string Name) : CollectorPolicy(Name)
{
    internal const string TypeName = "always_sample";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static AlwaysSamplePolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        _ = reader.SettingsOf(policy, isNeeded: false);
        return new(policy.Name);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => PolicyNode.Always;

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
    }
}
