using System.Net;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>What clients of Honeycomb's interface made is there after kill -9 of the node: queries, results, what was said of columns, markers.</summary>
[Trait("category", "small")]
public sealed class HoneycombScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private static readonly TimeSpan Recovers = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task QueriesResultsColumnsAndMarkersOutliveTheNode()
    {
        int[] ports = LoopbackPorts.Take(2);
        string[] arguments = RunArguments("data", "--http", $"127.0.0.1:{ports[0]}", "--broker", $"127.0.0.1:{ports[1]}", "--window", "1s");
        StreamObserveProcess process = await StartAsync("streamobserve", arguments);
        using var api = new ApiClient(process.Ready.Http);
        string[] lines = [.. Enumerable.Range(0, 100).Select(i => $$"""{"name":"GET /{{i % 4}}","duration_ms":{{i}}}""")];
        ApiResponse ingested = await api.SendTextAsync(HttpMethod.Post, "/api/v1/ingest/shop", string.Join('\n', lines), "application/x-ndjson");
        Assert.Equal(HttpStatusCode.OK, ingested.Status);

        // As a client does it: save, run, poll.
        ApiResponse saved = await Eventually.AsksAsync(
            "the dataset is known",
            Recovers,
            () => api.SendAsync(HttpMethod.Post, "/1/queries/shop", Node("""{"calculations":[{"op":"COUNT"}],"breakdowns":["name"],"time_range":3600}""")),
            answer => answer.Status == HttpStatusCode.OK,
            answer => answer.Text);
        JsonNode query = saved.Json!;
        (string resultPath, _) = await Eventually.AsksAsync(
            "a result counts all events", Recovers, () => RunAsync(api, (string)query["id"]!), run => run.Count == lines.Length, run => $"{run.Count} events");
        ApiResponse result = await api.GetAsync(resultPath);
        string id = (string)result.Json!["id"]!;
        ApiResponse stored = await api.GetAsync($"/api/v1/results/{id}");
        Assert.Equal(HttpStatusCode.OK, stored.Status);
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Post, $"/api/v1/results/{id}/pin", null)).Status);

        ApiResponse columns = await api.GetAsync("/1/columns/shop?key_name=duration_ms");
        string columnPath = $"/1/columns/shop/{columns.Json!["id"]}";
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Put, columnPath, Node("""{"key_name":"duration_ms","description":"how long"}"""))).Status);
        ApiResponse marker = await api.SendAsync(HttpMethod.Post, "/1/markers/shop", Node("""{"message":"deploy 7","type":"deploy"}"""));
        Assert.Equal(HttpStatusCode.Created, marker.Status);

        // An answer of our own interface, only just given: it is on the log within the time that a person needs to copy its link.
        ApiResponse last = await api.SendAsync(HttpMethod.Post, "/api/v1/query", Node("""{"dataset":"shop","text":"COUNT LAST 1h"}"""));
        string lastPath = $"/api/v1/results/{last.Json!["id"]}";
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        await process.KillAsync();
        process = await StartAsync("streamobserve", arguments);

        using var again = new ApiClient(process.Ready.Http);
        Assert.Equal(stored.Text, (await again.GetAsync($"/api/v1/results/{id}")).Text);
        Assert.Equal(last.Text, (await again.GetAsync(lastPath)).Text);
        Assert.Equal(result.Text, (await again.GetAsync(resultPath)).Text);
        Assert.Equal(query.ToJsonString(), (await again.GetAsync($"/1/queries/shop/{query["id"]}")).Json!.ToJsonString());
        Assert.Equal("how long", (string)(await again.GetAsync(columnPath)).Json!["description"]!);
        ApiResponse markers = await again.GetAsync("/1/markers/shop");
        Assert.Equal("deploy 7", (string)Assert.Single(markers.Json!.AsArray())!["message"]!);
        Assert.Equal(marker.Text, markers.Json![0]!.ToJsonString());
    }

    /// <summary>Runs a saved query and polls its result; where it is, and what its rows count.</summary>
    private static async Task<(string Path, double Count)> RunAsync(ApiClient api, string query)
    {
        ApiResponse started = await api.SendAsync(HttpMethod.Post, "/1/query_results/shop", new JsonObject { ["query_id"] = query });
        Assert.Equal(HttpStatusCode.Created, started.Status);
        string path = $"/1/query_results/shop/{started.Json!["id"]}";
        ApiResponse complete = await Eventually.AsksAsync(
            "the result is complete", Recovers, () => api.GetAsync(path), answer => answer.Status != HttpStatusCode.OK || (bool)answer.Json!["complete"]!, answer => answer.Text);
        Assert.Equal(HttpStatusCode.OK, complete.Status);
        return (path, complete.Json!["data"]!["results"]!.AsArray().Sum(row => (double)row!["data"]!["COUNT"]!));
    }

    private static JsonNode Node(string json) => JsonNode.Parse(json)!;
}
