using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// Lets a bounded number of requests ask the partitions at once, a bounded number wait, and refuses the rest; gives each a time-out; counts them. Any thread.
/// </summary>
internal sealed class QueryAdmission(QueryHttpOptions options, TimeProvider time, QueryMetrics metrics) : IDisposable
{
    private readonly ConcurrencyLimiter _limiter = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = options.ConcurrentQueries,
        QueueLimit = options.QueuedQueries,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    /// <summary>
    /// Does <paramref name="work"/> when it is this request's turn and sends the problem it returns, if any. Its token fires when the client has gone or
    /// the time is up; only the latter is answered (504). Work sends its own answer when it returns null.
    /// </summary>
    public async Task RunAsync(HttpContext context, string kind, Func<CancellationToken, Task<ProblemDocument?>> work)
    {
        var started = time.GetTimestamp();
        var status = StatusCodes.Status500InternalServerError;
        metrics.Begin();
        try
        {
            var problem = await RunLimitedAsync(context, work).ConfigureAwait(false);
            if (problem is not null)
            {
                await problem.WriteAsync(context).ConfigureAwait(false);
            }

            status = context.Response.StatusCode;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            status = StatusCodes.Status499ClientClosedRequest;
        }
        finally
        {
            metrics.End(kind, status, time.GetElapsedTime(started));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter.Dispose();

    private async Task<ProblemDocument?> RunLimitedAsync(HttpContext context, Func<CancellationToken, Task<ProblemDocument?>> work)
    {
        using var timeout = new CancellationTokenSource(options.QueryTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, context.RequestAborted);
        try
        {
            using var turn = await _limiter.AcquireAsync(1, either.Token).ConfigureAwait(false);
            return turn.IsAcquired
                ? await work(either.Token).ConfigureAwait(false)
                : Problems.Overloaded($"{options.ConcurrentQueries} queries run and {options.QueuedQueries} wait on this node; ask again, or ask another query node");
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
        {
            return Problems.TimedOut(options.QueryTimeout);
        }
        catch (Services.ServiceUnavailableException unavailable)
        {
            return Problems.Unavailable(unavailable);
        }
    }
}
