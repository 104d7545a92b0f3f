using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using StreamObserve.Commands;
using StreamObserve.Output;

namespace StreamObserve.Api;

/// <summary>A request that got no usable answer. <see cref="Exception.Message"/> is for the person at the keyboard, maybe several lines.</summary>
internal sealed class NodeRequestException : Exception
{
    public NodeRequestException(string message, int exitCode, bool retryHelps, Exception? inner = null)
        : base(message, inner)
    {
        ExitCode = exitCode;
        RetryHelps = retryHelps;
    }

    /// <summary>What the process should end with.</summary>
    public int ExitCode { get; }

    /// <summary>True when the same request may succeed later (the node is away or overloaded).</summary>
    public bool RetryHelps { get; }

    /// <summary>How long the node asked to wait; null = it did not say.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Character, from 1, of the query text at which reading it failed; null = it was something else.</summary>
    public int? Position { get; init; }
}

/// <summary>Speaks HTTP with a node. Every failure is a <see cref="NodeRequestException"/>. Not for several threads at once; disposable.</summary>
internal sealed class NodeClient : IDisposable
{
    // A query's own time-out is the server's business; this ends a connection to something that never answers.
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(100);

    private readonly HttpClient _http;
    private readonly string _url;

    public NodeClient(Uri url, HttpMessageHandler? handler)
    {
        _url = url.ToString().TrimEnd('/');
        _http = handler is null ? new HttpClient() : new HttpClient(handler, disposeHandler: false);
        _http.Timeout = Timeout.InfiniteTimeSpan;
    }

    /// <summary>Sends <paramref name="body"/> (null = GET) and reads the JSON answer, whatever its 2xx status.</summary>
    public async Task<JsonDocument> RequestJsonAsync(string pathAndQuery, HttpContent? body, CancellationToken stop)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stop);
        timeout.CancelAfter(AnswerTimeout);
        try
        {
            using HttpResponseMessage response = await SendAsync(pathAndQuery, body, timeout.Token).ConfigureAwait(false);
            await using Stream stream = await response.Content.ReadAsStreamAsync(timeout.Token).ConfigureAwait(false);
            return await JsonDocument.ParseAsync(stream, cancellationToken: timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new NodeRequestException($"{_url} did not answer within {AnswerTimeout.TotalSeconds} s", ExitCodes.Failed, retryHelps: true);
        }
        catch (JsonException e)
        {
            throw new NodeRequestException($"{_url}{pathAndQuery} did not answer with JSON: is it a StreamObserve node?", ExitCodes.Failed, retryHelps: false, e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Unreachable(e);
        }
    }

    /// <summary>Opens a stream of server-sent events. The response is the caller's to dispose.</summary>
    public async Task<HttpResponseMessage> OpenStreamAsync(string pathAndQuery, CancellationToken stop)
    {
        try
        {
            return await SendAsync(pathAndQuery, null, stop).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Unreachable(e);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(string pathAndQuery, HttpContent? body, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, new Uri(_url + pathAndQuery)) { Content = body };
        HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            string text = await response.Content.ReadAsStringAsync(stop).ConfigureAwait(false);
            throw Refused(response, pathAndQuery, text);
        }
    }

    private NodeRequestException Unreachable(Exception e)
    {
        string reason = e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused } ? "connection refused" : e.Message;
        return new NodeRequestException(
            $"can't reach {_url}: {reason}; start a node with: streamobserve run, or name another one with --url",
            ExitCodes.Failed,
            retryHelps: true,
            e);
    }

    /// <summary>Puts a problem document in words: its detail, or several errors one a line below its title.</summary>
    private static NodeRequestException Refused(HttpResponseMessage response, string path, string body)
    {
        int status = (int)response.StatusCode;
        bool retryHelps = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;
        bool wrongUse = status is >= 400 and < 500 && !retryHelps;
        int? position = null;
        string message = $"the node answered {status} {response.ReasonPhrase} to {path}";
        try
        {
            using JsonDocument problem = JsonDocument.Parse(body);
            JsonElement root = problem.RootElement;
            var lines = new List<string>();
            bool hasErrors = root.TryGetProperty("errors", out JsonElement errors) && errors.ValueKind == JsonValueKind.Array;
            if ((hasErrors && errors.GetArrayLength() > 1 && root.TryGetProperty("title", out JsonElement detail)) || root.TryGetProperty("detail", out detail) || root.TryGetProperty("error", out detail) || root.TryGetProperty("title", out detail))
            {
                lines.Add(detail.ToString());
            }

            if (hasErrors)
            {
                foreach (JsonElement error in errors.EnumerateArray())
                {
                    string said = $"{error.GetProperty("field")}: {error.GetProperty("message")}";
                    string plain = error.TryGetProperty("value", out JsonElement v) ? JsonPlain.Text(v) : "";
                    string line = plain.Length == 0 || said.Contains(plain, StringComparison.Ordinal) ? said : $"{said}, got {v.GetRawText()}";
                    if (!lines.Exists(l => l.Contains(line, StringComparison.Ordinal)))
                    {
                        lines.Add(line);
                    }
                }
            }

            position = root.TryGetProperty("position", out JsonElement at) && at.TryGetInt32(out int character) && character > 0 ? character : null;
            message = lines.Count > 0 ? string.Join("\n  ", lines) : message;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // Not a problem document: the status line says what there is to say.
        }

        RetryConditionHeaderValue? retryAfter = response.Headers.RetryAfter;
        return new NodeRequestException(message, wrongUse ? ExitCodes.WrongUse : ExitCodes.Failed, retryHelps) { RetryAfter = retryAfter?.Delta, Position = position };
    }
}
