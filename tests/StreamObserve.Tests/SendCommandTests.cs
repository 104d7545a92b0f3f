namespace StreamObserve.Tests;

public class SendCommandTests
{
    private readonly Terminal _terminal = new() { Time = new ImpatientTime() };

    [Fact]
    public async Task RefusedLinesAreToldWithTheirNumbersInTheInput()
    {
        _terminal.Input = "{\"a\":1}\n\n  \n{\"a\":\n{\"a\":3}";
        _terminal.Node = new StubNode().Answer("""[{"status":202},{"status":400,"error":"truncated JSON","line":2},{"status":202}]""");
        Assert.Equal(1, await _terminal.RunAsync("send", "-", "--dataset", "shop x"));
        Assert.Equal("line 4: truncated JSON\n", _terminal.Error);
        Assert.Equal("accepted 2 events, refused 1\n", _terminal.Output);
        (string _, string path, string body) = Assert.Single(_terminal.Node.Requests);
        Assert.Equal("/api/v1/ingest/shop%20x", path);
        Assert.Equal("{\"a\":1}\n{\"a\":\n{\"a\":3}\n", body);
    }

    [Fact]
    public async Task LargeInputGoesInChunks()
    {
        _terminal.Input = string.Concat(Enumerable.Range(0, 12_000).Select(i => $"{{\"a\":{i}}}\n"));
        string all = "[" + string.Join(',', Enumerable.Repeat("{\"status\":202}", 5000)) + "]";
        string rest = "[" + string.Join(',', Enumerable.Repeat("{\"status\":202}", 2000)) + "]";
        _terminal.Node = new StubNode().Answer(all).Answer(all).Answer(rest);
        Assert.Equal(0, await _terminal.RunAsync("send", "-"));
        Assert.Equal("accepted 12000 events, refused 0\n", _terminal.Output);
        Assert.Equal(_terminal.Input, string.Concat(_terminal.Node.Requests.Select(r => r.Body)));
    }

    [Fact]
    public async Task OverloadedNodeIsAskedAgain()
    {
        _terminal.Input = "{}\n";
        _terminal.Node = new StubNode().Answer("""{"detail":"busy"}""", 429, retryAfter: "1").Answer("""{"detail":"busy"}""", 503, retryAfter: "1").Answer("""[{"status":202}]""");
        Assert.Equal(0, await _terminal.RunAsync("send", "-"));
        Assert.Equal(3, _terminal.Node.Requests.Count);
    }

    [Fact]
    public async Task RefusedRequestStopsAndSaysWhere()
    {
        _terminal.Input = "\n{}\n";
        _terminal.Node = new StubNode().Answer("""{"detail":"dataset: expected a name"}""", 400);
        Assert.Equal(2, await _terminal.RunAsync("send", "-"));
        Assert.Equal("streamobserve send: dataset: expected a name\nstopped before line 2; accepted 0 events, refused 0\n", _terminal.Error);
    }

    [Fact]
    public async Task AnswerOfAnotherLengthIsNotTakenForSuccess()
    {
        _terminal.Input = "{}\n{}\n";
        _terminal.Node = new StubNode().Answer("""[{"status":202}]""");
        Assert.Equal(1, await _terminal.RunAsync("send", "-"));
        Assert.Contains("answered 1 results to 2 events", _terminal.Error);
    }
}
