using System.Net;
using StreamObserve.Core.Events;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class QueryLifecycleTests
{
    private const string Body = """{"dataset":"d","query":{}}""";

    [Fact]
    public async Task AClientThatGoesCancelsItsQuery()
    {
        await using var server = await QueryNodeServer.StartAsync();
        var (entered, canceled) = (Signal(), Signal());
        server.Queries.Answer = async (_, cancellation) =>
        {
            using var registration = cancellation.Register(() => canceled.TrySetResult());
            entered.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
            throw new InvalidOperationException("not reached");
        };
        using var client = new CancellationTokenSource();
        using var content = new StringContent(Body, null, "application/json");
        var request = server.Client.PostAsync("/api/v1/query", content, client.Token);
        await entered.Task.WaitAsync(TestContext.Current.CancellationToken);

        await client.CancelAsync();

        await canceled.Task.WaitAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
    }

    [Fact]
    public async Task AQueryPastItsTimeIsCanceledAndAnswered504()
    {
        await using var server = await QueryNodeServer.StartAsync(new() { QueryTimeout = TimeSpan.FromSeconds(2.5) });
        var entered = Signal();
        server.Queries.Answer = async (_, cancellation) =>
        {
            entered.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
            throw new InvalidOperationException("not reached");
        };
        var request = server.QueryAsync(Body);
        await entered.Task.WaitAsync(TestContext.Current.CancellationToken);

        server.Time.Advance(TimeSpan.FromSeconds(2.49));
        Assert.False(request.IsCompleted);
        server.Time.Advance(TimeSpan.FromSeconds(0.01));

        using var response = await request;
        using var problem = await QueryErrorTests.ProblemAsync(response, HttpStatusCode.GatewayTimeout);
        Assert.Contains("2.5 s", problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, HttpStatusCode.OK, 2)]
    [InlineData(2, HttpStatusCode.ServiceUnavailable, 2)]
    public async Task AQueryThatFindsTheHeapFullIsTriedOnceMore(int full, HttpStatusCode status, int attempts)
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Queries.Answer = (_, _) => full-- > 0 ? throw new OutOfMemoryException() : Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(Answers.Count(7)));
        using var response = await server.QueryAsync(Body);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal(attempts, server.Queries.Requests.Count);
    }

    [Fact]
    public async Task QueriesPastTheQueueAreTurnedAwayAndTheQueueRunsInOrder()
    {
        await using var server = await QueryNodeServer.StartAsync(new() { ConcurrentQueries = 1, QueuedQueries = 1 });
        var (entered, release) = (Signal(), Signal());
        server.Queries.Answer = async (_, cancellation) =>
        {
            entered.TrySetResult();
            await release.Task.WaitAsync(cancellation);
            return new QueryOutcome.Answered(Answers.Count(1));
        };
        var running = server.QueryAsync(Body);
        await entered.Task.WaitAsync(TestContext.Current.CancellationToken);

        // Of two more one waits and one is turned away at once, whichever comes first.
        var rest = new[] { server.QueryAsync(Body), server.QueryAsync(Body) };
        var first = await Task.WhenAny(rest);
        using (var refused = await first)
        {
            using var problem = await QueryErrorTests.ProblemAsync(refused, HttpStatusCode.TooManyRequests);
            Assert.Equal("1", refused.Headers.RetryAfter!.ToString());
        }

        Assert.Single(server.Queries.Requests);
        release.SetResult();
        using var answered = await running;
        using var queued = await rest.Single(task => task != first);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (answered.StatusCode, queued.StatusCode));
    }

    [Fact]
    public async Task WaitingForATurnCountsTowardsTheTimeOut()
    {
        await using var server = await QueryNodeServer.StartAsync(new() { ConcurrentQueries = 1, QueuedQueries = 1, QueryTimeout = TimeSpan.FromSeconds(1) });
        var (entered, release) = (Signal(), Signal());
        server.Queries.Answer = async (_, _) =>
        {
            entered.TrySetResult();
            await release.Task;
            return new QueryOutcome.Answered(Answers.Count(1));
        };
        var running = server.QueryAsync(Body);
        await entered.Task.WaitAsync(TestContext.Current.CancellationToken);

        // When the second one's time begins cannot be seen from outside, so time goes on until it is up.
        var waiting = server.QueryAsync(Body);
        while (!waiting.IsCompleted)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            server.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        using var timedOut = await waiting;
        Assert.Equal(HttpStatusCode.GatewayTimeout, timedOut.StatusCode);
        Assert.Single(server.Queries.Requests);

        release.SetResult();
        using var late = await running;
        Assert.Equal(HttpStatusCode.OK, late.StatusCode);
    }

    [Fact]
    public async Task AStoredAnswerIsGivenBackByteForByte()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var answer = await server.QueryAsync(Body);
        server.Answer(Answers.Count(8));
        using var other = await server.QueryAsync(Body);
        using var stored = await server.GetAsync("/api/v1/results/r1");

        Assert.Equal("/api/v1/results/r1", answer.Content.Headers.ContentLocation!.ToString());
        Assert.Equal(await answer.TextAsync(), await stored.TextAsync());
        Assert.Equal("application/json", stored.Content.Headers.ContentType!.ToString());
        Assert.True(stored.Headers.CacheControl is { Private: true, MaxAge.TotalDays: > 300 });
    }

    [Fact]
    public async Task RepeatedQueriesAreAnsweredAnew()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var first = await server.QueryAsync(Body);
        server.Answer(Answers.Count(8));
        using var second = await server.QueryAsync(Body);

        Assert.Contains("\"COUNT\":8", await second.TextAsync(), StringComparison.Ordinal);
        Assert.True(second.Headers.CacheControl!.NoStore);
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
