using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Http.Honeycomb;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET</c> and <c>POST /api/v1/markers</c>: the markers of <c>/1/markers</c>, with times as this interface writes them.</summary>
internal sealed class MarkersEndpoint(KeptObjects objects, QueryAdmission admission)
{
    /// <summary>The route.</summary>
    public const string Route = "/api/v1/markers";

    private static readonly string[] Members = ["dataset", "message", "type", "url", "start_time", "end_time"];

    /// <summary>Lists markers, newest first: with <c>dataset</c> its own and those of all datasets.</summary>
    public Task ListAsync(HttpContext context) => admission.RunAtOnceAsync(context, "marker", async cancellation =>
    {
        var parameters = new QueryParameters(context.Request.Query);
        var dataset = parameters.Text("dataset", QueryHttpLimits.DatasetCharsMax);
        var limit = parameters.Integer("limit", QueryHttpLimits.MarkersDefault, 1, QueryHttpLimits.MarkersMax);
        if (parameters.Finish() is { } problem)
        {
            return problem;
        }

        var wanted = dataset is null ? null : DatasetNames.Normalise(dataset);
        var colors = await ColorsAsync(cancellation).ConfigureAwait(false);
        var markers = new List<(long Start, Marker Marker)>();
        foreach (var record in await objects.ListAllAsync(ObjectKinds.Markers.Path, cancellation).ConfigureAwait(false))
        {
            var (place, _) = KeptObjects.PlaceOf(record);
            if (wanted is null || place == wanted || place == DatasetNames.All)
            {
                var marker = Marker.Read(place, record.Value, colors);
                markers.Add((marker.StartSeconds, marker));
            }
        }

        markers.Sort(static (a, b) => b.Start.CompareTo(a.Start));
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("markers"u8);
            foreach (var (_, marker) in markers.Take(limit))
            {
                marker.Write(json);
            }

            json.WriteEndArray();
            json.WriteBoolean("more"u8, markers.Count > limit);
            json.WriteEndObject();
        }).ConfigureAwait(false);
        return null;
    });

    /// <summary>Makes a marker.</summary>
    public Task CreateAsync(HttpContext context) => admission.RunAtOnceAsync(context, "marker", cancellation => ObjectEndpoint.WithBodyAsync(context, async body =>
    {
        var errors = new List<ProblemError>();
        foreach (var member in body.EnumerateObject())
        {
            if (!Members.Contains(member.Name))
            {
                errors.Add(new(member.Name, JsonText.Excerpt(member.Value), $"is not a member here; known: {string.Join(", ", Members)}"));
            }
        }

        var dataset = KeptJson.Text(body, "dataset", QueryHttpLimits.DatasetCharsMax, errors) ?? DatasetNames.All;
        if (PathNames.CheckDataset(dataset) is { } badName)
        {
            errors.Add(badName);
        }

        if (errors.Count > 0)
        {
            return Problems.BadRequest(errors);
        }

        var name = DatasetNames.Normalise(dataset);
        var made = await objects.CreateAsync(ObjectKinds.Markers, name, body, cancellation).ConfigureAwait(false);
        if (made.Problem is { } refused)
        {
            return Problems.Unprocessable("marker not valid", refused.Errors);
        }

        var marker = Marker.Read(name, made.Value, await ColorsAsync(cancellation).ConfigureAwait(false));
        await JsonOutput.SendAsync(context, StatusCodes.Status201Created, marker.Write).ConfigureAwait(false);
        return null;
    }));

    private async Task<Dictionary<string, Dictionary<string, string>>> ColorsAsync(CancellationToken cancellation)
    {
        var settings = await objects.ListAllAsync(ObjectKinds.MarkerSettings.Path, cancellation).ConfigureAwait(false);
        return settings.GroupBy(record => KeptObjects.PlaceOf(record).Dataset).ToDictionary(group => group.Key, group => MarkerJson.Colors([.. group]), StringComparer.Ordinal);
    }

    private sealed record Marker(string Dataset, string Id, long StartSeconds, long? EndSeconds, string? Message, string? Type, string? Url, string? Color, string? Created, string? Updated)
    {
        public static Marker Read(string dataset, ReadOnlyMemory<byte> kept, Dictionary<string, Dictionary<string, string>> colors)
        {
            using var document = JsonDocument.Parse(kept);
            var root = document.RootElement;
            var type = Text(root, "type");
            var color = type is not null && colors.TryGetValue(dataset, out var own) ? own.GetValueOrDefault(type) : null;
            return new(
                dataset,
                Text(root, "id")!,
                root.GetProperty("start_time"u8).GetInt64(),
                root.TryGetProperty("end_time"u8, out var end) ? end.GetInt64() : null,
                Text(root, "message"),
                type,
                Text(root, "url"),
                color,
                Text(root, "created_at"),
                Text(root, "updated_at"));
        }

        public void Write(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, Id);
            json.WriteString("dataset"u8, Dataset);
            json.WriteString("message"u8, Message);
            json.WriteString("type"u8, Type);
            json.WriteString("url"u8, Url);
            json.WriteString("color"u8, Color);
            json.WriteString("start_time"u8, EventTime.Format(StartSeconds * 1_000_000_000));
            json.WriteString("end_time"u8, EndSeconds is { } end ? EventTime.Format(end * 1_000_000_000) : null);
            json.WriteString("created_at"u8, Created);
            json.WriteString("updated_at"u8, Updated);
            json.WriteEndObject();
        }

        private static string? Text(JsonElement root, string member) => root.TryGetProperty(member, out var text) ? text.GetString() : null;
    }
}
