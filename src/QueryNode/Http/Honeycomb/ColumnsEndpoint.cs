using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>
/// <c>/1/columns/{dataset}</c> and <c>…/{id}</c>: what columns the events have, with what was said of them here. A column's id follows from its dataset and name, so
/// that one of which nothing was said has one too.
/// </summary>
internal sealed class ColumnsEndpoint(HoneycombGate gate, KeptObjects objects, DatasetDirectory datasets, ICatalogService catalog, TimeProvider time)
{
    /// <summary>The route of a dataset's columns.</summary>
    public const string ListRoute = "/1/columns/{dataset}";

    /// <summary>The route of a column.</summary>
    public const string ItemRoute = "/1/columns/{dataset}/{id}";

    private const string Kind = "columns";
    private const string Noun = "Column";

    /// <summary>Lists the columns; with <c>?key_name=</c> answers with that one.</summary>
    public Task ListAsync(HttpContext context) => AskAsync(context, async (dataset, columns, _) =>
    {
        if (context.Request.Query.TryGetValue("key_name", out var wanted))
        {
            return await SendAsync(context, StatusCodes.Status200OK, columns.Find(column => column.Name == wanted.ToString())).ConfigureAwait(false);
        }

        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartArray();
            foreach (var column in columns)
            {
                column.Write(json);
            }

            json.WriteEndArray();
        }).ConfigureAwait(false);
        return null;
    });

    /// <summary>Reads a column.</summary>
    public Task GetAsync(HttpContext context) => AskAsync(context, (_, columns, _) => SendAsync(context, StatusCodes.Status200OK, ById(context, columns)));

    /// <summary>Says something of a column that no event has yet.</summary>
    public Task CreateAsync(HttpContext context) => AskAsync(context, (dataset, columns, cancellation) => ObjectEndpoint.WithBodyAsync(context, async body =>
    {
        var read = Read(body, previous: null);
        if (read.Problem is not null)
        {
            return read.Problem;
        }

        var name = read.Value.Name;
        if (columns.Exists(column => column.Name == name))
        {
            return HoneycombProblems.Conflict($"{Noun} with key_name \"{name}\" already exists");
        }

        if (columns.Count(column => column.Said is not null) >= HoneycombLimits.ObjectsMax)
        {
            return HoneycombProblems.Refused(new ProblemError("key_name", name, $"{HoneycombLimits.ObjectsMax} columns of a dataset may be described"));
        }

        return await KeepAsync(context, StatusCodes.Status201Created, new ColumnView(dataset, name, null, null, read.Value), cancellation).ConfigureAwait(false);
    }));

    /// <summary>Changes what is said of a column.</summary>
    public Task ReplaceAsync(HttpContext context) => AskAsync(context, (_, columns, cancellation) => ObjectEndpoint.WithBodyAsync(context, async body =>
    {
        if (ById(context, columns) is not { } column)
        {
            return HoneycombProblems.NoSuch(Noun);
        }

        var read = Read(body, column);
        return read.Problem ?? await KeepAsync(context, StatusCodes.Status200OK, column with { Said = read.Value }, cancellation).ConfigureAwait(false);
    }));

    /// <summary>Deletes a column: it is shown again when an event with it arrives.</summary>
    public Task DeleteAsync(HttpContext context) => AskAsync(context, async (dataset, columns, cancellation) =>
    {
        if (ById(context, columns) is not { } column)
        {
            return HoneycombProblems.NoSuch(Noun);
        }

        if (column.LastWrittenNs is null)
        {
            await objects.DeleteAsync(Kind, dataset, column.Id, cancellation).ConfigureAwait(false);
        }
        else
        {
            var deleted = new ColumnRecord(column.Name, "", "", Hidden: false, null, Now, Now, Now);
            await objects.PutAsync(Kind, dataset, column.Id, deleted.ToJson(), cancellation).ConfigureAwait(false);
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return null;
    });

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;

    private static ColumnView? ById(HttpContext context, List<ColumnView> columns)
    {
        var id = PathNames.Segment(context, "id");
        return columns.Find(column => column.Id == id);
    }

    private static async Task<ProblemDocument?> SendAsync(HttpContext context, int status, ColumnView? column)
    {
        if (column is null)
        {
            return HoneycombProblems.NoSuch(Noun);
        }

        await JsonOutput.SendAsync(context, status, column.Write).ConfigureAwait(false);
        return null;
    }

    private async Task<ProblemDocument?> KeepAsync(HttpContext context, int status, ColumnView column, CancellationToken cancellation)
    {
        await objects.PutAsync(Kind, column.Dataset, column.Id, column.Said!.ToJson(), cancellation).ConfigureAwait(false);
        return await SendAsync(context, status, column).ConfigureAwait(false);
    }

    /// <summary>Does work with the dataset of the path and its columns, by name.</summary>
    private Task AskAsync(HttpContext context, Func<string, List<ColumnView>, CancellationToken, Task<ProblemDocument?>> work) => gate.AskAsync(context, async cancellation =>
    {
        var name = PathNames.Dataset(context);
        if (name.Problem is not null)
        {
            return name.Problem;
        }

        if (await datasets.FindAsync(name.Value, cancellation).ConfigureAwait(false) is not { } dataset)
        {
            return HoneycombProblems.NoDataset();
        }

        return await work(dataset.Name, await ColumnsAsync(dataset.Name, cancellation).ConfigureAwait(false), cancellation).ConfigureAwait(false);
    });

    private async Task<List<ColumnView>> ColumnsAsync(string dataset, CancellationToken cancellation)
    {
        var columns = new SortedDictionary<string, ColumnView>(StringComparer.Ordinal);
        if (await catalog.GetColumnsAsync(dataset, cancellation).ConfigureAwait(false) is CatalogOutcome<ColumnEntry>.Found found)
        {
            foreach (var entry in found.Entries)
            {
                columns[entry.Name] = new(dataset, entry.Name, entry.Type, entry.LastWrittenNs, null);
            }
        }

        foreach (var record in await objects.ListAsync(Kind, dataset, cancellation).ConfigureAwait(false))
        {
            var said = ColumnRecord.Read(record.Value);
            var column = columns.GetValueOrDefault(said.Name) ?? new ColumnView(dataset, said.Name, null, null, null);
            if (said.DeletedNs is null)
            {
                columns[said.Name] = column with { Said = said };
            }
            else if (!(column.LastWrittenNs > said.DeletedNs))
            {
                columns.Remove(said.Name);
            }
        }

        return [.. columns.Values];
    }

    private Reading<ColumnRecord> Read(JsonElement body, ColumnView? previous)
    {
        var errors = new List<ProblemError>();
        var name = previous is null || body.TryGetProperty("key_name"u8, out _)
            ? KeptJson.RequiredText(body, "key_name", QueryHttpLimits.ColumnCharsMax, errors)
            : previous.Name;
        if (previous is not null && name != previous.Name)
        {
            errors.Add(new("key_name", JsonText.Excerpt(name), $"cannot be changed, it is \"{previous.Name}\""));
        }

        var type = KeptJson.Text(body, "type", HoneycombLimits.NameCharsMax, errors);
        if (type is not (null or "string" or "float" or "integer" or "boolean"))
        {
            errors.Add(new("type", JsonText.Excerpt(type), "must be one of string, float, integer, boolean"));
        }

        var record = new ColumnRecord(
            name,
            KeptJson.Text(body, "alias", HoneycombLimits.NameCharsMax, errors) ?? "",
            KeptJson.Text(body, "description", HoneycombLimits.TextCharsMax, errors) ?? "",
            KeptJson.Truth(body, "hidden", errors) ?? false,
            type ?? previous?.Said?.Type,
            previous?.Said?.CreatedNs ?? Now,
            Now,
            null);
        return errors.Count == 0 ? record : HoneycombProblems.Refused(errors);
    }
}

