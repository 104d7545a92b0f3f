using System.Net;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>A policy is tried before it is put; what it then drops is what the trial said; dropped traces come back whole, over kill -9, and no estimate changes.</summary>
[Trait("category", "small")]
public sealed class UndoScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const int Traces = 600;
    private const int RowsOfTrace = 5;
    private const string Policy = """{"rules":[{"name":"errors","conditions":[{"field":"error","op":"=","value":true}],"keep":true},{"name":"one in ten","rate":10}]}""";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task WhatAPolicyDropsIsKnownBeforeAndComesBackAfter()
    {
        int[] ports = LoopbackPorts.Take(2);
        string[] arguments = RunArguments("data", "--http", $"127.0.0.1:{ports[0]}", "--broker", $"127.0.0.1:{ports[1]}", "--window", "1s");
        StreamObserveProcess process = await StartAsync("streamobserve", arguments);
        using var api = new ApiClient(process.Ready.Http);
        string[] ids = [.. Enumerable.Range(0, Traces).Select(i => $"{(ulong)i * 0x9E3779B97F4A7C15UL:x16}{i:x15}")];

        // Tried on events that no policy has touched: all of them are there to compare with.
        await IngestAsync(api, ids, "before");
        await CountAsync(api, "before", Traces * RowsOfTrace);
        JsonNode trial = await Eventually.AsksAsync(
            "all events have had their window",
            Soon,
            () => PostAsync(api, "/api/v1/sampling/dryrun", $$"""{"dataset":"before","policy":{{Policy}},"time_range":600,"by":["customer_id","error"]}"""),
            answer => (int)answer["events"]! == Traces * RowsOfTrace,
            answer => answer.ToJsonString());
        int[] kept = Kept(ids, "before");
        Assert.Equal((Traces * RowsOfTrace, kept.Length * RowsOfTrace), ((int)trial["events"]!, (int)trial["kept"]!));
        string[] lost = Lost(kept);
        Assert.NotEmpty(lost);
        Assert.Equal(lost.Length, (int)trial["fields"]![0]!["vanished"]!["values"]!);
        Output.WriteLine($"the trial keeps {trial["kept"]} of {trial["events"]} events and loses {lost.Length} customers");

        kept = Kept(ids, "after");
        lost = Lost(kept);
        await api.PutSamplingAsync("after", JsonNode.Parse(Policy)!.AsObject());
        await IngestAsync(api, ids, "after");
        await CountAsync(api, "after", Traces * RowsOfTrace);
        await Eventually.AsksAsync("all are decided", Soon, () => RowsAsync(api, "COUNT"), rows => rows.Length > 0 && Stored(rows) == kept.Length * RowsOfTrace, rows => rows);
        string estimates = await EstimatesAsync(api);

        int droppedIndex = Enumerable.Range(0, Traces).First(i => !kept.Contains(i));
        string dropped = IdOf("after", ids[droppedIndex]);
        JsonNode gone = (await api.GetAsync($"/api/v1/traces/{dropped}")).Json!;
        Assert.Equal(("sampled", RowsOfTrace, 0), ((string)gone["missing"]![0]!["reason"]!, (int)gone["missing"]![0]!["rows"]!, gone["rows"]!.AsArray().Count));
        JsonNode promoted = await PostAsync(api, "/api/v1/promote", $$"""{"trace_id":"{{dropped}}"}""");
        Assert.Equal(RowsOfTrace, (int)promoted["promoted"]!);
        await AssertWholeAsync(api, dropped);
        string customer = lost[0];
        int ofCustomer = ids.Where((_, i) => CustomerOf(i) == customer).Count() * RowsOfTrace;
        string byCustomer = $$"""{"dataset":"after","filter":"customer_id = \"{{customer}}\" AND name = \"op 2\"","time_range":600}""";
        JsonNode more = await PostAsync(api, "/api/v1/promote", byCustomer);
        int already = CustomerOf(droppedIndex) == customer ? RowsOfTrace : 0;
        Assert.Equal((ofCustomer - already, already), ((int)more["promoted"]!, (int)more["already_promoted"]!));
        Assert.Equal(estimates, await EstimatesAsync(api));

        await process.KillAsync();
        process = await StartAsync("streamobserve", arguments);
        using var again = new ApiClient(process.Ready.Http);
        await CountAsync(again, "after", Traces * RowsOfTrace);
        await AssertWholeAsync(again, dropped);
        JsonNode third = await PostAsync(again, "/api/v1/promote", byCustomer);
        Assert.Equal((0, ofCustomer), ((int)third["promoted"]!, (int)third["already_promoted"]!));
        Assert.Equal(estimates, await EstimatesAsync(again));
    }

    private static bool IsError(int trace) => trace % 20 == 3;

    private static string CustomerOf(int trace) => $"c-{trace % 150}";

    /// <summary>32 hexadecimal digits.</summary>
    private static string IdOf(string dataset, string id) => (dataset == "before" ? "b" : "a") + id;

    private static int[] Kept(string[] ids, string dataset) => [.. Enumerable.Range(0, Traces).Where(i => IsError(i) || DeterministicSampling.Keeps(IdOf(dataset, ids[i]), 10))];

    private static string[] Lost(int[] kept) => [.. Enumerable.Range(0, Traces).Select(CustomerOf).Distinct().Except(kept.Select(CustomerOf))];

    private static int Stored(string rows) => (int)JsonNode.Parse(rows)!["receipt"]!["rows_read"]!;

    private static async Task IngestAsync(ApiClient api, string[] ids, string dataset)
    {
        double now = (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;
        IEnumerable<string> lines = ids.SelectMany((id, i) => Enumerable.Range(0, RowsOfTrace).Select(row => new JsonObject
        {
            ["time"] = now + (i * 1e-3) + (row * 1e-5),
            ["trace.trace_id"] = IdOf(dataset, id),
            ["trace.parent_id"] = row == 0 ? null : "a",
            ["name"] = $"op {row}",
            ["duration_ms"] = (i % 90) + (row / 4.0),
            ["customer_id"] = CustomerOf(i),
            ["error"] = IsError(i) && row == 2,
        }.ToJsonString()));
        ApiResponse answer = await api.SendTextAsync(HttpMethod.Post, $"/api/v1/ingest/{dataset}", string.Join('\n', lines), "application/x-ndjson");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
    }

    private static async Task CountAsync(ApiClient api, string dataset, int count) => await Eventually.AsksAsync(
        $"{dataset} has all events",
        Soon,
        () => api.SendAsync(HttpMethod.Post, "/api/v1/query", JsonNode.Parse($$"""{"dataset":"{{dataset}}","text":"COUNT LAST 1h","source":"aggregates"}""")),
        answer => answer.Status == HttpStatusCode.OK && (int?)answer.Json!["data"]!["results"]!.AsArray().FirstOrDefault()?["data"]!["COUNT"] == count,
        answer => answer.Text);

    private static async Task<string> RowsAsync(ApiClient api, string calculations)
    {
        ApiResponse answer = await api.SendAsync(HttpMethod.Post, "/api/v1/query", JsonNode.Parse($$"""{"dataset":"after","text":"{{calculations}} LAST 1h","source":"blocks"}"""));
        return answer.Status == HttpStatusCode.OK ? answer.Text : "";
    }

    private static async Task<string> EstimatesAsync(ApiClient api)
    {
        JsonNode answer = JsonNode.Parse(await RowsAsync(api, "COUNT, SUM(duration_ms), AVG(duration_ms), P95(duration_ms), MAX(duration_ms), COUNT_DISTINCT(customer_id) GROUP BY name"))!;
        return answer["data"]!["results"]!.ToJsonString() + answer["receipt"]!["labels"]!.ToJsonString();
    }

    private static async Task AssertWholeAsync(ApiClient api, string trace)
    {
        JsonNode back = (await api.GetAsync($"/api/v1/traces/{trace}")).Json!;
        Assert.Equal((RowsOfTrace, true), (back["rows"]!.AsArray().Count, (bool)back["complete"]!));
        Assert.All(back["rows"]!.AsArray(), row => Assert.True((bool)row!["meta.sample.promoted"]!));
    }

    private static async Task<JsonNode> PostAsync(ApiClient api, string path, string body)
    {
        ApiResponse answer = await api.SendAsync(HttpMethod.Post, path, JsonNode.Parse(body));
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        Assert.True((bool)answer.Json!["complete"]!, answer.Json["missing"]!.ToJsonString());
        return answer.Json;
    }
}
