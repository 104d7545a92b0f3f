using System.Buffers;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>POST /api/v1/query</c> and <c>GET /api/v1/results/{id}</c>.</summary>
internal sealed class QueryEndpoint(IQueryService queries, IResultStore results, IResultIds ids, QueryAdmission admission)
{
    /// <summary>Route of a query.</summary>
    public const string QueryRoute = "/api/v1/query";

    /// <summary>Route of a stored answer.</summary>
    public const string ResultRoute = "/api/v1/results/{id}";

    private const int AnswerBytesTypical = 4 << 10;

    /// <summary>Answers a query.</summary>
    public async Task QueryAsync(HttpContext context)
    {
        var body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        if (body.Problem is not null)
        {
            await body.Problem.WriteAsync(context).ConfigureAwait(false);
            return;
        }

        using var json = body.Value;
        var read = QueryRequestJson.Read(json.Root);
        if (read.Problem is not null)
        {
            await read.Problem.WriteAsync(context).ConfigureAwait(false);
            return;
        }

        var (request, echo) = read.Value;
        await admission.RunAsync(context, "query", cancellation => AnswerAsync(context, request, echo, cancellation)).ConfigureAwait(false);
    }

    /// <summary>Gives a stored answer back, byte for byte.</summary>
    public async Task ResultAsync(HttpContext context)
    {
        var id = PathNames.Segment(context, "id");
        var json = id.Length > QueryHttpLimits.ResultIdCharsMax ? null : await results.GetAsync(id, context.RequestAborted).ConfigureAwait(false);
        if (json is not { } stored)
        {
            await Problems.NotFound("id", JsonText.Excerpt(id), "no answer is stored under this id (any more)").WriteAsync(context).ConfigureAwait(false);
            return;
        }

        context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, JsonOutput.MediaType, stored).ConfigureAwait(false);
    }

    private async Task<ProblemDocument?> AnswerAsync(HttpContext context, QueryRequest request, QueryEcho echo, CancellationToken cancellation)
    {
        switch (await queries.ExecuteAsync(request, cancellation).ConfigureAwait(false))
        {
            case QueryOutcome.UnknownDataset:
                return Problems.UnknownDataset(request.Dataset);
            case QueryOutcome.Refused refused:
                return Problems.Unprocessable("query cannot be answered as asked", "query.", refused.Errors);
            case QueryOutcome.Answered { Answer.Receipt: { Failed.Count: > 0 } receipt } when !request.PartialAllowed:
                return Problems.Partial(receipt);
            case QueryOutcome.Answered answered:
                var id = ids.Next();
                var buffer = new ArrayBufferWriter<byte>(AnswerBytesTypical);
                await using (var json = JsonOutput.Writer(buffer))
                {
                    if (!AnswerJson.TryWrite(json, id, echo, answered.Answer, QueryHttpLimits.AnswerBytesMax))
                    {
                        return TooLarge(request, answered.Answer.Results.Count);
                    }
                }

                // A copy of its own length: the buffer is up to twice as large, and the store counts bytes.
                ReadOnlyMemory<byte> answer = buffer.WrittenSpan.ToArray();
                await results.PutAsync(id, answer, cancellation).ConfigureAwait(false);
                context.Response.Headers.CacheControl = "no-store";
                context.Response.Headers.ContentLocation = "/api/v1/results/" + id;
                await JsonOutput.SendAsync(context, StatusCodes.Status200OK, JsonOutput.MediaType, answer).ConfigureAwait(false);
                return null;
            case var other:
                throw new InvalidOperationException($"a query service returned {other}");
        }
    }

    private static ProblemDocument TooLarge(QueryRequest request, int groups)
    {
        var limit = request.Spec.Limit.ToString(CultureInfo.InvariantCulture);
        var message = string.Create(
            CultureInfo.InvariantCulture,
            $"{groups} groups over time need more than {QueryHttpLimits.AnswerBytesMax} bytes; lower limit, raise granularity or group by less");
        return Problems.Unprocessable("answer too large", "query.", [new QueryError("limit", limit, message)]);
    }
}
