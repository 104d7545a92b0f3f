using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET /api/v1/datasets</c> and what lies below: what there is to ask about.</summary>
internal sealed class CatalogEndpoint(ICatalogService catalog, QueryAdmission admission)
{
    /// <summary>Route of the datasets.</summary>
    public const string DatasetsRoute = "/api/v1/datasets";

    /// <summary>Route of a dataset's columns.</summary>
    public const string ColumnsRoute = "/api/v1/datasets/{dataset}/columns";

    /// <summary>Route of a column's values.</summary>
    public const string ValuesRoute = "/api/v1/datasets/{dataset}/columns/{column}/values";

    private static readonly JsonEncodedText LastWrittenName = JsonOutput.Name("last_written");

    /// <summary>Lists the datasets.</summary>
    public Task DatasetsAsync(HttpContext context) => admission.RunAsync(context, "catalog", async cancellation =>
    {
        var outcome = await catalog.GetDatasetsAsync(cancellation).ConfigureAwait(false);
        return await SendAsync(context, outcome, "", "", "datasets", (json, dataset) =>
        {
            json.WriteString("name"u8, dataset.Name);
            json.WriteTime(LastWrittenName, dataset.LastWrittenNs);
        }).ConfigureAwait(false);
    });

    /// <summary>Lists a dataset's columns.</summary>
    public Task ColumnsAsync(HttpContext context) => admission.RunAsync(context, "catalog", async cancellation =>
    {
        var dataset = PathNames.Dataset(context);
        if (dataset.Problem is not null)
        {
            return dataset.Problem;
        }

        var outcome = await catalog.GetColumnsAsync(dataset.Value, cancellation).ConfigureAwait(false);
        return await SendAsync(context, outcome, dataset.Value, "", "columns", (json, column) =>
        {
            json.WriteString("name"u8, column.Name);
            json.WriteString("type"u8, TypeName(column.Type));
            json.WriteTime(LastWrittenName, column.LastWrittenNs);
        }).ConfigureAwait(false);
    });

    /// <summary>Lists the most frequent values of a column.</summary>
    public Task ValuesAsync(HttpContext context) => admission.RunAsync(context, "catalog", async cancellation =>
    {
        var dataset = PathNames.Dataset(context);
        if (dataset.Problem is not null)
        {
            return dataset.Problem;
        }

        var parameters = new QueryParameters(context.Request.Query);
        var limit = parameters.Integer("limit", QueryHttpLimits.ColumnValuesDefault, 1, QueryHttpLimits.ColumnValuesMax);
        if (parameters.Finish() is { } problem)
        {
            return problem;
        }

        var column = PathNames.Segment(context, "column");
        var outcome = await catalog.GetValuesAsync(dataset.Value, column, limit, cancellation).ConfigureAwait(false);
        return await SendAsync(context, outcome, dataset.Value, column, "values", (json, entry) =>
        {
            json.WritePropertyName("value"u8);
            json.WriteField(entry.Value);
            json.WritePropertyName("count"u8);
            json.WriteNumber(entry.Count);
            if (entry.Label != NumberLabel.Exact)
            {
                json.WritePropertyName("count.label"u8);
                ReceiptJson.WriteLabel(json, entry.Label);
            }
        }).ConfigureAwait(false);
    });

    private static async Task<ProblemDocument?> SendAsync<TEntry>(
        HttpContext context, CatalogOutcome<TEntry> outcome, string dataset, string column, string name, Action<Utf8JsonWriter, TEntry> writeMembers)
    {
        switch (outcome)
        {
            case CatalogOutcome<TEntry>.UnknownDataset:
                return Problems.UnknownDataset(dataset);
            case CatalogOutcome<TEntry>.UnknownColumn:
                return Problems.NotFound("column", column, string.Create(CultureInfo.InvariantCulture, $"dataset \"{dataset}\" has no column \"{column}\""));
            case CatalogOutcome<TEntry>.Found found:
                await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
                {
                    json.WriteStartObject();
                    json.WriteStartArray(name);
                    foreach (var entry in found.Entries)
                    {
                        json.WriteStartObject();
                        writeMembers(json, entry);
                        json.WriteEndObject();
                    }

                    json.WriteEndArray();
                    json.WriteBoolean("more"u8, found.More);
                    ReceiptJson.Write(json, found.Receipt, [], []);
                    json.WriteEndObject();
                }).ConfigureAwait(false);
                return null;
            default:
                throw new InvalidOperationException($"a catalog service returned {outcome}");
        }
    }

    /// <summary>A type's name in JSON.</summary>
    public static string TypeName(FieldKind kind) => kind switch
    {
        FieldKind.Integer => "integer",
        FieldKind.Float => "float",
        FieldKind.Bool => "boolean",
        FieldKind.String => "string",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such column type"),
    };
}
