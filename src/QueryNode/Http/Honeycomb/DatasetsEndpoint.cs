using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary><c>/1/datasets</c> and <c>/1/datasets/{slug}</c>.</summary>
internal sealed class DatasetsEndpoint(HoneycombGate gate, DatasetDirectory datasets, ICatalogService catalog, TimeProvider time)
{
    /// <summary>The route of all datasets.</summary>
    public const string ListRoute = "/1/datasets";

    /// <summary>The route of a dataset.</summary>
    public const string ItemRoute = "/1/datasets/{dataset}";

    private static readonly JsonEncodedText LastWrittenName = JsonOutput.Name("last_written_at");

    /// <summary>Lists the datasets.</summary>
    public Task ListAsync(HttpContext context) => gate.AskAsync(context, async cancellation =>
    {
        var (all, _) = await datasets.ListAsync(cancellation).ConfigureAwait(false);
        var counts = new int?[all.Count];
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = await ColumnsAsync(all[i], cancellation).ConfigureAwait(false);
        }

        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray();
            for (var i = 0; i < counts.Length; i++)
            {
                Write(json, all[i], counts[i]);
            }

            json.WriteEndArray();
        }).ConfigureAwait(false);
        return null;
    });

    /// <summary>Reads a dataset.</summary>
    public Task GetAsync(HttpContext context) => WithDatasetAsync(context, (dataset, cancellation) => SendAsync(context, StatusCodes.Status200OK, dataset, cancellation));

    /// <summary>Makes a dataset that has no events yet: 201. One that is there is answered as it is: 200.</summary>
    public Task CreateAsync(HttpContext context) => gate.AskAsync(context, cancellation => ObjectEndpoint.WithBodyAsync(context, async body =>
    {
        var errors = new List<ProblemError>();
        var name = KeptJson.RequiredText(body, "name", QueryHttpLimits.DatasetCharsMax, errors);
        if (DatasetNames.Normalise(name) is DatasetNames.All or DatasetNames.Default)
        {
            errors.Add(new("name", name, "is the name of something else"));
        }

        var said = Read(body, name, previous: null, errors);
        if (errors.Count > 0)
        {
            return HoneycombProblems.Refused(errors);
        }

        var (all, _) = await datasets.ListAsync(cancellation).ConfigureAwait(false);
        var normal = DatasetNames.Normalise(name);
        foreach (var other in all)
        {
            if (other.Name == normal)
            {
                return await SendAsync(context, StatusCodes.Status200OK, other, cancellation).ConfigureAwait(false);
            }
        }

        await datasets.PutAsync(normal, said, cancellation).ConfigureAwait(false);
        return await SendAsync(context, StatusCodes.Status201Created, new DatasetView(normal, null, said), cancellation).ConfigureAwait(false);
    }));

    /// <summary>Changes what is said of a dataset. What is left out gets its default.</summary>
    public Task ReplaceAsync(HttpContext context) => WithDatasetAsync(context, (dataset, cancellation) => ObjectEndpoint.WithBodyAsync(context, async body =>
    {
        var errors = new List<ProblemError>();
        var said = Read(body, dataset.DisplayName, dataset, errors);
        if (errors.Count > 0)
        {
            return HoneycombProblems.Refused(errors);
        }

        await datasets.PutAsync(dataset.Name, said, cancellation).ConfigureAwait(false);
        return await SendAsync(context, StatusCodes.Status200OK, dataset with { Said = said }, cancellation).ConfigureAwait(false);
    }));

    /// <summary>Forgets a dataset that has no events. Events go with their retention only.</summary>
    public Task DeleteAsync(HttpContext context) => WithDatasetAsync(context, async (dataset, cancellation) =>
    {
        if (dataset.Said?.DeleteProtected != false)
        {
            return HoneycombProblems.Conflict("the dataset is protected from deletion: set settings.delete_protected to false first");
        }

        if (dataset.LastWrittenNs is not null)
        {
            return HoneycombProblems.Conflict("the dataset has events, which go with their retention only");
        }

        await datasets.DeleteAsync(dataset.Name, cancellation).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        return null;
    });

    private Task WithDatasetAsync(HttpContext context, Func<DatasetView, CancellationToken, Task<ProblemDocument?>> work) => gate.AskAsync(context, async cancellation =>
    {
        var name = PathNames.Dataset(context);
        if (name.Problem is not null)
        {
            return name.Problem;
        }

        var found = name.Value == DatasetNames.All ? null : await datasets.FindAsync(name.Value, cancellation).ConfigureAwait(false);
        return found is null ? HoneycombProblems.NoDataset() : await work(found, cancellation).ConfigureAwait(false);
    });

    private DatasetRecord Read(JsonElement body, string name, DatasetView? previous, List<ProblemError> errors)
    {
        var description = KeptJson.Text(body, "description", HoneycombLimits.TextCharsMax, errors) ?? "";
        var depth = KeptJson.Whole(body, "expand_json_depth", 0, HoneycombLimits.ExpandJsonDepthMax, errors) ?? 0;
        var isProtected = true;
        if (body.TryGetProperty("settings"u8, out var settings) && settings.ValueKind == JsonValueKind.Object)
        {
            isProtected = KeptJson.Truth(settings, "delete_protected", errors) ?? true;
        }

        return new(name, description, depth, isProtected, previous?.Said?.CreatedNs ?? time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000);
    }

    private async Task<int?> ColumnsAsync(DatasetView dataset, CancellationToken cancellation) =>
        dataset.LastWrittenNs is not null && await catalog.GetColumnsAsync(dataset.Name, cancellation).ConfigureAwait(false) is CatalogOutcome<ColumnEntry>.Found columns
            ? columns.Entries.Count
            : null;

    private async Task<ProblemDocument?> SendAsync(HttpContext context, int status, DatasetView dataset, CancellationToken cancellation)
    {
        var columns = await ColumnsAsync(dataset, cancellation).ConfigureAwait(false);
        await JsonOutput.SendAsync(context, status, json => Write(json, dataset, columns)).ConfigureAwait(false);
        return null;
    }

    private static void Write(Utf8JsonWriter json, DatasetView dataset, int? columns)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, dataset.DisplayName);
        json.WriteString("slug"u8, dataset.Slug);
        json.WriteString("description"u8, dataset.Said?.Description ?? "");
        json.WriteNumber("expand_json_depth"u8, dataset.Said?.ExpandJsonDepth ?? 0);
        json.WriteNumber("regular_columns_count"u8, columns ?? 0);
        json.WriteStartObject("settings"u8);
        json.WriteBoolean("delete_protected"u8, dataset.Said?.DeleteProtected ?? true);
        json.WriteEndObject();
        json.WriteTime(LastWrittenName, dataset.LastWrittenNs);

        // When the first event came is not kept: the oldest that is known stands for it, and a client that parses times finds one.
        json.WriteString("created_at"u8, EventTime.Format(dataset.Said?.CreatedNs ?? dataset.LastWrittenNs ?? 0));
        json.WriteEndObject();
    }
}
