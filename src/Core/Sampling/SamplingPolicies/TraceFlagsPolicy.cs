using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples traces of which any row's W3C trace flags, integer field <c>trace.flags</c>, have the bit <c>sampled</c> (the lowest).</summary>
public sealed record TraceFlagsPolicy(string Name) : CollectorPolicy(Name)
{
    internal const string TypeName = "trace_flags";
    private const string Field = "trace.flags";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static TraceFlagsPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        _ = reader.SettingsOf(policy, isNeeded: false);
        return new(policy.Name);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => compiler.AnyRow([StringAttributePolicy.Pattern(Field, "^[0-9]*[13579]$")]);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
    }
}
