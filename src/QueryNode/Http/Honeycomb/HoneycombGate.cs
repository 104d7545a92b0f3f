using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>What every request of this interface passes: the key, admission, and the shape of its problems.</summary>
internal sealed class HoneycombGate(IApiKeys keys, QueryAdmission admission)
{
    private const string KeyHeader = "X-Honeycomb-Team";
    private const string Bearer = "Bearer ";
    private const string Kind = "honeycomb";

    /// <summary>A request that asks partitions: it waits for its turn.</summary>
    public Task AskAsync(HttpContext context, Func<CancellationToken, Task<ProblemDocument?>> work) => RunAsync(context, (_, cancellation) => work(cancellation), admission.RunAsync);

    /// <summary>A request that is answered from what this node holds.</summary>
    public Task AtOnceAsync(HttpContext context, Func<CancellationToken, Task<ProblemDocument?>> work) => RunAsync(context, (_, cancellation) => work(cancellation), admission.RunAtOnceAsync);

    /// <summary>The same for work that wants to know what the key may do.</summary>
    public Task AtOnceAsync(HttpContext context, Func<ApiKeyAccess, CancellationToken, Task<ProblemDocument?>> work) => RunAsync(context, work, admission.RunAtOnceAsync);

    private delegate Task Admit(
        HttpContext context, string kind, Func<CancellationToken, Task<ProblemDocument?>> work, Func<HttpContext, ProblemDocument, ProblemDocument>? shape);

    private async Task RunAsync(HttpContext context, Func<ApiKeyAccess, CancellationToken, Task<ProblemDocument?>> work, Admit admit)
    {
        if (await keys.FindAsync(KeyOf(context.Request), context.RequestAborted).ConfigureAwait(false) is not { } access)
        {
            await HoneycombProblems.UnknownKeyAsync(context).ConfigureAwait(false);
            return;
        }

        if (!access.MayChange && !HttpMethods.IsGet(context.Request.Method))
        {
            var refusal = new ProblemDocument { Status = StatusCodes.Status403Forbidden, Title = "forbidden", Detail = "this key may only read" };
            await HoneycombProblems.Shape(context, refusal).WriteAsync(context).ConfigureAwait(false);
            return;
        }

        await admit(context, Kind, cancellation => work(access, cancellation), HoneycombProblems.Shape).ConfigureAwait(false);
    }

    /// <summary>The key of the request, in either of the two headers; null when it has none.</summary>
    private static string? KeyOf(HttpRequest request)
    {
        string? key = request.Headers[KeyHeader];
        string? authorization = request.Headers.Authorization;
        return key ?? (authorization?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) == true ? authorization[Bearer.Length..].Trim() : null);
    }
}
