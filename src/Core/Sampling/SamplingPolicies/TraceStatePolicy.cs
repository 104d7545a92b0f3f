using System.Text.Json;
using System.Text.RegularExpressions;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples traces of which any row's W3C trace state, field <c>trace.trace_state</c>, has one of these values under a key.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Key">The key within the trace state.</param>
/// <param name="Values">At least one value.</param>
public sealed record TraceStatePolicy(string Name, string Key, IReadOnlyList<string> Values) : CollectorPolicy(Name)
{
    internal const string TypeName = "trace_state";
    private const string Field = "trace.trace_state";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static TraceStatePolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "key", "values");
        return new(policy.Name, reader.Field(settings, "key"), reader.Texts(settings, "values", isNeeded: true));
    }

    internal override PolicyNode Compile(PolicyCompiler compiler)
    {
        // A list of key=value with commas between them and optional white space around (W3C Trace Context, section 3.3.1).
        var values = string.Join('|', Values.Select(Regex.Escape));
        return compiler.AnyRow([StringAttributePolicy.Pattern(Field, $@"(?:^|,)[ \t]*{Regex.Escape(Key)}=(?:{values})[ \t]*(?:,|$)")]);
    }

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteString("key", Key);
        CollectorPolicyWriter.Texts(writer, "values", Values);
        writer.WriteEndObject();
    }
}
