using System.Text.Json;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// The body of <c>POST /api/v1/query</c>. What the envelope gets wrong (and text that cannot be parsed) is a 400, a specification that cannot be is a 422.
/// </summary>
internal static class QueryRequestJson
{
    private const string Known = "dataset, query, text, partial, source, disable_series, disable_total_by_aggregate, disable_other_by_aggregate, total_series, explain";

    /// <summary>Reads the body; what is returned does not hold on to the element.</summary>
    public static Reading<(QueryRequest Request, QueryEcho Echo)> Read(JsonElement body)
    {
        var errors = new List<ProblemError>();
        string? dataset = null;
        string? text = null;
        JsonElement? specification = null;
        var source = QuerySource.Auto;
        var partialAllowed = true;
        var parts = AnswerParts.Default;
        var explain = false;
        foreach (var member in body.EnumerateObject())
        {
            switch (member.Name)
            {
                case "dataset":
                    dataset = Text(member, errors);
                    break;
                case "query" when member.Value.ValueKind == JsonValueKind.Object:
                    specification = member.Value;
                    break;
                case "query":
                    errors.Add(new("query", JsonText.Excerpt(member.Value), "must be a JSON object; a query in text form goes into \"text\""));
                    break;
                case "text":
                    text = Text(member, errors);
                    break;
                case "partial":
                    partialAllowed = ReadPartial(member, errors);
                    break;
                case "source":
                    source = ReadSource(member, errors);
                    break;
                case "disable_series":
                    parts = parts with { Series = !ReadFlag(member, errors) };
                    break;
                case "disable_total_by_aggregate":
                    parts = parts with { Total = !ReadFlag(member, errors) };
                    break;
                case "disable_other_by_aggregate":
                    parts = parts with { Other = !ReadFlag(member, errors) };
                    break;
                case "total_series":
                    parts = parts with { TotalSeries = ReadFlag(member, errors) };
                    break;
                case "explain":
                    explain = ReadFlag(member, errors);
                    break;
                default:
                    errors.Add(new(member.Name, JsonText.Excerpt(member.Value), $"is not a member here; known: {Known}"));
                    break;
            }
        }

        if (!body.TryGetProperty("dataset"u8, out _))
        {
            errors.Add(new("dataset", null, $"is missing; name a dataset, or {DatasetNames.All} for all of them"));
        }
        else if (dataset is not null && PathNames.CheckDataset(dataset) is { } badName)
        {
            errors.Add(badName);
        }

        var (hasQuery, hasText) = (body.TryGetProperty("query"u8, out _), body.TryGetProperty("text"u8, out _));
        if (hasQuery && hasText)
        {
            errors.Add(new("text", text is null ? null : JsonText.Excerpt(text), "is given beside \"query\"; give one of them"));
        }
        else if (!hasQuery && !hasText)
        {
            errors.Add(new("query", null, "is missing; give \"query\" (a specification) or \"text\" (the text form)"));
        }

        if (errors.Count > 0)
        {
            return Problems.BadRequest(errors);
        }

        var name = DatasetNames.Normalise(dataset!);
        var parsed = text is not null ? QueryText.Parse(text, !parts.Series) : QuerySpecJson.Read(specification!.Value, !parts.Series);
        if (!parsed.TryGet(out var spec, out var specErrors))
        {
            // Text breaks off at one place, as the field "text"; what it says wrongly has the fields of the specification.
            return text is not null && specErrors[0].Field == "text"
                ? Problems.BadText("text", specErrors)
                : Problems.Unprocessable("query not valid", "query.", specErrors);
        }

        var request = new QueryRequest { Dataset = name, Spec = spec, Source = source, PartialAllowed = partialAllowed, Parts = parts, Explain = explain };
        return (request, new QueryEcho(name, spec, text, !parts.Series));
    }

    /// <summary>A member that is a string.</summary>
    internal static string? Text(JsonProperty member, List<ProblemError> errors)
    {
        if (member.Value.ValueKind == JsonValueKind.String)
        {
            return member.Value.GetString();
        }

        errors.Add(new(member.Name, JsonText.Excerpt(member.Value), "must be a string"));
        return null;
    }

    private static bool ReadFlag(JsonProperty member, List<ProblemError> errors)
    {
        if (member.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            errors.Add(new(member.Name, JsonText.Excerpt(member.Value), "must be true or false"));
        }

        return member.Value.ValueKind == JsonValueKind.True;
    }

    /// <summary>The member <c>partial</c>: true = allow.</summary>
    internal static bool ReadPartial(JsonProperty member, List<ProblemError> errors)
    {
        switch (member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : null)
        {
            case "allow":
                return true;
            case "fail":
                return false;
            default:
                errors.Add(new("partial", JsonText.Excerpt(member.Value), "must be \"allow\" or \"fail\""));
                return true;
        }
    }

    private static QuerySource ReadSource(JsonProperty member, List<ProblemError> errors)
    {
        switch (member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : null)
        {
            case "auto":
                return QuerySource.Auto;
            case "aggregates":
                return QuerySource.Aggregates;
            case "recent":
                return QuerySource.Recent;
            case "blocks":
                return QuerySource.Blocks;
            case "rows":
                return QuerySource.Rows;
            default:
                errors.Add(new("source", JsonText.Excerpt(member.Value), "must be \"auto\", \"aggregates\", \"recent\", \"blocks\" or \"rows\""));
                return QuerySource.Auto;
        }
    }
}
