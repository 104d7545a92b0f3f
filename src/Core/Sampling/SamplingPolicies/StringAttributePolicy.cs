using System.Text.Json;
using System.Text.RegularExpressions;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>Samples traces of which any row has a value as text that is one of a list, or in which one of some regular expressions finds something.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Key">The field.</param>
/// <param name="Values">At least one text or pattern.</param>
/// <param name="EnabledRegexMatching">True when they are patterns.</param>
/// <param name="InvertMatch">Samples the others instead: traces without any such row.</param>
public sealed record StringAttributePolicy(string Name, string Key, IReadOnlyList<string> Values, bool EnabledRegexMatching, bool InvertMatch) : CollectorPolicy(Name)
{
    internal const string TypeName = "string_attribute";

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static StringAttributePolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        // How many patterns' results are remembered changes no result: it is read and not used.
        var settings = reader.SettingsOf(policy, isNeeded: true, "key", "values", "enabled_regex_matching", "cache_max_size", "invert_match");
        var read = new StringAttributePolicy(
            policy.Name, reader.Field(settings, "key"), reader.Texts(settings, "values", isNeeded: true), reader.Flag(settings, "enabled_regex_matching"), reader.Flag(settings, "invert_match"));
        if (read.EnabledRegexMatching)
        {
            reader.CheckPatterns(settings, "values", read.Values);
        }

        return read;
    }

    internal override PolicyNode Compile(PolicyCompiler compiler) => compiler.AnyRow([EnabledRegexMatching ? Pattern(Key, [.. Values]) : OneOf()], InvertMatch);

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        writer.WriteString("key", Key);
        CollectorPolicyWriter.Texts(writer, "values", Values);
        if (EnabledRegexMatching)
        {
            writer.WriteBoolean("enabled_regex_matching", true);
        }

        if (InvertMatch)
        {
            writer.WriteBoolean("invert_match", true);
        }

        writer.WriteEndObject();
    }

    /// <summary>The condition that any of some patterns finds something in a field.</summary>
    internal static SamplingCondition Pattern(string field, params string[] patterns)
    {
        var any = AnyOf(patterns);
        return new(field, SamplingOperator.Matches, [FieldValue.Of(any)], SamplingDatatype.AsIs, new Regex(any, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));
    }

    /// <summary>The pattern that finds something where any of some does.</summary>
    internal static string AnyOf(IEnumerable<string> patterns) => string.Join('|', patterns.Select(pattern => $"(?:{pattern})"));

    private SamplingCondition OneOf() => new(Key, SamplingOperator.In, [.. Values.Select(FieldValue.Of)]);
}
