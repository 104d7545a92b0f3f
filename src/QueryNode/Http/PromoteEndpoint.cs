using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>POST /api/v1/promote</c>: brings dropped rows back for reading.</summary>
internal sealed class PromoteEndpoint(IPromotionService promotions, QueryAdmission admission, TimeProvider time)
{
    /// <summary>The route.</summary>
    public const string Route = "/api/v1/promote";

    private const string Known = "trace_id, dataset, filter, " + TimeSpanJson.Known;

    /// <summary>Brings them back.</summary>
    public Task PostAsync(HttpContext context) => JsonBody.UseAsync(context, async json =>
    {
        await admission.RunLongAsync(context, "promote", async cancellation =>
        {
            var request = Read(json.Root);
            if (request.Problem is not null)
            {
                return request.Problem;
            }

            var answer = await promotions.PromoteAsync(request.Value, cancellation).ConfigureAwait(false);
            if (answer.Receipt.Answered == 0)
            {
                return Problems.NoneAnswered(answer.Receipt);
            }

            await JsonOutput.SendAsync(context, StatusCodes.Status200OK, output => Write(output, answer)).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);
    });

    private Reading<PromotionRequest> Read(JsonElement body)
    {
        var errors = new List<ProblemError>();
        string? traceId = null, dataset = null, filter = null;
        var span = new TimeSpanJson(QueryHttpLimits.BiasRangeSecondsDefault);
        var hasSpan = false;
        foreach (var member in body.EnumerateObject())
        {
            switch (member.Name)
            {
                case "trace_id":
                    traceId = QueryRequestJson.Text(member, errors);
                    break;
                case "dataset":
                    dataset = QueryRequestJson.Text(member, errors);
                    break;
                case "filter":
                    filter = QueryRequestJson.Text(member, errors);
                    break;
                default:
                    if (span.TryTake(member, errors))
                    {
                        hasSpan = true;
                    }
                    else
                    {
                        errors.Add(new(member.Name, JsonText.Excerpt(member.Value), $"is not a member here; known: {Known}"));
                    }

                    break;
            }
        }

        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var (start, end) = traceId is not null && !hasSpan ? (0, now + 1) : span.Of(now, errors);
        CheckWhat(traceId, dataset, filter, errors);
        if (errors.Count > 0)
        {
            return Problems.BadRequest(errors);
        }

        var request = new PromotionRequest { TraceId = traceId, Dataset = DatasetNames.Normalise(dataset ?? DatasetNames.All), StartNs = start * 1_000_000_000, EndNs = end * 1_000_000_000 };
        if (filter is null)
        {
            return request;
        }

        if (!ConditionText.Parse(filter).TryGet(out var condition, out var wrong))
        {
            return Problems.BadText("filter", wrong);
        }

        return QuerySupport.CheckTail(condition, []) is [var unsupported, ..]
            ? Problems.BadRequest(new ProblemError("filter", JsonText.Excerpt(filter), unsupported.Message))
            : request with { Where = condition };
    }

    private static void CheckWhat(string? traceId, string? dataset, string? filter, List<ProblemError> errors)
    {
        if (traceId is null && filter is null && !errors.Exists(error => error.Field is "filter" or "trace_id"))
        {
            errors.Add(new("filter", null, "is missing; say which events, as behind WHERE in a query, or give a \"trace_id\""));
        }
        else if (traceId is not null && (filter ?? dataset) is not null)
        {
            errors.Add(new(filter is null ? "dataset" : "filter", null, "is given beside \"trace_id\", which says it all"));
        }
        else if (traceId is { Length: 0 or > QueryHttpLimits.TraceIdCharsMax })
        {
            errors.Add(new("trace_id", JsonText.Excerpt(traceId), $"has from 1 to {QueryHttpLimits.TraceIdCharsMax} characters"));
        }

        if (dataset is not null && PathNames.CheckDataset(dataset) is { } badName)
        {
            errors.Add(badName);
        }
    }

    private static void Write(Utf8JsonWriter json, PromotionAnswer answer)
    {
        json.WriteStartObject();
        json.WriteNumber("promoted"u8, answer.Promoted);
        json.WriteNumber("already_promoted"u8, answer.Already);
        json.WriteNumber("kept"u8, answer.Kept);
        json.WriteNumber("traces"u8, answer.Traces);
        json.WriteStartArray("trace_ids"u8);
        foreach (var id in answer.TraceIds)
        {
            json.WriteStringValue(id);
        }

        json.WriteEndArray();
        json.WriteBoolean("complete"u8, answer.Missing.Count == 0);
        TraceEndpoint.WriteMissing(json, answer.Missing);
        ReceiptJson.Write(json, answer.Receipt, [], []);
        json.WriteEndObject();
    }
}
