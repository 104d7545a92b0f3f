namespace StreamObserve.Tests;

public class MarkerCommandTests
{
    private readonly Terminal _terminal = new();

    [Fact]
    public async Task AMarkerIsSentAndItsIdPrinted()
    {
        _terminal.Node = new StubNode().Answer("""{"id":"m1","message":"deploy 7"}""", 201);
        Assert.Equal(0, await _terminal.RunAsync("marker", "deploy", "7", "--type", "deploy", "--link", "http://ci/7", "--dataset", "shop", "--start", "1700000000", "--end", "2023-11-14T22:30:00Z"));
        (string method, string path, string body) = Assert.Single(_terminal.Node.Requests);
        Assert.Equal(("POST", "/api/v1/markers"), (method, path));
        Assert.Equal("""{"dataset":"shop","message":"deploy 7","type":"deploy","url":"http://ci/7","start_time":1700000000,"end_time":"2023-11-14T22:30:00Z"}""", body);
        Assert.Equal("m1\n", _terminal.Output);
    }

    [Fact]
    public async Task WhatIsNotSaidIsLeftToTheNode()
    {
        _terminal.Node = new StubNode().Answer("""{"id":"m1"}""", 201);
        Assert.Equal(0, await _terminal.RunAsync("marker", "restarted"));
        Assert.Equal("""{"dataset":"__all__","message":"restarted"}""", Assert.Single(_terminal.Node.Requests).Body);
    }

    [Fact]
    public async Task ARefusalIsToldWithFieldAndValue()
    {
        _terminal.Node = new StubNode().Answer(
            """{"title":"marker not valid","status":422,"detail":"start_time: must be a time","errors":[{"field":"start_time","value":"soon","message":"must be a time"}]}""",
            422,
            "application/problem+json");
        Assert.Equal(2, await _terminal.RunAsync("marker", "x", "--start", "soon"));
        Assert.StartsWith("streamobserve marker: start_time: must be a time", _terminal.Error);
        Assert.Contains("\"soon\"", _terminal.Error);
        Assert.Empty(_terminal.Output);
    }
}
