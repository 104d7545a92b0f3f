using System.Text.Json;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>
/// Samples traces of which any row has one of these status codes: <c>status_code</c> 2 or <c>error</c> true is ERROR, 1 is OK, and a row that is neither is UNSET.
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="StatusCodes">At least one of <c>OK</c>, <c>ERROR</c>, <c>UNSET</c>.</param>
public sealed record StatusCodePolicy(string Name, IReadOnlyList<string> StatusCodes) : CollectorPolicy(Name)
{
    internal const string TypeName = "status_code";
    private const string CodeField = "status_code";
    private const string ErrorField = "error";

    private static readonly string[] Known = ["OK", "ERROR", "UNSET"];

    /// <inheritdoc/>
    public override string Type => TypeName;

    internal static StatusCodePolicy Read(CollectorPolicyReader reader, PolicyElement policy)
    {
        var settings = reader.SettingsOf(policy, isNeeded: true, "status_codes");
        var codes = reader.Texts(settings, "status_codes", isNeeded: true);
        if (codes.Exists(code => !Known.Contains(code)))
        {
            reader.Refuse(settings, "status_codes", $"a status code is one of {string.Join(", ", Known)}");
        }

        return new(policy.Name, codes);
    }

    internal override PolicyNode Compile(PolicyCompiler compiler)
    {
        var any = new List<PolicyNode>();
        foreach (var code in StatusCodes)
        {
            switch (code)
            {
                case "OK":
                    any.Add(compiler.AnyRow([Is(CodeField, 1)]));
                    break;
                case "ERROR":
                    any.Add(compiler.AnyRow([Is(CodeField, 2)]));
                    any.Add(compiler.AnyRow([Is(ErrorField, FieldValue.Of(true))]));
                    break;
                default:
                    any.Add(compiler.AnyRow(
                    [
                        new(CodeField, SamplingOperator.NotIn, [FieldValue.Of(1L), FieldValue.Of(2L)]),
                        new(ErrorField, SamplingOperator.NotIn, [FieldValue.Of(true)]),
                    ]));
                    break;
            }
        }

        return PolicyNode.Any(any);
    }

    internal override void WriteSettings(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(TypeName);
        CollectorPolicyWriter.Texts(writer, "status_codes", StatusCodes);
        writer.WriteEndObject();
    }

    private static SamplingCondition Is(string field, long value) => Is(field, FieldValue.Of(value));

    private static SamplingCondition Is(string field, FieldValue value) => new(field, SamplingOperator.Equal, [value]);
}
