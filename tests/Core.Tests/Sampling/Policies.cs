using System.Text;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

/// <summary>Policies, conditions and values from their JSON, for tests.</summary>
internal static class Policies
{
    public static SamplingPolicy Parse(string json, string dataset = "shop")
    {
        Assert.True(SamplingPolicy.TryParse(Encoding.UTF8.GetBytes(json), dataset, out var policy, out var errors), string.Join('\n', errors));
        return policy;
    }

    public static IReadOnlyList<SamplingPolicyError> ErrorsOf(string json, string dataset = "shop")
    {
        Assert.False(SamplingPolicy.TryParse(Encoding.UTF8.GetBytes(json), dataset, out var policy, out var errors));
        Assert.Null(policy);
        Assert.NotEmpty(errors);
        return errors;
    }

    public static SamplingPolicySet Set(params ReadOnlySpan<(string Dataset, string Json)> policies)
    {
        var set = SamplingPolicySet.Empty;
        foreach (var (dataset, json) in policies)
        {
            Assert.True(set.TryWith(dataset, Parse(json, dataset), out var next, out var error), error?.ToString());
            set = next;
        }

        return set;
    }

    public static string ConditionJson(string field, string op, string value, string datatype = "")
    {
        var parts = new List<string>();
        if (field.Length > 0)
        {
            parts.Add($"\"field\":{JsonSerializer.Serialize(field)}");
        }

        parts.Add($"\"op\":{JsonSerializer.Serialize(op)}");
        if (value.Length > 0)
        {
            parts.Add($"\"value\":{value}");
        }

        if (datatype.Length > 0)
        {
            parts.Add($"\"datatype\":\"{datatype}\"");
        }

        return "{" + string.Join(',', parts) + "}";
    }

    public static SamplingCondition Condition(string field, string op, string value, string datatype = "") =>
        Parse($$"""{"rules":[{"name":"r","keep":true,"conditions":[{{ConditionJson(field, op, value, datatype)}}]}]}""").Rules[0].Conditions[0];

    public static FieldValue Value(string json)
    {
        if (json.Length == 0)
        {
            return FieldValue.Absent;
        }

        var element = JsonDocument.Parse(json).RootElement;
        return element.ValueKind switch
        {
            JsonValueKind.String => FieldValue.Of(element.GetString()!),
            JsonValueKind.Number when element.TryGetInt64(out var integer) && !json.Contains('.') => FieldValue.Of(integer),
            JsonValueKind.Number => FieldValue.Of(element.GetDouble()),
            _ => FieldValue.Of(element.GetBoolean()),
        };
    }
}

/// <summary>A row of a trace, for tests.</summary>
internal sealed record TestRow(bool IsRoot, IReadOnlyDictionary<string, FieldValue> Fields) : ISamplingRow
{
    public FieldValue ValueOf(string field) => Fields.GetValueOrDefault(field);
}
