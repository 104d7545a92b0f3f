using System.Text.Json;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples traces of which any row has a number within a range, both ends included.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Key">The field.</param>
/// <param name="MinValue">Null: no lower end.</param>
/// <param name="MaxValue">Null: no upper end.</param>
/// <param name="InvertMatch">Samples the others instead: traces without any such row.</param>
public sealed record NumericAttributePolicy(string Name, string Key, double? MinValue, double? MaxValue, bool InvertMatch) : CollectorPolicy(Name)
{
    internal const string TypeName = "numeric_attribute";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static NumericAttributePolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "key", "min_value", "max_value", "invert_match");
        var read = new NumericAttributePolicy(policy.Name, reader.Field(settings, "key"), reader.Number(settings, "min_value"), reader.Number(settings, "max_value"), reader.Flag(settings, "invert_match"));
        if (read is { MinValue: null, MaxValue: null })
        {
            reader.Refuse(settings, "min_value", "a smallest or a greatest value is needed");
        }
        else if (read.MinValue > read.MaxValue)
        {
            reader.Refuse(settings, "max_value", "it is smaller than min_value");
        }

        return read;
    }

    internal override PolicyNode Compile(PolicyCompiler compiler)
    {
        var range = new List<SamplingCondition>();
        if (MinValue is { } min)
        {
            range.Add(new(Key, SamplingOperator.GreaterOrEqual, [FieldValue.Of(min)]));
        }

        if (MaxValue is { } max)
        {
            range.Add(new(Key, SamplingOperator.LessOrEqual, [FieldValue.Of(max)]));
        }

        return compiler.AnyRow(range, InvertMatch);
    }

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteString("key", Key);
        if (MinValue is { } min)
        {
            writer.WriteNumber("min_value", min);
        }

        if (MaxValue is { } max)
        {
            writer.WriteNumber("max_value", max);
        }

        if (InvertMatch)
        {
            writer.WriteBoolean("invert_match", true);
        }

        writer.WriteEndObject();
    }
}
