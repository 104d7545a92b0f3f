using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples traces that have so many rows within their window, both ends included.</summary>
/// <param name="Name">Its name.</param>
/// <param name="MinSpans">From 0 up.</param>
/// <param name="MaxSpans">0: no upper end.</param>
public sealed record SpanCountPolicy(string Name, long MinSpans, long MaxSpans) : CollectorPolicy(Name)
{
    internal const string TypeName = "span_count";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static SpanCountPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "min_spans", "max_spans");
        var min = reader.Integer(settings, "min_spans", isNeeded: false, min: 0);
        var max = reader.Integer(settings, "max_spans", isNeeded: false, min: 0);
        if (min is null && max is null)
        {
            reader.Refuse(settings, "min_spans", "a smallest or a greatest number of spans is needed");
        }
        else if (max > 0 && min > max)
        {
            reader.Refuse(settings, "max_spans", "it is smaller than min_spans");
        }

        return new(policy.Name, min ?? 0, max ?? 0);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => compiler.SpanCount(MinSpans, MaxSpans == 0 ? long.MaxValue : MaxSpans);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteNumber("min_spans", MinSpans);
        if (MaxSpans != 0)
        {
            writer.WriteNumber("max_spans", MaxSpans);
        }

        writer.WriteEndObject();
    }
}
