using System.Text.Json;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>
/// One policy as the Collector's tail sampling processor has them, with the names and settings that it has there: all policies of a dataset are asked about every trace, one that drops beats
/// those that sample, and what none samples is not kept. Immutable and validated.
/// </summary>
/// <param name="Name">The name, which is in the reason of every row that it decided; each once.</param>
public abstract record CollectorPolicy(string Name)
{
    /// <summary>The type as in JSON; the settings are under the same name.</summary>
    public abstract string Type { get; }

    /// <summary>True when it, or a part of it, keeps so much a second: such a one decides all traces of an epoch together.</summary>
    internal virtual bool HasLimit => false;

    /// <summary>What it comes to, for a trace.</summary>
    internal abstract PolicyNode Compile(PolicyCompiler compiler);

    /// <summary>Writes the settings as the value of a property; nothing where there are none.</summary>
    internal abstract void WriteSettings(Utf8JsonWriter writer);

    /// <summary>Writes the policy as a JSON object.</summary>
    internal void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("name", Name);
        writer.WriteString("type", Type);
        WriteSettings(writer);
        writer.WriteEndObject();
    }

    /// <summary>Writes policies as an array.</summary>
    internal static void WriteAll(Utf8JsonWriter writer, string name, IReadOnlyList<CollectorPolicy> policies)
    {
        writer.WriteStartArray(name);
        foreach (var policy in policies)
        {
            policy.Write(writer);
        }

        writer.WriteEndArray();
    }
}
