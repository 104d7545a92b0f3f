using System.Text;
using StreamObserve.Api;

namespace StreamObserve.Tests;

public class TailCommandTests
{
    private readonly Terminal _terminal = new() { Time = new ImpatientTime() };

    [Fact]
    public async Task RowsGoToOutputAndStatsToErrorOnceAChange()
    {
        _terminal.Node = new StubNode().Answer(
            "id: t1\nevent: row\ndata: {\"time\":\"2026-01-01T00:00:00Z\",\"b\":\"x y\",\"name\":\"GET /\",\"error\":true,\"service.name\":\"web\"}\n\n"
            + "event: stats\ndata: {\"matched\":1,\"sent\":1,\"skipped\":0}\n\nevent: stats\ndata: {\"matched\":1,\"sent\":1,\"skipped\":0}\n\n"
            + "id: t2\nevent: row\ndata: {\"time\":\"2026-01-01T00:00:01Z\"}\n\n",
            contentType: "text/event-stream");
        Assert.Equal(0, await _terminal.RunAsync("tail", "--filter", "error = true", "--calc", "COUNT", "--rate", "7", "--dataset", "web", "--count", "2"));
        Assert.Equal("2026-01-01T00:00:00Z service.name=web name=GET / error=true b=\"x y\"\n2026-01-01T00:00:01Z\n", _terminal.Output);
        Assert.Equal("  1 matched, 1 sent, 0 skipped\n", _terminal.Error);
        Assert.Equal("/api/v1/tail?dataset=web&rate=7&filter=error%20%3D%20true&calc=COUNT", Assert.Single(_terminal.Node.Requests).PathAndQuery);
    }

    [Fact]
    public async Task StatsShowRunningCalculationsWithTheirLabelsAndWhatIsMissing()
    {
        const string Stats = """{"matched":12345,"sent":10,"skipped":12335,"data":{"COUNT":12345,"P99(duration_ms)":4.0396},"labels":{"COUNT":{"kind":"exact"},"P99(duration_ms)":{"kind":"bounded","bound":0.0099}},"failed":[{"partition":2,"reason":"not subscribed at the moment"}]}""";
        _terminal.Node = new StubNode().Answer($"event: stats\ndata: {Stats}\n\nevent: row\ndata: {{\"n\":1}}\n\n", contentType: "text/event-stream");
        Assert.Equal(0, await _terminal.RunAsync("tail", "--count", "1"));
        Assert.Equal("  12,345 matched, 10 sent, 12,335 skipped  COUNT=12,345  P99(duration_ms)=±4.04  MISSING partition 2: not subscribed at the moment\n", _terminal.Error);
    }

    [Fact]
    public async Task BrokenStreamIsTakenUpWhereItWas()
    {
        _terminal.Node = new StubNode()
            .Answer("id: a/1\nevent: row\ndata: {\"n\":1}\n\nid: cut", contentType: "text/event-stream")
            .Answer("{}", 503)
            .Answer("id: a/2\nevent: row\ndata: {\"n\":2}\n\n", contentType: "text/event-stream");
        Assert.Equal(0, await _terminal.RunAsync("tail", "--format", "json", "--count", "2"));
        Assert.Equal("{\"n\":1}\n{\"n\":2}\n", _terminal.Output);
        Assert.Equal(3, _terminal.Node.Requests.Count);
        Assert.EndsWith("&resume=a%2F1", _terminal.Node.Requests[2].PathAndQuery);
    }

    [Fact]
    public async Task BadFilterEndsIt()
    {
        _terminal.Node = new StubNode().Answer("""{"detail":"filter: expected a condition","errors":[{"field":"filter","value":"=","message":"expected a condition"}]}""", 400);
        Assert.Equal(2, await _terminal.RunAsync("tail", "--filter", "="));
        Assert.Contains("filter: expected a condition", _terminal.Error);
    }

    [Fact]
    public async Task EventsAreReadAsTheStandardSays()
    {
        const string Text = ":comment\nevent: a\ndata:one\ndata: two\nid: 1\n\ndata\n\nretry: 5\n\nid\ndata: x\n\ndata: unfinished";
        var events = new List<ServerSentEvent>();
        await foreach (ServerSentEvent e in ServerSentEvents.ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(Text)), CancellationToken.None))
        {
            events.Add(e);
        }

        Assert.Equal([new("a", "one\ntwo", "1"), new("message", "", "1"), new("message", "x", "")], events);
    }
}
