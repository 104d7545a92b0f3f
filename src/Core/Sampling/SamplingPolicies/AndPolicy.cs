using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples what all of its parts sample. A limit among them is shared by what the others sample, in whatever order they are.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parts">At least one.</param>
public sealed record AndPolicy(string Name, IReadOnlyList<CollectorPolicy> Parts) : CollectorPolicy(Name)
{
    internal const string TypeName = "and";
    private const string PartsName = "and_sub_policy";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal override bool HasLimit => Parts.Any(part => part.HasLimit);

    internal static AndPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, PartsName);
        return new(policy.Name, reader.Parts(settings, PartsName));
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => CompileAll(compiler, Parts);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        WriteAll(writer, PartsName, Parts);
        writer.WriteEndObject();
    }

    internal static PolicyNode CompileAll(PolicyCompiler compiler, IReadOnlyList<CollectorPolicy> parts)
    {
        var certain = parts.Where(part => !part.HasLimit).Select(part => part.Compile(compiler)).ToList();
        var limited = compiler.AskedAbout(certain, () => parts.Where(part => part.HasLimit).Select(part => part.Compile(compiler)).ToList());
        return PolicyNode.All([.. certain, .. limited]);
    }
}
