using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests.Honeycomb;

/// <summary>An answer as a contract states it: status, type, body.</summary>
internal sealed record Reply(int Status, string? MediaType, string Body, HttpResponseHeaders Headers)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public string Text(string member) => Json.GetProperty(member).GetString()!;
}

internal static class HoneycombCalls
{
    /// <summary>A server whose catalog has the dataset <c>shop</c> with two columns.</summary>
    public static async Task<QueryNodeServer> StartAsync(QueryHttpOptions? options = null)
    {
        var server = await QueryNodeServer.StartAsync(options);
        server.Catalog.Datasets = new CatalogOutcome<DatasetEntry>.Found([new("shop", Answers.StartNs)], false, Answers.Receipt());
        server.Catalog.Columns["shop"] = new CatalogOutcome<ColumnEntry>.Found(
            [new("duration_ms", FieldKind.Float, Answers.StartNs), new("name", FieldKind.String, Answers.StartNs)], false, Answers.Receipt());
        return server;
    }

    /// <summary>Sends <c>METHOD /path</c>.</summary>
    public static async Task<Reply> CallAsync(this QueryNodeServer server, string call, string? body = null, string? key = "any")
    {
        var (method, path) = (call[..call.IndexOf(' ', StringComparison.Ordinal)], call[(call.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (key is not null)
        {
            request.Headers.Add("X-Honeycomb-Team", key);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return new((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.TextAsync(), response.Headers);
    }
}
