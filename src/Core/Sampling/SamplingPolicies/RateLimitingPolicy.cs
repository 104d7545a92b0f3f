using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>
/// Samples so many rows a second of log time, in whole traces and in the whole cluster. Who is asked about is known when an epoch is decided, so the limit is reached where there are rows
/// enough, whatever their order, and each trace has the same chance.
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="SpansPerSecond">At least 1.</param>
public sealed record RateLimitingPolicy(string Name, double SpansPerSecond) : CollectorPolicy(Name)
{
    internal const string TypeName = "rate_limiting";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal override bool HasLimit => true;

    internal static RateLimitingPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "spans_per_second");
        return new(policy.Name, reader.Integer(settings, "spans_per_second", isNeeded: true, min: 1) ?? 1);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => compiler.Limit(SpansPerSecond, ofBytes: false);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteNumber("spans_per_second", SpansPerSecond);
        writer.WriteEndObject();
    }
}
