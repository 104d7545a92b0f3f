using System.Text.Json;
using System.Text.Json.Nodes;

namespace StreamObserve.Scenario.Harness;

/// <summary>
/// A subscriber of the live tail that reads as fast as it gets. Calls back on its own task; disposing ends the subscription.
/// </summary>
public sealed class TailSubscriber : IAsyncDisposable
{
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _firstStats = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reading;

    /// <summary>Subscribes.</summary>
    /// <param name="address">Base address of the API.</param>
    /// <param name="filter">In the query language.</param>
    /// <param name="rowsPerSecond">Rate limit to ask for.</param>
    /// <param name="onRow">Called for every row, with its fields.</param>
    public TailSubscriber(Uri address, string filter, int rowsPerSecond, Action<JsonObject> onRow)
    {
        _http = new HttpClient { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        _reading = ReadAsync(PathOf(filter, rowsPerSecond), onRow);
    }

    /// <summary>The last statistics received: matched, sent, skipped.</summary>
    public JsonObject? Stats { get; private set; }

    /// <summary>The path of a subscription.</summary>
    public static string PathOf(string filter, int rowsPerSecond) =>
        $"/api/v1/tail?dataset=__all__&filter={Uri.EscapeDataString(filter)}&rate={rowsPerSecond}";

    /// <summary>The fields of a row, which stand in <c>data</c> or are the object itself.</summary>
    public static JsonObject FieldsOf(string rowData)
    {
        JsonObject row = JsonNode.Parse(rowData)?.AsObject() ?? throw new FormatException($"a row that is no object: {rowData}");
        return row["data"] as JsonObject ?? row["row"] as JsonObject ?? row;
    }

    /// <summary>Waits for the first statistics, by which time the subscription is in force.</summary>
    public async Task WaitUntilSubscribedAsync(TimeSpan within)
    {
        Task first = await Task.WhenAny(_firstStats.Task, _reading, Task.Delay(within));
        if (first == _reading)
        {
            await _reading;
        }

        if (!_firstStats.Task.IsCompletedSuccessfully)
        {
            throw new TimeoutException($"no statistics from the tail within {within.TotalSeconds} s");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _reading;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            // Ended by us, or by a server that is gone.
        }

        _http.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync(string path, Action<JsonObject> onRow)
    {
        using HttpResponseMessage response = await _http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, _stop.Token);
        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"GET {path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(_stop.Token)}");
        }

        await using Stream stream = await response.Content.ReadAsStreamAsync(_stop.Token);
        await foreach (ServerSentEvent sent in ServerSentEvents.ReadAsync(stream, _stop.Token))
        {
            switch (sent.Type)
            {
                case "row":
                    onRow(FieldsOf(sent.Data));
                    break;
                case "stats":
                    Stats = JsonNode.Parse(sent.Data)?.AsObject() ?? throw new JsonException($"stats that are no object: {sent.Data}");
                    _firstStats.TrySetResult();
                    break;
            }
        }
    }
}
