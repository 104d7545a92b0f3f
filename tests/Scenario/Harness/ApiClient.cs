using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StreamObserve.Scenario.Harness;

/// <summary>An answer of the HTTP API, whatever its status.</summary>
public sealed record ApiResponse(HttpStatusCode Status, string MediaType, string Text, TimeSpan Elapsed)
{
    public bool IsProblem => MediaType == "application/problem+json";

    /// <summary>The body as JSON; null when it is empty or not JSON.</summary>
    public JsonNode? Json
    {
        get
        {
            try
            {
                return Text.Length == 0 ? null : JsonNode.Parse(Text);
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }
}

/// <summary>Speaks to <c>/api/v1</c> as a client would. Thread-safe.</summary>
public sealed class ApiClient : IDisposable
{
    private readonly HttpClient _http;

    /// <summary>A client of the API at a base address.</summary>
    /// <param name="address">As in the ready line.</param>
    /// <param name="timeout">Per call; 30 s unless said.</param>
    public ApiClient(Uri address, TimeSpan? timeout = null) => _http = new HttpClient { BaseAddress = address, Timeout = timeout ?? TimeSpan.FromSeconds(30) };

    /// <summary>Asks and insists on an answer: any other status than 200 is an error that carries the body.</summary>
    public async Task<QueryAnswer> QueryAsync(QueryRequest request)
    {
        ApiResponse response = await SendAsync(HttpMethod.Post, "/api/v1/query", request.ToJson());
        return response.Status == HttpStatusCode.OK
            ? new QueryAnswer(response)
            : throw new HttpRequestException($"query {request.ToJson().ToJsonString()}: {(int)response.Status} {response.Text}", null, response.Status);
    }

    /// <summary>Sets the policy of a dataset or of <c>__default__</c>.</summary>
    public async Task PutSamplingAsync(string dataset, JsonObject policy)
    {
        ApiResponse response = await SendAsync(HttpMethod.Put, $"/api/v1/sampling/{dataset}", policy);
        if ((int)response.Status is < 200 or > 299)
        {
            throw new HttpRequestException($"PUT sampling: {(int)response.Status} {response.Text}", null, response.Status);
        }
    }

    public Task<ApiResponse> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null);

    public Task<ApiResponse> SendAsync(HttpMethod method, string path, JsonNode? body) =>
        SendTextAsync(method, path, body?.ToJsonString(), "application/json");

    /// <summary>Sends a body as it is.</summary>
    public async Task<ApiResponse> SendTextAsync(HttpMethod method, string path, string? body, string mediaType)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        }

        var clock = Stopwatch.StartNew();
        using HttpResponseMessage response = await _http.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return new ApiResponse(response.StatusCode, response.Content.Headers.ContentType?.MediaType ?? "", text, clock.Elapsed);
    }

    public void Dispose() => _http.Dispose();
}
