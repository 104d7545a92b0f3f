using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// Turns what is left over into problem documents: unknown paths and methods, requests that the server itself refuses, and failures, which are logged and
/// told to the client without their insides.
/// </summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> log)
{
    /// <summary>Serves one request.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context).ConfigureAwait(false);
            if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentType: null, ContentLength: null })
            {
                await Problem.OfStatus(context, context.Response.StatusCode).SendAsync(context).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone: there is nobody to answer.
        }
        catch (Exception failure) when (!context.Response.HasStarted)
        {
            await OfFailure(context, failure).SendAsync(context).ConfigureAwait(false);
        }
    }

    private Problem OfFailure(HttpContext context, Exception failure)
    {
        switch (failure)
        {
            case ServiceUnavailableException unavailable:
                return Problem.Unavailable(unavailable);
            case BadHttpRequestException refused:
                return new(refused.StatusCode, "bad-request", "The request cannot be read", refused.Message);
            default:
                LogFailure(log, failure, context.Request.Method, context.Request.Path, context.TraceIdentifier);
                return Problem.OfStatus(context, StatusCodes.Status500InternalServerError);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed ({TraceIdentifier})")]
    private static partial void LogFailure(ILogger logger, Exception failure, string method, string path, string traceIdentifier);
}
