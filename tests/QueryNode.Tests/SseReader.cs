using System.Net;
using System.Net.ServerSentEvents;

namespace StreamObserve.QueryNode.Tests;

internal sealed record SseEvent(string Name, string? Id, string Data);

/// <summary>A tail as a client sees it, read by the framework's own parser of Server-Sent Events.</summary>
internal sealed class SseReader : IAsyncDisposable
{
    private readonly IAsyncEnumerator<SseItem<string>> _items;
    private readonly SseParser<string> _parser;

    private SseReader(HttpResponseMessage response, Stream stream)
    {
        Response = response;
        _parser = SseParser.Create(stream);
        _items = _parser.EnumerateAsync(TestContext.Current.CancellationToken).GetAsyncEnumerator();
    }

    public HttpResponseMessage Response { get; }

    public static async Task<SseReader> OpenAsync(QueryNodeServer server, string path, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return new(response, await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
    }

    public async Task<SseEvent> NextAsync() => await NextOrEndAsync() ?? throw new EndOfStreamException("the tail has ended");

    public async Task<SseEvent?> NextOrEndAsync() =>
        await _items.MoveNextAsync() ? new(_items.Current.EventType, _items.Current.EventId, _items.Current.Data) : null;

    public ValueTask DisposeAsync()
    {
        // Not the enumerator: disposing it would wait for the end of a stream that has none.
        Response.Dispose();
        return ValueTask.CompletedTask;
    }
}
