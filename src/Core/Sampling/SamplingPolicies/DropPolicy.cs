using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Drops what all of its parts sample, whatever other policies say. Not part of another.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parts">At least one.</param>
public sealed record DropPolicy(string Name, IReadOnlyList<CollectorPolicy> Parts) : CollectorPolicy(Name)
{
    internal const string TypeName = "drop";
    private const string PartsName = "drop_sub_policy";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal override bool HasLimit => Parts.Any(part => part.HasLimit);

    internal static DropPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, PartsName);
        return new(policy.Name, reader.Parts(settings, PartsName));
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => AndPolicy.CompileAll(compiler, Parts);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        WriteAll(writer, PartsName, Parts);
        writer.WriteEndObject();
    }
}
