using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>A stored answer as Honeycomb's clients read it. Labels of numbers are left out: they iterate over a row's members.</summary>
internal static class ResultJson
{
    private const string LabelSuffix = ".label";

    /// <summary>Writes the whole result from the stored answer.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement answer, HttpContext context)
    {
        var id = answer.GetProperty("id"u8).GetString()!;
        var data = answer.GetProperty("data"u8);
        var query = answer.GetProperty("query"u8);
        var asked = answer.TryGetProperty(ResultRequest.Member, out var member) ? member : default;

        json.WriteStartObject();
        json.WriteStartObject("query"u8);
        if (asked.ValueKind == JsonValueKind.Object)
        {
            json.WriteString("id"u8, asked.GetProperty("query_id"u8).GetString());
        }

        foreach (var part in query.EnumerateObject())
        {
            part.WriteTo(json);
        }

        json.WriteEndObject();
        json.WriteString("id"u8, id);
        json.WriteBoolean("complete"u8, true);

        json.WriteStartObject("data"u8);
        var withSeries = !IsSet(asked, "disable_series");
        if (withSeries)
        {
            WriteRows(json, "series", data, "series");
        }

        WriteRows(json, "results", data, "results");
        if (!IsSet(asked, "disable_total_by_aggregate"))
        {
            // Without breakdowns there is one row, which is the total.
            var isTotal = data.TryGetProperty("total"u8, out var total) && total.ValueKind == JsonValueKind.Object;
            WriteRow(json, "total_by_aggregate", isTotal ? total : First(data, query));
            if (withSeries && data.TryGetProperty("total_series"u8, out _))
            {
                WriteRows(json, "total_by_aggregate_series", data, "total_series");
            }
        }

        if (!IsSet(asked, "disable_other_by_aggregate"))
        {
            WriteRow(json, "other_by_aggregate", data.TryGetProperty("other"u8, out var other) ? other : default);
        }

        json.WriteEndObject();
        WriteLinks(json, context, id);
        json.WriteEndObject();
    }

    /// <summary>Writes the member <c>links</c>: where a person can look at the result. There are no images of graphs.</summary>
    public static void WriteLinks(Utf8JsonWriter json, HttpContext context, string id)
    {
        json.WriteStartObject("links"u8);
        json.WriteString("query_url"u8, $"{context.Request.Scheme}://{context.Request.Host}/results/{id}");
        json.WriteString("graph_image_url"u8, "");
        json.WriteEndObject();
    }

    private static bool IsSet(JsonElement asked, string member) => asked.ValueKind == JsonValueKind.Object && asked.GetProperty(member).GetBoolean();

    private static JsonElement First(JsonElement data, JsonElement query)
    {
        var isGrouped = query.TryGetProperty("breakdowns"u8, out var breakdowns) && breakdowns.GetArrayLength() > 0;
        var results = data.GetProperty("results"u8);
        return isGrouped || results.GetArrayLength() == 0 ? default : results[0];
    }

    private static void WriteRows(Utf8JsonWriter json, string member, JsonElement data, string from)
    {
        json.WriteStartArray(member);
        foreach (var row in data.GetProperty(from).EnumerateArray())
        {
            json.WriteStartObject();
            WriteMembers(json, row);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteRow(Utf8JsonWriter json, string member, JsonElement row)
    {
        json.WriteStartObject(member);
        if (row.ValueKind == JsonValueKind.Object)
        {
            WriteMembers(json, row);
        }
        else
        {
            json.WriteStartObject("data"u8);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteMembers(Utf8JsonWriter json, JsonElement row)
    {
        if (row.TryGetProperty("time"u8, out var time))
        {
            json.WriteString("time"u8, time.GetString());
        }

        json.WriteStartObject("data"u8);
        foreach (var cell in row.GetProperty("data"u8).EnumerateObject())
        {
            // A field may have such a name too, but no field's value is an object.
            if (!(cell.Value.ValueKind == JsonValueKind.Object && cell.Name.EndsWith(LabelSuffix, StringComparison.Ordinal)))
            {
                cell.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }
}
