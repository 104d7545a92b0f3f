using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>
/// Samples traces by how long they took, from the start of the earliest row to the end of the latest, in whole milliseconds: at least <paramref name="ThresholdMs"/>; or, with an upper
/// threshold, more than that and at most <paramref name="UpperThresholdMs"/>.
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="ThresholdMs">From 0 up.</param>
/// <param name="UpperThresholdMs">0: none.</param>
public sealed record LatencyPolicy(string Name, long ThresholdMs, long UpperThresholdMs) : CollectorPolicy(Name)
{
    internal const string TypeName = "latency";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static LatencyPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "threshold_ms", "upper_threshold_ms");
        var threshold = reader.Integer(settings, "threshold_ms", isNeeded: true, min: 0) ?? 0;
        return new(policy.Name, threshold, reader.Integer(settings, "upper_threshold_ms", isNeeded: false, min: 0) ?? 0);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => UpperThresholdMs == 0
        ? compiler.Latency(ThresholdMs, long.MaxValue)
        : compiler.Latency(ThresholdMs + 1, UpperThresholdMs);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteNumber("threshold_ms", ThresholdMs);
        if (UpperThresholdMs != 0)
        {
            writer.WriteNumber("upper_threshold_ms", UpperThresholdMs);
        }

        writer.WriteEndObject();
    }
}
