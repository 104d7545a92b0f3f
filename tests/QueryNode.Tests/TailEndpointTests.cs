using System.Net;
using System.Net.Sockets;
using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Services;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Tests;

public class TailEndpointTests
{
    [Fact]
    public async Task ARowReachesTheReaderWithoutAnyClockMoving()
    {
        await using var server = await QueryNodeServer.StartAsync();
        await using var tail = await SseReader.OpenAsync(server, "/api/v1/tail?dataset=Shop");
        var producer = await server.Tails.StartedAsync();

        producer.Offer(Row("""{"time":"2023-11-14T22:13:20Z","name":"é"}""", "0:7"));

        Assert.Equal(new SseEvent("row", "0:7", """{"time":"2023-11-14T22:13:20Z","name":"é"}"""), await tail.NextAsync());
        Assert.Equal("text/event-stream", tail.Response.Content.Headers.ContentType!.ToString());
        Assert.Equal(
            ("shop", null, TailLimits.RateDefault, null, 0),
            (producer.Request.Dataset, producer.Request.Filter, producer.Request.RatePerSecond, producer.Request.ResumeToken, producer.Request.Calculations.Count));
    }

    [Fact]
    public async Task EveryParameterReachesTheService()
    {
        await using var server = await QueryNodeServer.StartAsync();
        await using var tail = await SseReader.OpenAsync(
            server, "/api/v1/tail?dataset=shop&rate=5&resume=0:41,1:7&filter=error+%3D+true&calc=" + Uri.EscapeDataString("COUNT, P99(duration_ms)"));
        var request = (await server.Tails.StartedAsync()).Request;

        Assert.Equal((5, "0:41,1:7"), (request.RatePerSecond, request.ResumeToken));
        var filter = Assert.IsType<Condition.Match>(request.Filter);
        Assert.Equal(("error", FilterOp.Equal, FieldValue.Of(true)), (filter.Column, filter.Op, Assert.Single(filter.Values)));
        Assert.Equal(["COUNT", "P99(duration_ms)"], request.Calculations.Select(calculation => calculation.ResultKey));
    }

    [Fact]
    public async Task AReconnectingBrowserGoesOnWhereItWas()
    {
        await using var server = await QueryNodeServer.StartAsync();
        await using var tail = await SseReader.OpenAsync(server, "/api/v1/tail?resume=old", lastEventId: "new");

        Assert.Equal("new", (await server.Tails.StartedAsync()).Request.ResumeToken);
    }

    [Fact]
    public async Task StatsComeEachSecondWithCalculationsAndFailedPartitions()
    {
        await using var server = await QueryNodeServer.StartAsync();
        await using var tail = await SseReader.OpenAsync(server, "/api/v1/tail?rate=1&calc=" + Uri.EscapeDataString("COUNT, P99(x)"));
        var producer = await server.Tails.StartedAsync();
        producer.Offer(Row("{}", "a"));
        Assert.Equal("row", (await tail.NextAsync()).Name);
        producer.Offer(Row("{}", "b"));
        producer.CountSkipped(3);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(
            new SseEvent("stats", null, """{"matched":5,"sent":1,"skipped":4,"data":{},"labels":{},"failed":[]}"""), await tail.NextAsync());

        producer.Progress = new(
            [Answers.Cell(FieldValue.Of(5)), Answers.Cell(FieldValue.Of(12.5), new(LabelKind.Bounded, 0.0099))], [new(2, "moving", true)]);
        server.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(
            new SseEvent("stats", null, ResponseText.Compact("""
                {"matched":5,"sent":1,"skipped":4,"data":{"COUNT":5,"P99(x)":12.5},"labels":{"COUNT":{"kind":"exact"},"P99(x)":{"kind":"bounded","bound":0.0099}},
                 "failed":[{"partition":2,"reason":"moving","retryable":true}]}
                """)), await tail.NextAsync());
    }

    [Fact]
    public async Task TheStreamBeginsWithItsReconnectTimeAndCarriesHeartbeats()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.Client.GetAsync("/api/v1/tail", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["retry: 2000", "", ": tailing", ""], await ReadAsync(4));
        for (var second = 1; second <= TailLimits.HeartbeatSeconds; second++)
        {
            server.Time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(["event: stats", """data: {"matched":0,"sent":0,"skipped":0,"data":{},"labels":{},"failed":[]}""", ""], await ReadAsync(3));
        }

