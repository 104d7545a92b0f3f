using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.Kafka.Topics;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// <c>GET</c>, <c>PUT</c> and <c>DELETE /api/v1/datasets/{dataset}/correlation</c>: the field that correlates a dataset's events without a trace id. Ingest follows what is kept here.
/// </summary>
internal sealed class CorrelationEndpoint(IMetaStore meta, QueryAdmission admission)
{
    /// <summary>The route.</summary>
    public const string Route = "/api/v1/datasets/{dataset}/correlation";

    /// <summary>A dataset's field, by its name in lower case; null when it has none.</summary>
    public async ValueTask<string?> FieldOfAsync(string dataset, CancellationToken cancellation) =>
        await meta.GetAsync(MetaTopic.CorrelationKeys + dataset, cancellation).ConfigureAwait(false) is { } kept ? Encoding.UTF8.GetString(kept.Value.Span) : null;

    /// <summary>Tells it.</summary>
    public Task GetAsync(HttpContext context) => RunAsync(context, async (dataset, cancellation) =>
    {
        if (await FieldOfAsync(dataset, cancellation).ConfigureAwait(false) is not { } field)
        {
            return Problems.NotFound("dataset", dataset, $"dataset \"{dataset}\" has no correlation field");
        }

        await SendAsync(context, dataset, field).ConfigureAwait(false);
        return null;
    });

    /// <summary>Names it.</summary>
    public Task PutAsync(HttpContext context) => JsonBody.UseAsync(context, async json =>
    {
        await RunAsync(context, async (dataset, cancellation) =>
        {
            var field = Read(json.Root);
            if (field.Problem is not null)
            {
                return field.Problem;
            }

            await meta.PutAsync(MetaTopic.CorrelationKeys + dataset, Encoding.UTF8.GetBytes(field.Value), cancellation).ConfigureAwait(false);
            await SendAsync(context, dataset, field.Value).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);
    });

    /// <summary>Takes it away.</summary>
    public Task DeleteAsync(HttpContext context) => RunAsync(context, async (dataset, cancellation) =>
    {
        await meta.DeleteAsync(MetaTopic.CorrelationKeys + dataset, cancellation).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return null;
    });

    private Task RunAsync(HttpContext context, Func<string, CancellationToken, Task<ProblemDocument?>> work) => admission.RunAtOnceAsync(context, "correlation", async cancellation =>
    {
        var dataset = PathNames.Dataset(context);
        if (dataset.Problem is not null)
        {
            return dataset.Problem;
        }

        return dataset.Value == DatasetNames.All
            ? Problems.BadRequest(new ProblemError("dataset", dataset.Value, "has no correlation field: each dataset has its own"))
            : await work(dataset.Value, cancellation).ConfigureAwait(false);
    });

    private static Reading<string> Read(JsonElement body)
    {
        var errors = new List<ProblemError>();
        string? field = null;
        foreach (var member in body.EnumerateObject())
        {
            if (member.Name == "field")
            {
                field = QueryRequestJson.Text(member, errors);
            }
            else
            {
                errors.Add(new(member.Name, JsonText.Excerpt(member.Value), "is not a member here; known: field"));
            }
        }

        if (field is { Length: 0 or > QueryHttpLimits.ColumnCharsMax } || (field is null && errors.Count == 0))
        {
            errors.Add(new("field", field is null ? null : JsonText.Excerpt(field), $"must be the name of a field, of 1 to {QueryHttpLimits.ColumnCharsMax} characters; DELETE takes it away"));
        }

        return errors.Count > 0 ? Problems.BadRequest(errors) : field!;
    }

    private static Task SendAsync(HttpContext context, string dataset, string field) => JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
    {
        json.WriteStartObject();
        json.WriteString("dataset"u8, dataset);
        json.WriteString("field"u8, field);
        json.WriteEndObject();
    });
}
