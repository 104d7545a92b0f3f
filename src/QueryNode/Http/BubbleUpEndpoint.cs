using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>POST /api/v1/bubbleup</c>: what tells the selected events from the rest.</summary>
internal sealed class BubbleUpEndpoint(IBubbleUpService service, QueryAdmission admission)
{
    /// <summary>Its route.</summary>
    public const string Route = "/api/v1/bubbleup";

    /// <summary>Answers.</summary>
    public Task PostAsync(HttpContext context) => JsonBody.UseAsync(context, async json =>
    {
        var read = BubbleUpRequestJson.Read(json.Root);
        if (read.Problem is not null)
        {
            await read.Problem.WriteAsync(context).ConfigureAwait(false);
            return;
        }

        var (request, echo) = read.Value;
        await admission.RunAsync(context, "bubbleup", cancellation => AnswerAsync(context, request, echo, cancellation)).ConfigureAwait(false);
    });

    private async Task<ProblemDocument?> AnswerAsync(HttpContext context, BubbleUpRequest request, QueryEcho echo, CancellationToken cancellation)
    {
        switch (await service.CompareAsync(request, cancellation).ConfigureAwait(false))
        {
            case BubbleUpOutcome.UnknownDataset:
                return Problems.UnknownDataset(request.Dataset);
            case BubbleUpOutcome.Refused refused:
                return Problems.Unprocessable("comparison cannot be made as asked", "", refused.Errors);
            case BubbleUpOutcome.Answered { Receipt: { Failed.Count: > 0 } receipt } when !request.PartialAllowed:
                return Problems.Partial(receipt);
            case BubbleUpOutcome.Answered answered:
                context.Response.Headers.CacheControl = "no-store";
                await JsonOutput.SendAsync(context, StatusCodes.Status200OK, output => BubbleUpJson.Write(output, echo, answered)).ConfigureAwait(false);
                return null;
            case var other:
                throw new InvalidOperationException($"a comparison came to {other}");
        }
    }
}