        Assert.Equal([": heartbeat", ""], await ReadAsync(2));

        async Task<string?[]> ReadAsync(int count)
        {
            var read = new string?[count];
            for (var i = 0; i < count; i++)
            {
                read[i] = await lines.ReadLineAsync(TestContext.Current.CancellationToken);
            }

            return read;
        }
    }

    [Fact]
    public async Task AReaderThatNeverReadsNeitherBlocksOthersNorGrows()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var stuck = new TcpClient();
        await stuck.ConnectAsync(server.Address.Host, server.Address.Port, TestContext.Current.CancellationToken);
        await stuck.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET /api/v1/tail?rate={TailLimits.RateMax} HTTP/1.1\r\nHost: x\r\n\r\n"), TestContext.Current.CancellationToken);
        var slow = await server.Tails.StartedAsync();
        await using var tail = await SseReader.OpenAsync(server, "/api/v1/tail");
        var fast = await server.Tails.StartedAsync();

        // 100 MB for a socket that takes a few; every row of the other reader is read before the next ones are offered.
        var json = new byte[1_000];
        json.AsSpan().Fill((byte)'x');
        for (var i = 0; i < 100_000; i++)
        {
            slow.Offer(new TailRow(json, "s"));
            if (i % 1_000 == 0)
            {
                Assert.True(fast.Offer(Row($"{i}", "f")));
                Assert.Equal(new SseEvent("row", "f", $"{i}"), await tail.NextAsync());
            }
        }

        var counts = slow.Counts;
        var waiting = counts.Matched - counts.Sent - counts.Skipped;
        Assert.Equal(100_000, counts.Matched);
        Assert.True(waiting * json.Length <= TailLimits.QueuedBytesMax, $"{waiting} rows wait");
        Assert.True(counts.Skipped > 0, $"{counts}");
        Assert.Equal(new TailCounts(100, 100, 0), fast.Counts);
    }

    [Fact]
    public async Task ASlowReaderGetsWhatWasQueuedInOrderAndTheCounts()
    {
        await using var server = await QueryNodeServer.StartAsync();
        await using var tail = await SseReader.OpenAsync(server, $"/api/v1/tail?rate={TailLimits.RateMax}");
        var producer = await server.Tails.StartedAsync();

        // Nothing is read while these are offered: what neither the sockets nor the queue take is skipped.
        var padding = new string('x', 1_000);
        for (var i = 0; i < 50_000; i++)
        {
            producer.Offer(Row($$"""{"n":{{i}},"p":"{{padding}}"}""", $"{i}"));
        }

        producer.Complete("enough");
        var (rows, last) = (0, -1);
        SseEvent next;
        while ((next = await tail.NextAsync()).Name == "row")
        {
            var n = int.Parse(next.Id!, System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(n > last);
            (rows, last) = (rows + 1, n);
        }

        Assert.Equal(new SseEvent("stats", null, $$"""{"matched":50000,"sent":{{rows}},"skipped":{{50_000 - rows}},"data":{},"labels":{},"failed":[]}"""), next);
        Assert.InRange(rows, 1, 49_999);
        Assert.Equal(new SseEvent("end", null, """{"reason":"enough"}"""), await tail.NextAsync());
        Assert.Null(await tail.NextOrEndAsync());
        await server.Tails.ClosedAsync();
    }

    [Fact]
    public async Task AReaderThatTakesNothingForLongIsCutOff()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var stuck = new TcpClient();
        await stuck.ConnectAsync(server.Address.Host, server.Address.Port, TestContext.Current.CancellationToken);
        await stuck.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET /api/v1/tail?rate={TailLimits.RateMax} HTTP/1.1\r\nHost: x\r\n\r\n"), TestContext.Current.CancellationToken);
        var producer = await server.Tails.StartedAsync();
        for (var i = 0; producer.Counts.Skipped == 0; i++)
        {
            producer.Offer(new TailRow(new byte[100_000], "s"));
        }

        var closed = server.Tails.ClosedAsync().AsTask();
        while (!closed.IsCompleted)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            server.Time.Advance(TimeSpan.FromSeconds(TailLimits.StalledReaderSecondsMax));
            await Task.Yield();
        }

        Assert.Same(producer, await closed);
    }

    [Fact]
    public async Task AClientThatGoesEndsItsSubscription()
    {
        await using var server = await QueryNodeServer.StartAsync(new() { TailSubscribers = 1 });
        await using (await SseReader.OpenAsync(server, "/api/v1/tail"))
        {
            await server.Tails.StartedAsync();
        }

        await server.Tails.ClosedAsync();

        // Its place is free again, if perhaps not in the same instant.
        HttpStatusCode status;
        do
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            using var next = await server.Client.GetAsync("/api/v1/tail", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            status = next.StatusCode;
        }
        while (status == HttpStatusCode.TooManyRequests);
        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task TailsPastTheLimitAreTurnedAway()
    {
        await using var server = await QueryNodeServer.StartAsync(new() { TailSubscribers = 1 });
        await using var first = await SseReader.OpenAsync(server, "/api/v1/tail");
        using var second = await server.GetAsync("/api/v1/tail");

        using var problem = await QueryErrorTests.ProblemAsync(second, HttpStatusCode.TooManyRequests);
        Assert.Equal("1", second.Headers.RetryAfter!.ToString());
    }

    [Fact]
    public async Task AStoppingServerSaysSoAndDoesNotWait()
    {
        await using var server = await QueryNodeServer.StartAsync();
        await using var tail = await SseReader.OpenAsync(server, "/api/v1/tail");
        await server.Tails.StartedAsync();

        await server.StopAsync();

        Assert.Equal("stats", (await tail.NextAsync()).Name);
        var end = await tail.NextAsync();
        Assert.Equal("end", end.Name);
        Assert.Contains("stopping", end.Data, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?dataset=%20", "dataset| ")]
    [InlineData("?rate=-1", "rate|-1")]
    [InlineData("?rate=100001", "rate|100001")]
    [InlineData("?rate=fast", "rate|fast")]
    [InlineData("?filtr=a", "filtr|a")]
    [InlineData("?filter=a+%3D+1&filter=b+%3D+2", "filter|a = 1,b = 2")]
    [InlineData("?calc=COUNT+GROUP+BY+a", "calc|COUNT GROUP BY a")]
    [InlineData("?calc=COUNT+LAST+1h", "calc|COUNT LAST 1h")]
    public async Task WrongParametersAreProblems(string query, string error)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.GetAsync("/api/v1/tail" + query);

        Assert.Equal([error], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.BadRequest));
    }

    [Theory]
    [InlineData("filter", "error == = true", 8)]
    [InlineData("calc", "COUNT, MEDIAN(x)", 8)]
    public async Task TextThatCannotBeReadTellsItsPosition(string parameter, string text, int position)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.GetAsync($"/api/v1/tail?{parameter}={Uri.EscapeDataString(text)}");

        using var problem = await QueryErrorTests.ProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal(parameter, problem.RootElement.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.Equal(position, problem.RootElement.GetProperty("position").GetInt32());
    }

    [Fact]
    public async Task WhatTheServiceRefusesIsAProblem()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Tails.Outcome = request => request.ResumeToken switch
        {
            null => new TailOutcome.UnknownDataset(),
            "away" => throw new ServiceUnavailableException("the cluster forms", isTransient: true),
            _ => new TailOutcome.Refused([new QueryError("resume", request.ResumeToken, "is not a token of this log")]),
        };
        using var token = await server.GetAsync("/api/v1/tail?resume=zzz");
        using var dataset = await server.GetAsync("/api/v1/tail?dataset=nope");
        using var away = await server.GetAsync("/api/v1/tail?resume=away");

        Assert.Equal(["resume|zzz"], await QueryErrorTests.ErrorsAsync(token, HttpStatusCode.BadRequest));
        Assert.Equal(["dataset|nope"], await QueryErrorTests.ErrorsAsync(dataset, HttpStatusCode.NotFound));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, away.StatusCode);
    }

    [Fact]
    public async Task ARowOfManyLinesStaysOneEvent()
    {
        await using var server = await QueryNodeServer.StartAsync();
        await using var tail = await SseReader.OpenAsync(server, "/api/v1/tail");
        var producer = await server.Tails.StartedAsync();
        producer.Offer(Row("{\n\"a\":1\n}", "t"));

        Assert.Equal(new SseEvent("row", "t", "{\n\"a\":1\n}"), await tail.NextAsync());
    }

    private static TailRow Row(string json, string token) => new(Encoding.UTF8.GetBytes(json), token);
}
