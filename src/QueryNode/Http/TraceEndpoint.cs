using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET /api/v1/traces/{traceId}</c>.</summary>
internal sealed class TraceEndpoint(ITraceService traces, CorrelationEndpoint correlation, QueryAdmission admission)
{
    /// <summary>Route of a trace.</summary>
    public const string Route = "/api/v1/traces/{traceId}";

    private const int FlushBytes = 32 << 10;

    /// <summary>Answers with all rows of the trace, or of the value of the field that parameter <c>field</c> names, in order of time.</summary>
    public Task GetAsync(HttpContext context) => admission.RunAsync(context, "trace", async cancellation =>
    {
        var traceId = PathNames.Segment(context, "traceId");
        if (traceId.Length > QueryHttpLimits.TraceIdCharsMax)
        {
            return Problems.BadRequest(new ProblemError("traceId", JsonText.Excerpt(traceId), $"may have {QueryHttpLimits.TraceIdCharsMax} characters"));
        }

        var parameters = new QueryParameters(context.Request.Query);
        var field = parameters.Text("field", QueryHttpLimits.ColumnCharsMax);
        var dataset = parameters.Text("dataset", QueryHttpLimits.DatasetCharsMax);
        if (field is not null && dataset is not null)
        {
            parameters.Refuse(new("dataset", dataset, "is given beside \"field\": a dataset says which field correlates its events; give one of them"));
        }

        if (parameters.Finish() is { } problem)
        {
            return problem;
        }

        if (dataset is not null)
        {
            field = await correlation.FieldOfAsync(DatasetNames.Normalise(dataset), cancellation).ConfigureAwait(false);
            if (field is null)
            {
                return Problems.NotFound("dataset", dataset, $"dataset \"{dataset}\" has no correlation field; PUT /api/v1/datasets/{dataset}/correlation names one, or ask with \"field\"");
            }
        }

        var trace = await (field is null ? traces.GetAsync(traceId, cancellation) : traces.GetByAsync(field, traceId, cancellation)).ConfigureAwait(false);
        if (trace.Rows.Count == 0 && trace.Missing.Count == 0)
        {
            return Problems.NotFound("traceId", traceId, field is null ? $"no event with the trace id \"{traceId}\" is held" : $"no event with {field} = \"{traceId}\" is held");
        }

        await SendAsync(context, field, traceId, trace, cancellation).ConfigureAwait(false);
        return null;
    });

    private static async Task SendAsync(HttpContext context, string? field, string traceId, TraceAnswer trace, CancellationToken cancellation)
    {
        context.Response.ContentType = JsonOutput.MediaType;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        var body = context.Response.BodyWriter;
        await using var json = JsonOutput.Writer(body);
        json.WriteStartObject();
        if (field is null)
        {
            json.WriteString("trace_id"u8, traceId);
        }
        else
        {
            json.WriteString("field"u8, field);
            json.WriteString("value"u8, traceId);
        }

        json.WriteBoolean("complete"u8, trace.Complete);
        WriteMissing(json, trace.Missing);

        // Rows of one time keep the order in which the service found them. They leave as they are written: a trace may be far larger than a query's answer.
        json.WriteStartArray("rows"u8);
        foreach (var row in trace.Rows.OrderBy(row => row.TimeNs))
        {
            json.WriteRawValue(row.Json.Span, skipInputValidation: true);
            if (json.BytesPending >= FlushBytes)
            {
                await json.FlushAsync(cancellation).ConfigureAwait(false);
                await body.FlushAsync(cancellation).ConfigureAwait(false);
            }
        }

        json.WriteEndArray();
        ReceiptJson.Write(json, trace.Receipt, [], []);
        json.WriteEndObject();
    }

    /// <summary>Writes why an answer is not whole, as the member <c>missing</c>.</summary>
    internal static void WriteMissing(Utf8JsonWriter json, IReadOnlyList<TraceGap> missing)
    {
        json.WriteStartArray("missing"u8);
        foreach (var gap in missing)
        {
            json.WriteStartObject();
            json.WriteString("reason"u8, gap.Reason);
            json.WriteString("detail"u8, gap.Detail);
            if (gap.Rows is { } rows)
            {
                json.WriteNumber("rows"u8, rows);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
