using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Sampling;

/// <summary>Writes policies as JSON, in one way only, so that equal policies give equal text.</summary>
internal static class SamplingPolicyWriter
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] ToUtf8(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            write(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }

    public static void Write(Utf8JsonWriter writer, SamplingPolicy policy)
    {
        writer.WriteStartObject();
        if (policy.WindowMs is { } windowMs)
        {
            writer.WriteString("window", DurationText.Format(windowMs));
        }

        if (policy.Policies.Count > 0)
        {
            CollectorPolicy.WriteAll(writer, "policies", policy.Policies);
            writer.WriteEndObject();
            return;
        }

        writer.WriteStartArray("rules");
        foreach (var rule in policy.Rules)
        {
            Write(writer, rule);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter writer, SamplingCondition condition)
    {
        writer.WriteStartObject();
        if (condition.Field.Length > 0)
        {
            writer.WriteString("field", condition.RootOnly ? SamplingCondition.RootPrefix + condition.Field : condition.Field);
        }

        writer.WriteString("op", SamplingOperators.NameOf(condition.Op));
        WriteValues(writer, condition);
        if (condition.Datatype != SamplingDatatype.AsIs)
        {
            writer.WriteString("datatype", SamplingPolicyReader.DatatypeNames[(int)condition.Datatype]);
        }

        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, SamplingRule rule)
    {
        writer.WriteStartObject();
        writer.WriteString("name", rule.Name);
        writer.WriteString("scope", rule.Scope == SamplingScope.Span ? "span" : "trace");
        writer.WriteStartArray("conditions");
        foreach (var condition in rule.Conditions)
        {
            Write(writer, condition);
        }

        writer.WriteEndArray();
        if (rule.Keep)
        {
            writer.WriteBoolean("keep", true);
        }

        if (rule.Drop)
        {
            writer.WriteBoolean("drop", true);
        }

        if (rule.Rate is { } rate)
        {
            writer.WriteNumber("rate", rate);
        }

        if (rule.Sampler is { } sampler)
        {
            writer.WriteStartObject("sampler");
            writer.WriteString("type", sampler.Type);
            Write(writer, sampler);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, NestedSampler sampler)
    {
        switch (sampler.Action)
        {
            case SamplingActionKind.Probabilistic:
                writer.WriteNumber("percent", sampler.Percent);
                writer.WriteString("salt", sampler.Salt);
                return;
            case SamplingActionKind.Dynamic:
                writer.WriteNumber("goal_rate", sampler.Rate);
                break;
            case SamplingActionKind.Throughput:
                writer.WriteNumber("goal_per_second", sampler.GoalPerSecond);
                break;
            default:
                writer.WriteNumber("rate", sampler.Rate);
                return;
        }

        writer.WriteStartArray("key");
        foreach (var field in sampler.Key.Fields)
        {
            writer.WriteStringValue(field);
        }

        writer.WriteEndArray();
        if (sampler.Key.UsesTraceLength)
        {
            writer.WriteBoolean("use_trace_length", true);
        }
    }

    private static void WriteValues(Utf8JsonWriter writer, SamplingCondition condition)
    {
        var isList = condition.Op is SamplingOperator.In or SamplingOperator.NotIn;
        if (!isList && condition.Values.Count == 0)
        {
            return;
        }

        writer.WritePropertyName("value");
        if (!isList)
        {
            Write(writer, condition.Value);
            return;
        }

        writer.WriteStartArray();
        foreach (var value in condition.Values)
        {
            Write(writer, value);
        }

        writer.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter writer, FieldValue value)
    {
        switch (value.Kind)
        {
            case FieldKind.String:
                writer.WriteStringValue(value.AsString);
                break;
            case FieldKind.Integer:
                writer.WriteNumberValue(value.AsInteger);
                break;
            case FieldKind.Float:
                writer.WriteNumberValue(value.AsDouble);
                break;
            case FieldKind.Bool:
                writer.WriteBooleanValue(value.AsBool);
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }
}
