using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StreamObserve.Ingest.Door;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Ingest.Tests;

public sealed class IngestDoorTests(KafkaFixture kafka)
{
    [Fact]
    public async Task LinesAreStoredBeforeTheyAreAnswered()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        var answer = await server.PostAsync("Shop", "application/x-ndjson", Utf8($"{IngestStage.Event(0)}\n{IngestStage.Event(1)}\n"));
        Assert.Equal((HttpStatusCode.OK, """[{"status":202},{"status":202}]"""), answer);
        Assert.Equal("application/json", server.LastContentType);
        var rows = await stage.RowsAsync("n");
        Assert.Equal(["0 shop", "1 shop"], rows.Select(r => $"{r.Value} {r.Dataset}").Order());
    }

    [Fact]
    public async Task ArraysTextAndCompressionAreUnderstood()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        var array = Utf8($"[{IngestStage.Event(0)},{IngestStage.Event(1)}]");
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("a", "application/json; charset=utf-8", array)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("b", null, Utf8(IngestStage.Event(2)))).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("c", "application/json", Gzip(Utf8(IngestStage.Event(3))), "gzip")).Status);
        using var compressor = new ZstdSharp.Compressor();
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("d", "application/json", compressor.Wrap(Utf8(IngestStage.Event(4))).ToArray(), "zstd")).Status);
        var text = await server.PostAsync("e", "text/plain", Utf8("one\n\ntwo\r\n"));
        Assert.Equal((HttpStatusCode.OK, """[{"status":202},{"status":202}]"""), text);

        Assert.Equal(["0 a", "1 a", "2 b", "3 c", "4 d"], (await stage.RowsAsync("n")).Where(r => r.Value.Length > 0).Select(r => $"{r.Value} {r.Dataset}").Order());
        Assert.Equal(["one e", "two e"], (await stage.RowsAsync("body")).Where(r => r.Value.Length > 0).Select(r => $"{r.Value} {r.Dataset}").Order());
    }

    [Fact]
    public async Task EachBadLineIsNamedAndTheGoodOnesAreStored()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        var (status, body) = await server.PostAsync("a", "application/x-ndjson", Utf8($"{IngestStage.Event(0)}\n\n{{\"n\":\n17\n{IngestStage.Event(1)}\n"));
        Assert.Equal(HttpStatusCode.OK, status);
        using var answer = JsonDocument.Parse(body);
        var lines = answer.RootElement.EnumerateArray().ToArray();
        Assert.Equal([202, 400, 400, 202], lines.Select(l => l.GetProperty("status").GetInt32()));
        Assert.Equal([3, 4], lines[1..3].Select(l => l.GetProperty("line").GetInt32()));
        Assert.StartsWith("invalid-json: ", lines[1].GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("not-an-object: ", lines[2].GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(["0", "1"], (await stage.RowsAsync("n")).Select(r => r.Value).Order());
    }

    [Fact]
    public async Task WhatIsWrongWithARequestIsNamedWithItsFieldAndValue()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        await server.AssertProblemAsync(400, "body", "", await server.PostAsync("a", "application/json", []));
        await server.AssertProblemAsync(400, "body", "", await server.PostAsync("a", "application/json", Utf8(" \n ")));
        await server.AssertProblemAsync(400, "body", "[]", await server.PostAsync("a", "application/json", Utf8("[ ]")));
        await server.AssertProblemAsync(415, "Content-Type", "application/msgpack", await server.PostAsync("a", "application/msgpack", Utf8("x")));
        await server.AssertProblemAsync(415, "Content-Type", "text/plain; charset=latin1", await server.PostAsync("a", "text/plain; charset=latin1", Utf8("x")));
        await server.AssertProblemAsync(415, "Content-Encoding", "br", await server.PostAsync("a", "application/json", Utf8("x"), "br"));
        await server.AssertProblemAsync(400, "Content-Encoding", "gzip", await server.PostAsync("a", "application/json", Utf8("not gzip"), "gzip"));
        await server.AssertProblemAsync(400, "Content-Encoding", "zstd", await server.PostAsync("a", "application/json", Utf8("not zstd"), "zstd"));
        var longName = new string('d', 256);
        await server.AssertProblemAsync(400, "dataset", longName, await server.PostAsync(longName, "application/json", Utf8("{}")));
        Assert.Empty(await stage.RowsAsync("n"));
    }

    [Fact]
    public async Task WhatIsTooLargeIsRefusedAlsoWhenItOnlyBecomesSo()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        var large = new byte[Limits.RequestBytes + 1];
        Array.Fill(large, (byte)' ');
        await server.AssertProblemAsync(413, "body", null, await server.PostAsync("a", "application/json", Gzip(large), "gzip"));
        var array = new byte[Limits.ArrayBytes + 2];
        Array.Fill(array, (byte)' ');
        (array[0], array[^1]) = ((byte)'[', (byte)']');
        await server.AssertProblemAsync(413, "body", $"{array.Length} bytes", await server.PostAsync("a", "application/json", array));
        Assert.Equal(0, server.ReservedBytes);
    }

    [Fact]
    public async Task ManyRequestsShareFewTransactions()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        var answers = await Task.WhenAll(Enumerable.Range(0, 300).Select(n => server.PostAsync("a", "application/json", Utf8(IngestStage.Event(n)))));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.Status));
        await stage.AssertExactlyOnceAsync(300);
        var records = await TestRecords.ReadAllAsync(stage.Kafka, stage.Settings.BatchesTopic, IngestStage.Partitions);
        Assert.InRange(records.Count, 1, 150);
        Assert.Equal(0, server.ReservedBytes);
    }

    [Fact]
    public async Task ABrokerThatIsAwayMeansRetryLaterUntilItIsBack()
    {
        await using var broker = await RestartableBroker.StartAsync();
        await using var stage = await IngestStage.SetAsync(broker.Settings);
        await using var server = await Server.StartAsync(stage);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("a", "application/json", Utf8(IngestStage.Event(0)))).Status);
        await broker.StopAsync();
        var (status, body) = await server.PostAsync("a", "application/json", Utf8("""{"n":-1}"""));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("application/problem+json", server.LastContentType);
        Assert.Equal(TimeSpan.FromSeconds(Limits.RetryAfterSeconds), server.LastRetryAfter);
        Assert.Contains("kafka", body, StringComparison.Ordinal);

        await broker.StartAgainAsync();
        HttpStatusCode again;
        do
        {
            stage.Patience.ThrowIfCancellationRequested();
            (again, _) = await server.PostAsync("a", "application/json", Utf8(IngestStage.Event(1)));
        }
        while (again != HttpStatusCode.OK);
        var stored = (await stage.RowsAsync("n")).Select(r => r.Value).ToList();
        Assert.Contains("0", stored);
        Assert.Contains("1", stored);
    }

    [Fact]
    public async Task ADoorThatHoldsItsLimitAnswersTooManyRequests()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        Assert.True(server.Door.TryReserve(Limits.DoorBodyBytes));
        var (status, _) = await server.PostAsync("a", "application/json", Utf8(IngestStage.Event(0)));
        Assert.Equal(HttpStatusCode.TooManyRequests, status);
        Assert.Equal(TimeSpan.FromSeconds(Limits.RetryAfterSeconds), server.LastRetryAfter);
        server.Door.GiveBack(Limits.DoorBodyBytes);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("a", "application/json", Utf8(IngestStage.Event(0)))).Status);
    }

    [Fact]
    public async Task AStoppingDoorAnswersUnavailable()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var server = await Server.StartAsync(stage);
        await server.Door.DisposeAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.PostAsync("a", "application/json", Utf8(IngestStage.Event(0)))).Status);
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Gzip(byte[] bytes)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return buffer.ToArray();
    }

    /// <summary>A door behind a real HTTP server.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly HttpClient _client;

        private Server(WebApplication app, IngestDoor door)
        {
            _app = app;
            Door = door;
            _client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        }

        public IngestDoor Door { get; }

        public string? LastContentType { get; private set; }

        public TimeSpan? LastRetryAfter { get; private set; }

        public long ReservedBytes => Door.ReservedBytes;

        public static async Task<Server> StartAsync(IngestStage stage)
        {
            var metrics = new IngestMetrics();
            var door = new IngestDoor(stage.Kafka, stage.Settings, metrics, TimeProvider.System, TestLog<IngestDoor>.Instance);
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddSingleton(metrics);
            builder.Services.AddSingleton(_ => door);
            var app = builder.Build();
            app.MapIngestDoor();
            await app.StartAsync();
            door.Start(stage.System);
            while (door.UnavailableBecause is not null)
            {
                await Task.Delay(5, stage.Patience);
            }

            return new Server(app, door);
        }

        public async Task<(HttpStatusCode Status, string Body)> PostAsync(string dataset, string? contentType, byte[] body, string? contentEncoding = null)
        {
            using var content = new ByteArrayContent(body);
            if (contentType is not null)
            {
                content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
            }

            if (contentEncoding is not null)
            {
                content.Headers.ContentEncoding.Add(contentEncoding);
            }

            using var answer = await _client.PostAsync(new Uri($"/api/v1/ingest/{dataset}", UriKind.Relative), content);
            LastContentType = answer.Content.Headers.ContentType?.MediaType;
            LastRetryAfter = answer.Headers.RetryAfter?.Delta;
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }

        public Task AssertProblemAsync(int status, string field, string? value, (HttpStatusCode Status, string Body) answer)
        {
            Assert.Equal(status, (int)answer.Status);
            Assert.Equal("application/problem+json", LastContentType);
            using var problem = JsonDocument.Parse(answer.Body);
            var error = problem.RootElement.GetProperty("errors")[0];
            Assert.Equal(field, error.GetProperty("field").GetString());
            Assert.Equal(value, error.GetProperty("value").GetString());
            Assert.Equal(status, problem.RootElement.GetProperty("status").GetInt32());
            return Task.CompletedTask;
        }

        public async ValueTask DisposeAsync()
        {
            _client.Dispose();
            await _app.DisposeAsync();
            await Door.DisposeAsync();
        }
    }
}
