using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Hosting;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET /api/v1/tail</c>: matching events as Server-Sent Events until the client goes, the service ends the tail, or the server stops.</summary>
internal sealed class TailEndpoint(ITailService tails, QueryHttpOptions options, QueryMetrics metrics, TimeProvider time, IHostApplicationLifetime lifetime)
{
    /// <summary>Route of the tail.</summary>
    public const string Route = "/api/v1/tail";

    private const string StoppingReason = "the server is stopping; resume on another query node, or on this one in some seconds";
    private static readonly TimeSpan StatsPeriod = TimeSpan.FromSeconds(TailLimits.StatsSeconds);
    private static readonly TimeSpan StalledMax = TimeSpan.FromSeconds(TailLimits.StalledReaderSecondsMax);
    private static readonly TimeSpan FarewellMax = TimeSpan.FromSeconds(TailLimits.FarewellSecondsMax);

    private int _subscribers;

    /// <summary>Serves one tail.</summary>
    public async Task TailAsync(HttpContext context)
    {
        var read = TailRequestParameters.Read(context.Request);
        if (read.Problem is not null)
        {
            await read.Problem.WriteAsync(context).ConfigureAwait(false);
            return;
        }

        if (Interlocked.Increment(ref _subscribers) > options.TailSubscribers)
        {
            Interlocked.Decrement(ref _subscribers);
            await Problems.Overloaded($"{options.TailSubscribers} live tails run on this node; end one, or ask another query node").WriteAsync(context).ConfigureAwait(false);
            return;
        }

        metrics.TailSubscribers(1);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            await SubscribeAsync(context, read.Value, end.Token).ConfigureAwait(false);
        }
        catch (ServiceUnavailableException unavailable) when (!context.Response.HasStarted)
        {
            await Problems.Unavailable(unavailable).WriteAsync(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested && !context.Response.HasStarted)
        {
            await Problems.Unavailable(new ServiceUnavailableException(StoppingReason, isTransient: true)).WriteAsync(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client has gone, or the server stops and has said so.
        }
        finally
        {
            metrics.TailSubscribers(-1);
            Interlocked.Decrement(ref _subscribers);
        }
    }

    private async Task SubscribeAsync(HttpContext context, TailRequest request, CancellationToken cancellation)
    {
        switch (await tails.SubscribeAsync(request, cancellation).ConfigureAwait(false))
        {
            case TailOutcome.Refused refused:
                await Problems.BadRequest([.. refused.Errors.Select(error => new ProblemError(error.Field, error.Value, error.Message))]).WriteAsync(context).ConfigureAwait(false);
                break;
            case TailOutcome.UnknownDataset:
                await Problems.UnknownDataset(request.Dataset).WriteAsync(context).ConfigureAwait(false);
                break;
            case TailOutcome.Started started:
                await using (started.Subscription)
                {
                    await StreamAsync(context, started.Subscription, cancellation).ConfigureAwait(false);
                }

                break;
            case var other:
                throw new InvalidOperationException($"a tail service returned {other}");
        }
    }

    private async Task StreamAsync(HttpContext context, TailSubscription subscription, CancellationToken cancellation)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } slowest)
        {
            // A reader may be as slow as it likes: what it misses is counted, and its queue is bounded.
            slowest.MinDataRate = null;
        }

        using var ticks = new PeriodicTimer(StatsPeriod, time);
        var events = new SseWriter(context.Response.BodyWriter, time);
        var reported = default(TailCounts);
        try
        {
            events.Retry(TailLimits.ReconnectMs);
            events.Comment("tailing"u8);
            if (!await events.FlushAsync(StalledMax, cancellation).ConfigureAwait(false))
            {
                return;
            }

            var tick = ticks.WaitForNextTickAsync(cancellation).AsTask();
            var rows = subscription.WaitToReadAsync(cancellation).AsTask();
            for (var seconds = 0; ;)
            {
                await Task.WhenAny(rows, tick).ConfigureAwait(false);
                var ended = rows.IsCompleted && !await rows.ConfigureAwait(false);
                if (ended)
                {
                    TailEventJson.WriteEnd(events, subscription, subscription.EndReason ?? "the tail was closed");
                }
                else
                {
                    // The clock goes first: rows without a pause must not keep the counters from the reader.
                    if (tick.IsCompleted)
                    {
                        await tick.ConfigureAwait(false);
                        tick = ticks.WaitForNextTickAsync(cancellation).AsTask();
                        TailEventJson.WriteStats(events, subscription);
                        reported = Report(subscription, reported);
                        seconds += TailLimits.StatsSeconds;
                        if (seconds % TailLimits.HeartbeatSeconds == 0)
                        {
                            events.Comment("heartbeat"u8);
                        }
                    }

                    while (events.Unflushed < TailLimits.FlushBytes && subscription.TryRead(out var row))
                    {
                        events.Event("row"u8, row.ResumeToken, row.Json.Span);
                    }
                }

                if (!await events.FlushAsync(StalledMax, cancellation).ConfigureAwait(false) || ended)
                {
                    return;
                }

                if (rows.IsCompleted)
                {
                    rows = subscription.WaitToReadAsync(cancellation).AsTask();
                }
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            await SayFarewellAsync(context, events, subscription).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The reader is stuck: cutting the connection frees what it holds, and it can resume by its token.
            context.Abort();
        }
        finally
        {
            Report(subscription, reported);
        }
    }

    /// <summary>Tells the reader that the server stops, if it takes that at once: nobody's slowness holds up the end of the process.</summary>
    private static async Task SayFarewellAsync(HttpContext context, SseWriter events, TailSubscription subscription)
    {
        try
        {
            TailEventJson.WriteEnd(events, subscription, StoppingReason);
            await events.FlushAsync(FarewellMax, context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception stuck) when (stuck is TimeoutException or OperationCanceledException)
        {
            context.Abort();
        }
    }

    private TailCounts Report(TailSubscription subscription, TailCounts reported)
    {
        var counts = subscription.Counts;
        metrics.TailRows(counts.Sent - reported.Sent, counts.Skipped - reported.Skipped);
        return counts;
    }
}
