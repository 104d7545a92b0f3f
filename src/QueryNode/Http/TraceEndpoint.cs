using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET /api/v1/traces/{traceId}</c>.</summary>
internal sealed class TraceEndpoint(ITraceService traces, QueryAdmission admission)
{
    /// <summary>Route of a trace.</summary>
    public const string Route = "/api/v1/traces/{traceId}";

    /// <summary>Answers with all rows of the trace in order of time.</summary>
    public Task GetAsync(HttpContext context) => admission.RunAsync(context, "trace", async cancellation =>
    {
        var traceId = PathNames.Segment(context, "traceId");
        if (traceId.Length > QueryHttpLimits.TraceIdCharsMax)
        {
            return Problems.BadRequest(new ProblemError("traceId", JsonText.Excerpt(traceId), $"may have {QueryHttpLimits.TraceIdCharsMax} characters"));
        }

        var trace = await traces.GetAsync(traceId, cancellation).ConfigureAwait(false);
        if (trace.Rows.Count == 0 && trace.Missing.Count == 0)
        {
            return Problems.NotFound("traceId", traceId, $"no event with the trace id \"{traceId}\" is held");
        }

        // Rows of one time keep the order in which the service found them.
        var rows = trace.Rows.OrderBy(row => row.TimeNs).ToArray();
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("trace_id"u8, traceId);
            json.WriteBoolean("complete"u8, trace.Complete);

            json.WriteStartArray("missing"u8);
            foreach (var gap in trace.Missing)
            {
                json.WriteStartObject();
                json.WriteString("reason"u8, gap.Reason);
                json.WriteString("detail"u8, gap.Detail);
                if (gap.Rows is { } missing)
                {
                    json.WriteNumber("rows"u8, missing);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();

            json.WriteStartArray("rows"u8);
            foreach (var row in rows)
            {
                json.WriteRawValue(row.Json.Span, skipInputValidation: true);
            }

            json.WriteEndArray();
            ReceiptJson.Write(json, trace.Receipt, [], []);
            json.WriteEndObject();
        }).ConfigureAwait(false);
        return null;
    });
}
