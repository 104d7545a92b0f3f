using System.Diagnostics;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>kill -9 at random moments while an idempotent producer keeps sending: nothing lost, nothing twice.</summary>
[Trait("category", "small")]
public sealed class KillScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const int Seed = 20260512;
    private static readonly int Kills = ScenarioSize.Pick(6, 50);
    private static readonly int EventCount = ScenarioSize.Pick(60_000, 1_000_000);

    /// <summary>Long enough for the kills to fall into it: a start and a second or two of life for each.</summary>
    private static readonly TimeSpan FeedTime = TimeSpan.FromSeconds(2) * Kills;

    private static readonly TimeSpan Recovers = ScenarioSize.Pick(TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(5));
    private static readonly string[] Window = ["--window", "4s"];

    [Fact]
    public async Task CountsOfEveryDimensionAreExactAfterManyKills()
    {
        NeedKcat();
        (string file, EventTable expected) = MakeEvents();
        int[] ports = LoopbackPorts.Take(2);
        StreamObserveProcess process = await FeedWhileKillingAsync(file, ports, policy: null);

        using var api = new ApiClient(process.Ready.Http);
        VaryingRange range = expected.AllTime();
        await api.CountsAsync(expected.Count, range, Recovers);
        await api.CountsAsync(expected.Count, range, Recovers, "blocks");
        foreach (string source in new[] { "aggregates", "blocks" })
        {
            foreach (string dimension in expected.Dimensions)
            {
                QueryAnswer answer = await api.QueryAsync(new QueryRequest
                {
                    Calculations = ["COUNT", "SUM(duration_ms)"],
                    Breakdowns = [dimension],
                    Range = range.Next(),
                    Source = source,
                });
                AssertSameNumbers($"COUNT by {dimension} from {source}", expected.CountBy(dimension), answer.By(dimension, "COUNT"));
                AssertSameNumbers($"SUM(duration_ms) by {dimension} from {source}", expected.DurationMsSumBy(dimension), answer.By(dimension, "SUM(duration_ms)"), 1e-9);
                Assert.Equal(0, answer.LostRanges);
            }
        }
    }

    /// <summary>Decisions by the trace id and by epoch, of rules and of policies as the Collector has them; a goal is about a tenth of what is fed.</summary>
    public static TheoryData<string> SamplingPolicies =>
    [
        $$"""
        {"rules":[{"name":"errors","conditions":[{"field":"error","op":"=","value":true}],"keep":true},{"name":"one in ten","conditions":[{"field":"region","op":"starts-with","value":"eu"}],"rate":10},
          {"name":"goal","sampler":{"type":"throughput","goal_per_second":{{EventCount / FeedTime.TotalSeconds / 10:F0}},"key":["service.name","root.name"]} }]}
        """,
        $$$"""
        {"policies":[{"name":"some","type":"probabilistic","probabilistic":{"sampling_percentage":5}},
          {"name":"budget","type":"composite","composite":{"max_total_spans_per_second":{{{EventCount / FeedTime.TotalSeconds / 10:F0}}},
            "composite_sub_policy":[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}},{"name":"rest","type":"always_sample"}]}}]}
        """,
    ];

    [Theory]
    [MemberData(nameof(SamplingPolicies))]
    public async Task KeptRowsAndWeightsEqualThoseOfAnUninterruptedRunOverTheSameLog(string policyJson)
    {
        NeedKcat();
        (string file, EventTable expected) = MakeEvents();
        int[] ports = LoopbackPorts.Take(2);
        JsonObject policy = JsonNode.Parse(policyJson)!.AsObject();
        StreamObserveProcess process = await FeedWhileKillingAsync(file, ports, policy);
        int prefixDigits = ScenarioSize.Pick(1, 2);
        VaryingRange range = expected.AllTime();
        Dictionary<string, KeptTrace> interrupted;
        using (var api = new ApiClient(process.Ready.Http))
        {
            await api.CountsAsync(expected.Count, range, Recovers);
            await api.BlocksAreCompleteAsync(range, Recovers);
            interrupted = await api.KeptTracesAsync(range, prefixDigits);
        }

        await process.TerminateAsync(TimeSpan.FromSeconds(10));

        // The same log, but no state: the broker on its own over the same folder, everything else beside it with an empty one.
        StreamObserveProcess broker = await StartAsync("replay-broker", RunArguments("data", "--roles", "broker"));
        StreamObserveProcess replay = await StartAsync(
            "replay", RunArguments("replay-data", ["--roles", "ingest,processor,query", "--kafka", broker.Ready.Kafka, .. Window]));
        using var replayApi = new ApiClient(replay.Ready.Http);
        await replayApi.CountsAsync(expected.Count, range, Recovers);
        await replayApi.BlocksAreCompleteAsync(range, Recovers);
        Dictionary<string, KeptTrace> uninterrupted = await replayApi.KeptTracesAsync(range, prefixDigits);

        Output.WriteLine($"{interrupted.Count} traces kept of {expected.Traces.Count}, {interrupted.Values.Sum(k => k.Rows)} rows of {expected.Count}");
        Assert.InRange(interrupted.Count, expected.Traces.Count / 40, expected.Traces.Count / 4);
        string[] differences =
        [
            .. interrupted.Keys.Union(uninterrupted.Keys)
                .Where(id => interrupted.GetValueOrDefault(id) != uninterrupted.GetValueOrDefault(id))
                .Select(id => $"{id}: {interrupted.GetValueOrDefault(id)} after kills, {uninterrupted.GetValueOrDefault(id)} without"),
        ];
        Assert.True(differences.Length == 0, $"{differences.Length} traces differ\n{string.Join('\n', differences.Take(10))}");
    }

    private (string File, EventTable Expected) MakeEvents()
    {
        string file = PathOf("events.ndjson");
        Events.Generate(file, EventCount);
        return (file, EventTable.Read(file, Events.GeneratedDimensions));
    }

    /// <summary>
    /// Feeds the file, killing and restarting at the same addresses on the same data: a quarter of the kills fall into the start
    /// or recovery, the others at any moment within two seconds after it. Returns the last process, ready, with everything delivered.
    /// </summary>
    private async Task<StreamObserveProcess> FeedWhileKillingAsync(string file, int[] ports, JsonObject? policy)
    {
        string[] arguments = RunArguments("data", ["--http", $"127.0.0.1:{ports[0]}", "--broker", $"127.0.0.1:{ports[1]}", .. Window]);
        var random = new Random(Seed);
        StreamObserveProcess process = await StartAsync("streamobserve", arguments);
        if (policy is not null)
        {
            using var api = new ApiClient(process.Ready.Http);
            await api.PutSamplingAsync("__default__", policy);
        }

        await using Kcat kcat = Kcat.ProduceThroughRestarts(process.Ready.Kafka, "events");
        Task feed = kcat.FeedEvenlyAsync(file, EventCount, FeedTime);
        var clock = Stopwatch.StartNew();
        int killsInFlow = 0;
        for (int kill = 1; kill <= Kills; kill++)
        {
            bool isDuringStart = random.Next(4) == 0;
            if (!isDuringStart)
            {
                await process.WaitUntilReadyAsync();
            }

            await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * (isDuringStart ? 1 : 2)));
            Assert.False(process.HasExited, $"ended by itself before kill {kill}\n{(process.HasExited ? process.LogTail() : "")}");
            await process.KillAsync();
            killsInFlow += feed.IsCompleted ? 0 : 1;
            Output.WriteLine($"kill {kill} after {clock.Elapsed.TotalSeconds:F1} s{(isDuringStart ? " during a start" : "")}, feed {(feed.IsCompleted ? "done" : "flowing")}");
            process = Spawn("streamobserve", arguments);
        }

        await process.WaitUntilReadyAsync();
        await feed;
        Assert.True(killsInFlow > Kills / 2, $"only {killsInFlow} of {Kills} kills fell into the flow of events");
        await kcat.FinishAsync(Recovers);
        return process;
    }
}
