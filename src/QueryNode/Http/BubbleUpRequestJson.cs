using System.Text.Json;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>The body of <c>POST /api/v1/bubbleup</c>. What the envelope gets wrong is a 400, a query or selection that cannot be is a 422.</summary>
internal static class BubbleUpRequestJson
{
    private const string Known = "dataset, query, text, selection, partial";

    /// <summary>Reads the body; what is returned does not hold on to the element.</summary>
    public static Reading<(BubbleUpRequest Request, QueryEcho Echo)> Read(JsonElement body)
    {
        var errors = new List<ProblemError>();
        string? dataset = null, text = null;
        JsonElement? specification = null, selection = null;
        var partialAllowed = true;
        foreach (var member in body.EnumerateObject())
        {
            switch (member.Name)
            {
                case "dataset":
                    dataset = QueryRequestJson.Text(member, errors);
                    break;
                case "query" when member.Value.ValueKind == JsonValueKind.Object:
                    specification = member.Value;
                    break;
                case "query":
                    errors.Add(new("query", JsonText.Excerpt(member.Value), "must be a JSON object; a query in text form goes into \"text\""));
                    break;
                case "text":
                    text = QueryRequestJson.Text(member, errors);
                    break;
                case "selection" when member.Value.ValueKind == JsonValueKind.Object:
                    selection = member.Value;
                    break;
                case "selection":
                    errors.Add(new("selection", JsonText.Excerpt(member.Value), "must be a JSON object: a box (start_time, end_time, column, min, max), a group or a where"));
                    break;
                case "partial":
                    partialAllowed = QueryRequestJson.ReadPartial(member, errors);
                    break;
                default:
                    errors.Add(new(member.Name, JsonText.Excerpt(member.Value), $"is not a member here; known: {Known}"));
                    break;
            }
        }

        CheckMembers(body, dataset, errors);
        if (errors.Count > 0)
        {
            return Problems.BadRequest(errors);
        }

        var name = DatasetNames.Normalise(dataset!);
        var parsed = text is not null ? QueryText.Parse(text) : QuerySpecJson.Read(specification!.Value);
        if (!parsed.TryGet(out var spec, out var specErrors))
        {
            return text is not null && specErrors[0].Field == "text"
                ? Problems.BadText("text", specErrors)
                : Problems.Unprocessable("query not valid", "query.", specErrors);
        }

        if (!BubbleUpSelectionJson.Read(selection!.Value, "selection").TryGet(out var selected, out var selectionErrors))
        {
            return Problems.Unprocessable("selection not valid", "", selectionErrors);
        }

        return (new BubbleUpRequest { Dataset = name, Spec = spec, Selection = selected, PartialAllowed = partialAllowed }, new QueryEcho(name, spec, text));
    }

    private static void CheckMembers(JsonElement body, string? dataset, List<ProblemError> errors)
    {
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
            errors.Add(new("text", null, "is given beside \"query\"; give one of them"));
        }
        else if (!hasQuery && !hasText)
        {
            errors.Add(new("query", null, "is missing; give \"query\" (a specification) or \"text\" (the text form)"));
        }

        if (!body.TryGetProperty("selection"u8, out _))
        {
            errors.Add(new("selection", null, "is missing; give a box (start_time, end_time, column, min, max), a group or a where"));
        }
    }
}
