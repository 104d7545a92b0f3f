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
    /// the time is up; only the latter is answered (504). Work sends its own answer when it returns null. Problems pass through <paramref name="shape"/>, if there is one.
    /// </summary>
    public Task RunAsync(HttpContext context, string kind, Func<CancellationToken, Task<ProblemDocument?>> work, Func<HttpContext, ProblemDocument, ProblemDocument>? shape = null) =>
        RunAsync(context, kind, work, shape, limited: true, options.QueryTimeout);

    /// <summary>The same for work that reads the log once more, which may take longer.</summary>
    public Task RunLongAsync(HttpContext context, string kind, Func<CancellationToken, Task<ProblemDocument?>> work) =>
        RunAsync(context, kind, work, shape: null, limited: true, TimeSpan.FromSeconds(QueryHttpLimits.LogPassTimeoutSeconds));

    /// <summary>The same for work that asks no partition: it does not wait for its turn.</summary>
    public Task RunAtOnceAsync(HttpContext context, string kind, Func<CancellationToken, Task<ProblemDocument?>> work, Func<HttpContext, ProblemDocument, ProblemDocument>? shape = null) =>
        RunAsync(context, kind, work, shape, limited: false, options.QueryTimeout);

    /// <summary>
    /// Does <paramref name="work"/> behind the back of its request, which only learns whether it was taken on: false = too much runs and waits already.
    /// <paramref name="ended"/> is told the problem, or null when the work is done; or the exception that no work should have
    /// thrown. Ends early when <paramref name="stopping"/> fires.
    /// </summary>
    public bool TryRunBehind(string kind, Func<CancellationToken, Task<ProblemDocument?>> work, Action<ProblemDocument?, Exception?> ended, CancellationToken stopping)
    {
        var timeout = new CancellationTokenSource(options.QueryTimeout, time);
        var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stopping);
        var turn = _limiter.AcquireAsync(1, either.Token).AsTask();
        if (turn.IsCompletedSuccessfully && !turn.Result.IsAcquired)
        {
            turn.Result.Dispose();
            either.Dispose();
            timeout.Dispose();
            return false;
        }

        metrics.Begin();
        _ = RunBehindAsync(kind, turn, work, ended, timeout, either);
        return true;
    }

    /// <summary>What a request that was not let in is told.</summary>
    public ProblemDocument Overloaded() =>
        Problems.Overloaded($"{options.ConcurrentQueries} queries run and {options.QueuedQueries} wait on this node; ask again, or ask another query node");

    /// <inheritdoc/>
    public void Dispose() => _limiter.Dispose();

    private async Task RunAsync(
        HttpContext context, string kind, Func<CancellationToken, Task<ProblemDocument?>> work, Func<HttpContext, ProblemDocument, ProblemDocument>? shape, bool limited, TimeSpan within)
    {
        var started = time.GetTimestamp();
        var status = StatusCodes.Status500InternalServerError;
        metrics.Begin();
        try
        {
            var problem = await RunTimedAsync(context, work, limited, within).ConfigureAwait(false);
            if (problem is not null)
            {
                await (shape is null ? problem : shape(context, problem)).WriteAsync(context).ConfigureAwait(false);
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

    private async Task<ProblemDocument?> RunTimedAsync(HttpContext context, Func<CancellationToken, Task<ProblemDocument?>> work, bool limited, TimeSpan within)
    {
        using var timeout = new CancellationTokenSource(within, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, context.RequestAborted);
        try
        {
            if (!limited)
            {
                return await work(either.Token).ConfigureAwait(false);
            }

            using var turn = await _limiter.AcquireAsync(1, either.Token).ConfigureAwait(false);
            return turn.IsAcquired ? await work(either.Token).ConfigureAwait(false) : Overloaded();
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
        {
            return Problems.TimedOut(within);
        }
        catch (Services.ServiceUnavailableException unavailable)
        {
            return Problems.Unavailable(unavailable);
        }
    }

    private async Task RunBehindAsync(
        string kind,
        Task<RateLimitLease> waiting,
        Func<CancellationToken, Task<ProblemDocument?>> work,
        Action<ProblemDocument?, Exception?> ended,
        CancellationTokenSource timeout,
        CancellationTokenSource either)
    {
        var started = time.GetTimestamp();
        var status = StatusCodes.Status200OK;
        ProblemDocument? problem = null;
        Exception? fault = null;
        try
        {
            using var turn = await waiting.ConfigureAwait(false);
            problem = turn.IsAcquired ? await work(either.Token).ConfigureAwait(false) : Overloaded();
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            problem = Problems.TimedOut(options.QueryTimeout);
        }
        catch (OperationCanceledException)
        {
            problem = Problems.Unavailable(new Services.ServiceUnavailableException("the server is stopping", isTransient: true));
        }
        catch (Services.ServiceUnavailableException unavailable)
        {
            problem = Problems.Unavailable(unavailable);
        }
#pragma warning disable CA1031 // nobody awaits this: whatever it is goes to the one who asked
        catch (Exception failure)
#pragma warning restore CA1031
        {
            fault = failure;
            status = StatusCodes.Status500InternalServerError;
        }

        either.Dispose();
        timeout.Dispose();
        metrics.End(kind, problem?.Status ?? status, time.GetElapsedTime(started));
        ended(problem, fault);
    }
}
