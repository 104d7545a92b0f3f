using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples so many of a hundred traces, by the hash of <see cref="ProbabilisticSampler"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="SamplingPercentage">From 0 to 100; 100 and 0 sample all and none.</param>
/// <param name="HashSalt">What is hashed in front of the trace id.</param>
public sealed record ProbabilisticPolicy(string Name, double SamplingPercentage, string HashSalt) : CollectorPolicy(Name)
{
    internal const string TypeName = "probabilistic";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static ProbabilisticPolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "sampling_percentage", "hash_salt");
        var percent = reader.Number(settings, "sampling_percentage", isNeeded: true) ?? 100;
        if (percent is < 0 or > 100 || (percent > 0 && 100 / percent > SamplingLimits.RateMax))
        {
            reader.Refuse(settings, "sampling_percentage", "a percentage is a number from 0 to 100");
        }

        return new(policy.Name, percent, reader.Text(settings, "hash_salt") is { Length: > 0 } salt ? salt : NestedSampler.DefaultSalt);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => SamplingPercentage switch
    {
        0 => PolicyNode.Not(PolicyNode.Always),
        100 => PolicyNode.Always,
        _ => compiler.Probabilistic(SamplingPercentage, HashSalt),
    };

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteNumber("sampling_percentage", SamplingPercentage);
        writer.WriteString("hash_salt", HashSalt);
        writer.WriteEndObject();
    }
}
