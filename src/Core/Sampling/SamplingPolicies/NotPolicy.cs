using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples what another policy does not.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Part">The other.</param>
public sealed record NotPolicy(string Name, CollectorPolicy Part) : CollectorPolicy(Name)
{
    internal const string TypeName = "not";
    private const string PartName = "not_sub_policy";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal override bool HasLimit => Part.HasLimit;

    internal static NotPolicy? Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, PartName);
        return reader.Part(settings, PartName) is { } part ? new(policy.Name, part) : null;
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => PolicyNode.Not(Part.Compile(compiler));

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WritePropertyName(PartName);
        Part.Write(writer);
        writer.WriteEndObject();
    }
}
