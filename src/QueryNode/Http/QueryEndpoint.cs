using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>POST /api/v1/query</c>.</summary>
internal sealed class QueryEndpoint(QueryRunner runner, IResultIds ids, QueryAdmission admission)
{
    /// <summary>Route of a query.</summary>
    public const string Route = "/api/v1/query";

    /// <summary>Answers a query.</summary>
    public Task QueryAsync(HttpContext context) => JsonBody.UseAsync(context, async json =>
    {
        var read = QueryRequestJson.Read(json.Root);
        if (read.Problem is not null)
        {
            await read.Problem.WriteAsync(context).ConfigureAwait(false);
            return;
        }

        var (request, echo) = read.Value;
        await admission.RunAsync(context, "query", cancellation => AnswerAsync(context, request, echo, cancellation)).ConfigureAwait(false);
    });

    private async Task<ProblemDocument?> AnswerAsync(HttpContext context, QueryRequest request, QueryEcho echo, CancellationToken cancellation)
    {
        var id = ids.Next();
        var answer = await runner.RunAsync(id, request, echo, cancellation).ConfigureAwait(false);
        if (answer.Problem is not null)
        {
            return answer.Problem;
        }

        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.ContentLocation = ResultEndpoint.PathOf(id);
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, JsonOutput.MediaType, answer.Value).ConfigureAwait(false);
        return null;
    }
}
