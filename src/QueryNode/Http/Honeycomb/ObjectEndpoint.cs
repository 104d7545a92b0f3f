using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary><c>/1/KIND/{dataset}</c> and <c>/1/KIND/{dataset}/{id}</c> of every <see cref="ObjectKinds">kind</see>: list, make, read, replace, delete.</summary>
internal sealed class ObjectEndpoint(HoneycombGate gate, KeptObjects objects, DatasetDirectory datasets)
{
    /// <summary>The route of a dataset's objects.</summary>
    public static string ListRoute(ObjectKind kind) => $"/1/{kind.Path}/{{dataset}}";

    /// <summary>The route of one object.</summary>
    public static string ItemRoute(ObjectKind kind) => $"/1/{kind.Path}/{{dataset}}/{{id}}";

    /// <summary>Lists a dataset's objects; with the parameter of the kind's unique member, answers with that one.</summary>
    public Task ListAsync(HttpContext context, ObjectKind kind) => gate.AskAsync(context, async cancellation =>
    {
        var place = await FindAsync(context, cancellation).ConfigureAwait(false);
        if (place.Problem is not null)
        {
            return place.Problem;
        }

        var (dataset, isKnown) = place.Value;
        var records = await objects.ListAsync(kind.Path, dataset, cancellation).ConfigureAwait(false);
        if (records.Count == 0 && !isKnown)
        {
            return HoneycombProblems.NoDataset();
        }

        var colors = await ColorsAsync(kind, dataset, cancellation).ConfigureAwait(false);
        if (kind.Unique is { } unique && context.Request.Query.TryGetValue(unique, out var wanted))
        {
            return await SendTheOneAsync(context, kind, records, unique, wanted.ToString()).ConfigureAwait(false);
        }

        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray();
            foreach (var record in records)
            {
                Write(json, record.Value, colors);
            }

            json.WriteEndArray();
        }).ConfigureAwait(false);
        return null;
    });

    /// <summary>Makes an object.</summary>
    public Task CreateAsync(HttpContext context, ObjectKind kind) => gate.AskAsync(context, cancellation => WithBodyAsync(context, async body =>
    {
        var place = await FindAsync(context, cancellation).ConfigureAwait(false);
        if (place.Problem is not null)
        {
            return place.Problem;
        }

        var (dataset, isKnown) = place.Value;
        if (!isKnown && !kind.MakesDataset)
        {
            return HoneycombProblems.NoDataset();
        }

        if (await CheckQueryAsync(kind, dataset, body, cancellation).ConfigureAwait(false) is { } problem)
        {
            return problem;
        }

        var made = await objects.CreateAsync(kind, dataset, body, cancellation).ConfigureAwait(false);
        return made.Problem ?? await SendAsync(context, StatusCodes.Status201Created, kind, dataset, made.Value, cancellation).ConfigureAwait(false);
    }));

    /// <summary>Reads an object.</summary>
    public Task GetAsync(HttpContext context, ObjectKind kind) => gate.AskAsync(context, async cancellation =>
    {
        var place = await FindAsync(context, cancellation).ConfigureAwait(false);
        if (place.Problem is not null)
        {
            return place.Problem;
        }

        return await objects.GetAsync(kind.Path, place.Value.Dataset, PathNames.Segment(context, "id"), cancellation).ConfigureAwait(false) is { } json
            ? await SendAsync(context, StatusCodes.Status200OK, kind, place.Value.Dataset, json, cancellation).ConfigureAwait(false)
            : HoneycombProblems.NoSuch(kind.Noun);
    });

    /// <summary>Replaces an object.</summary>
    public Task ReplaceAsync(HttpContext context, ObjectKind kind) => gate.AskAsync(context, cancellation => WithBodyAsync(context, async body =>
    {
        var place = await FindAsync(context, cancellation).ConfigureAwait(false);
        if (place.Problem is not null)
        {
            return place.Problem;
        }

        var dataset = place.Value.Dataset;
        if (await CheckQueryAsync(kind, dataset, body, cancellation).ConfigureAwait(false) is { } problem)
        {
            return problem;
        }

        var made = await objects.ReplaceAsync(kind, dataset, PathNames.Segment(context, "id"), body, cancellation).ConfigureAwait(false);
        return made.Problem ?? await SendAsync(context, StatusCodes.Status200OK, kind, dataset, made.Value, cancellation).ConfigureAwait(false);
    }));

    /// <summary>Deletes an object.</summary>
    public Task DeleteAsync(HttpContext context, ObjectKind kind) => gate.AskAsync(context, async cancellation =>
    {
        var place = await FindAsync(context, cancellation).ConfigureAwait(false);
        if (place.Problem is not null)
        {
            return place.Problem;
        }

        var (dataset, id) = (place.Value.Dataset, PathNames.Segment(context, "id"));
        if (await objects.GetAsync(kind.Path, dataset, id, cancellation).ConfigureAwait(false) is not { } json)
        {
            return HoneycombProblems.NoSuch(kind.Noun);
        }

        await objects.DeleteAsync(kind.Path, dataset, id, cancellation).ConfigureAwait(false);
        if (kind.DeletedStatus == StatusCodes.Status200OK)
        {
            return await SendAsync(context, StatusCodes.Status200OK, kind, dataset, json, cancellation).ConfigureAwait(false);
        }

        context.Response.StatusCode = kind.DeletedStatus;
        return null;
    });

    /// <summary>Reads the body as one object and does <paramref name="work"/> with it.</summary>
    internal static async Task<ProblemDocument?> WithBodyAsync(HttpContext context, Func<JsonElement, Task<ProblemDocument?>> work)
    {
        var body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        if (body.Problem is not null)
        {
            return body.Problem;
        }

        using var json = body.Value;
        return await work(json.Root).ConfigureAwait(false);
    }

    private async Task<Reading<(string Dataset, bool IsKnown)>> FindAsync(HttpContext context, CancellationToken cancellation)
    {
        var name = PathNames.Dataset(context);
        if (name.Problem is not null)
        {
            return name.Problem;
        }

        var found = await datasets.FindAsync(name.Value, cancellation).ConfigureAwait(false);
        return (found?.Name ?? name.Value, found is not null);
    }

    private async Task<ProblemDocument?> CheckQueryAsync(ObjectKind kind, string dataset, JsonElement body, CancellationToken cancellation)
    {
        if (kind != ObjectKinds.QueryAnnotations || !body.TryGetProperty("query_id"u8, out var id) || id.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        return await objects.GetAsync(QueriesEndpoint.Kind, dataset, id.GetString()!, cancellation).ConfigureAwait(false) is null
            ? HoneycombProblems.Refused(new ProblemError("query_id", JsonText.Excerpt(id), "is no query of this dataset"))
            : null;
    }

    private static async Task<ProblemDocument?> SendTheOneAsync(HttpContext context, ObjectKind kind, IReadOnlyList<MetaRecord> records, string member, string wanted)
    {
        foreach (var record in records)
        {
            using var document = JsonDocument.Parse(record.Value);
            if (document.RootElement.GetProperty(member).GetString() == wanted)
            {
                await JsonOutput.SendAsync(context, StatusCodes.Status200OK, JsonOutput.MediaType, record.Value).ConfigureAwait(false);
                return null;
            }
        }

        return HoneycombProblems.NoSuch(kind.Noun);
    }

    private async Task<ProblemDocument?> SendAsync(HttpContext context, int status, ObjectKind kind, string dataset, ReadOnlyMemory<byte> kept, CancellationToken cancellation)
    {
        var colors = await ColorsAsync(kind, dataset, cancellation).ConfigureAwait(false);
        await JsonOutput.SendAsync(context, status, json => Write(json, kept, colors)).ConfigureAwait(false);
        return null;
    }

    /// <summary>Markers have the colours of their dataset's settings: by type; null for all other kinds.</summary>
    private async Task<Dictionary<string, string>?> ColorsAsync(ObjectKind kind, string dataset, CancellationToken cancellation) =>
        kind == ObjectKinds.Markers ? MarkerJson.Colors(await objects.ListAsync(ObjectKinds.MarkerSettings.Path, dataset, cancellation).ConfigureAwait(false)) : null;

    private static void Write(Utf8JsonWriter json, ReadOnlyMemory<byte> kept, Dictionary<string, string>? colors)
    {
        using var document = JsonDocument.Parse(kept);
        json.WriteStartObject();
        foreach (var member in document.RootElement.EnumerateObject())
        {
            member.WriteTo(json);
        }

        if (colors is not null && document.RootElement.TryGetProperty("type"u8, out var type) && colors.TryGetValue(type.GetString()!, out var color))
        {
            json.WriteString("color"u8, color);
        }

        json.WriteEndObject();
    }
}