/// <summary>What was said of a column, as it is kept. Times in unix nanoseconds.</summary>
internal sealed record ColumnRecord(string Name, string Alias, string Description, bool Hidden, string? Type, long CreatedNs, long UpdatedNs, long? DeletedNs)
{
    /// <summary>As JSON.</summary>
    public byte[] ToJson() => KeptJson.Write(json =>
    {
        json.WriteString("key_name"u8, Name);
        json.WriteString("alias"u8, Alias);
        json.WriteString("description"u8, Description);
        json.WriteBoolean("hidden"u8, Hidden);
        json.WriteString("type"u8, Type);
        json.WriteString("created_at"u8, EventTime.Format(CreatedNs));
        json.WriteString("updated_at"u8, EventTime.Format(UpdatedNs));
        if (DeletedNs is { } deleted)
        {
            json.WriteString("deleted_at"u8, EventTime.Format(deleted));
        }
    });

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    public static ColumnRecord Read(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        return new(
            root.GetProperty("key_name"u8).GetString()!,
            root.GetProperty("alias"u8).GetString()!,
            root.GetProperty("description"u8).GetString()!,
            root.GetProperty("hidden"u8).GetBoolean(),
            root.GetProperty("type"u8).GetString(),
            KeptJson.Time(root, "created_at") ?? 0,
            KeptJson.Time(root, "updated_at") ?? 0,
            KeptJson.Time(root, "deleted_at"));
    }
}

/// <summary>A column as it is shown: what the catalog says of it and what was said of it here. A type that was said wins.</summary>
internal sealed record ColumnView(string Dataset, string Name, FieldKind? Kind, long? LastWrittenNs, ColumnRecord? Said)
{
    private const int IdLength = 11;

    /// <summary>Its id, of its dataset and name.</summary>
    public string Id { get; } = HashId.Of(SHA256.HashData(Encoding.UTF8.GetBytes(Dataset + "\n" + Name)), IdLength);

    /// <summary>Writes it as one object. A time that is not known is left out: clients that parse times take no null.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, Id);
        json.WriteString("key_name"u8, Name);
        json.WriteString("alias"u8, Said?.Alias ?? "");
        json.WriteBoolean("hidden"u8, Said?.Hidden ?? false);
        json.WriteString("description"u8, Said?.Description ?? "");
        json.WriteString("type"u8, Said?.Type ?? CatalogEndpoint.TypeName(Kind ?? FieldKind.String));
        WriteTime(json, "last_written"u8, LastWrittenNs);
        WriteTime(json, "created_at"u8, Said?.CreatedNs);
        WriteTime(json, "updated_at"u8, Said?.UpdatedNs ?? LastWrittenNs);
        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, long? ns)
    {
        if (ns is { } known)
        {
            json.WriteString(name, EventTime.Format(known));
        }
    }
}
