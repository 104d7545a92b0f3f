using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>
/// As <see cref="RateLimitingPolicy"/>, of bytes: those of a row's fields, of each its name and its value (text in UTF-8; a number 8, a truth value 1).
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="BytesPerSecond">At least 1.</param>
public sealed record BytesLimitingPolicy(string Name, double BytesPerSecond) : CollectorPolicy(Name)
{
    internal const string TypeName = "bytes_limiting";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal override bool HasLimit => true;

    internal static BytesLimitingPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        // A burst is what a decision without knowledge of the rest needs; an epoch is decided as a whole. It is read and not used.
        var settings = reader.SettingsOf(policy, isNeeded: true, "bytes_per_second", "burst_capacity");
        return new(policy.Name, reader.Integer(settings, "bytes_per_second", isNeeded: true, min: 1) ?? 1);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => compiler.Limit(BytesPerSecond, ofBytes: true);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteNumber("bytes_per_second", BytesPerSecond);
        writer.WriteEndObject();
    }
}
