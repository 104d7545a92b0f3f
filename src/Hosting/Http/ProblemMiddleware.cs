using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Hosting;

/// <summary>
/// Turns what no endpoint answered into a problem document: an exception (logged, 500, nothing of it in the answer), a full heap (503), a malformed request, an unknown path
/// (404 that names the known ones, closest first), a wrong method (405 that names the right ones).
/// </summary>
public sealed class ProblemMiddleware
{
    private readonly RequestDelegate _next;
    private readonly EndpointDataSource _endpoints;
    private readonly ILogger<ProblemMiddleware> _logger;

    /// <summary>For ASP.NET's pipeline.</summary>
    public ProblemMiddleware(RequestDelegate next, EndpointDataSource endpoints, ILogger<ProblemMiddleware> logger)
    {
        _next = next;
        _endpoints = endpoints;
        _logger = logger;
    }

    /// <summary>Handles one request.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await _next(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone: nobody to answer.
            return;
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await new ProblemDocument { Status = e.StatusCode, Title = "malformed request", Detail = e.Message }.WriteAsync(context).ConfigureAwait(false);
            return;
        }
        catch (OutOfMemoryException e) when (!context.Response.HasStarted)
        {
            // What the request held is garbage by now: the next one may well succeed.
            _logger.LogError(e, "{Method} {Path} found the heap full", context.Request.Method, context.Request.Path);
            context.Response.Clear();
            await ProblemDocument.Unavailable("the memory of this node is used up for the moment; ask again, ask for less at a time, or raise memory").WriteAsync(context).ConfigureAwait(false);
            return;
        }
#pragma warning disable CA1031 // the last line of defence of a request: whatever it is, it is logged and answered
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.LogError(e, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
            if (context.Response.HasStarted)
            {
                // Cutting the connection is the only way left to say that the answer is not whole.
                context.Abort();
                return;
            }

            context.Response.Clear();
            await new ProblemDocument
            {
                Status = StatusCodes.Status500InternalServerError,
                Title = "internal error",
                Detail = $"the request failed by a fault of the server; its log has the reason under the trace identifier {context.TraceIdentifier}",
            }.WriteAsync(context).ConfigureAwait(false);
            return;
        }

        if (!context.Response.HasStarted && context.Response.ContentType is null && context.Response.ContentLength is null or 0)
        {
            ProblemDocument? problem = context.Response.StatusCode switch
            {
                StatusCodes.Status404NotFound => UnknownPath(context),
                StatusCodes.Status405MethodNotAllowed => WrongMethod(context),
                _ => null,
            };
            if (problem is not null)
            {
                await problem.WriteAsync(context).ConfigureAwait(false);
            }
        }
    }

    private ProblemDocument UnknownPath(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        IEnumerable<string> known = _endpoints.Endpoints.OfType<RouteEndpoint>()
            .Select(e => e.RoutePattern.RawText)
            .OfType<string>()
            .Select(p => p.StartsWith('/') ? p : "/" + p)
            .Distinct(StringComparer.Ordinal);
        string paths = string.Join(", ", ClosestMatch.Order(path, known).Take(Limits.KnownPathsNamedMax));
        return ProblemDocument.NotFound($"there is no path \"{path}\"; the paths are {paths}", new ProblemError("path", path, $"expected one of {paths}"));
    }

    private static ProblemDocument WrongMethod(HttpContext context)
    {
        string allowed = context.Response.Headers.Allow.ToString();
        return new ProblemDocument
        {
            Status = StatusCodes.Status405MethodNotAllowed,
            Title = "method not allowed",
            Detail = $"{context.Request.Path} does not take {context.Request.Method}; it takes {allowed}",
            Errors = [new ProblemError("method", context.Request.Method, $"expected {allowed}")],
        };
    }
}
