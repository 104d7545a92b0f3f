using System.Text.Json;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples traces of which any row has this truth value.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Key">The field.</param>
/// <param name="Value">The value.</param>
/// <param name="InvertMatch">Samples the others instead: traces without any such row.</param>
public sealed record BooleanAttributePolicy(string Name, string Key, bool Value, bool InvertMatch) : CollectorPolicy(Name)
{
    internal const string TypeName = "boolean_attribute";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static BooleanAttributePolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "key", "value", "invert_match");
        return new(policy.Name, reader.Field(settings, "key"), reader.Flag(settings, "value"), reader.Flag(settings, "invert_match"));
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => compiler.AnyRow([new(Key, SamplingOperator.Equal, [FieldValue.Of(Value)])], InvertMatch);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteString("key", Key);
        writer.WriteBoolean("value", Value);
        if (InvertMatch)
        {
            writer.WriteBoolean("invert_match", true);
        }

        writer.WriteEndObject();
    }
}
