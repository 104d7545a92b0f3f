using System.Text.Json.Nodes;
using StreamObserve.Bench.Generator;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>
/// A comparison finds what was planted: in generated events the build, route and zone of the incident; in real spans the service that was broken, where that changed its
/// latency. Both sides together are the events, and the endpoint answers from several partitions.
/// </summary>
[Trait("category", "small")]
public sealed class BubbleUpScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const int RankMax = 8;
    private const int ServiceRankMax = 3;
    private const double FoundShareMin = 0.8;

    /// <summary>A fault has changed a service's latency when the median or the 95th percentile of its own spans is so many times that of its other spans.</summary>
    private const double LatencyFactor = 1.5;

    private static readonly TimeSpan Arrives = ScenarioSize.Pick(TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(4));

    public static TheoryData<ulong> Seeds => ScenarioSize.IsFull ? [42, 101, 102, 103] : [42];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task TheIncidentsBuildRouteAndZoneAreAmongTheFirstEight(ulong seed)
    {
        NeedKcat();
        string file = PathOf("events.ndjson");
        GroundTruth truth = Events.Generate(file, ScenarioSize.Pick(100_000, 1_000_000), seed);
        using ApiClient api = await FeedAsync(file, truth.Events);

        Incident incident = truth.Incident;
        (long from, long to) = (incident.From.ToUnixTimeSeconds(), incident.To.ToUnixTimeSeconds());
        JsonObject inTheMinutes = await CompareAsync(api, from, to, new JsonObject { ["where"] = "duration_ms > 2000" });
        AssertFinds(incident, inTheMinutes);

        (long first, long last) = (truth.Options.Start.ToUnixTimeSeconds(), (truth.Options.Start + truth.Options.Length).ToUnixTimeSeconds() + 3600);
        JsonObject box = await CompareAsync(
            api, first, last, new JsonObject { ["start_time"] = from, ["end_time"] = to, ["column"] = "duration_ms", ["min"] = 2000 });
        AssertFinds(incident, box);
        Assert.Equal(truth.Events, (long)box["selection"]!["rows"]! + (long)box["baseline"]!["rows"]!);
        Assert.Equal("exact", (string?)box["receipt"]!["labels"]!["baseline"]!["kind"]);
        Assert.Contains(box["left_out"]!.AsArray(), left => (string?)left!["column"] == "duration_ms" && (string?)left["reason"] == "selection");
    }

    [Fact]
    public async Task TheBrokenServiceIsAmongTheFirstThreeOfRealSpans()
    {
        NeedKcat();
        Assert.SkipWhen(Events.NezhaMissingReason is not null, Events.NezhaMissingReason ?? "");
        Assert.SkipUnless(ScenarioSize.IsFull, "the first file holds one fault only; run in full");
        string file = PathOf("spans.ndjson");
        await Events.ConvertNezhaAsync(file, all: true);
        List<Span> spans = [.. File.ReadLines(file).Select(Span.Read)];
        using ApiClient api = await FeedAsync(file, spans.Count);
        double slow = Quantile([.. spans.Select(s => s.DurationMs)], 0.95);
        (long first, long last) = (spans.Min(s => s.Second), spans.Max(s => s.Second) + 1);

        int asked = 0, found = 0;
        foreach (NezhaFault fault in NezhaFault.ReadAll())
        {
            Span[] own = [.. spans.Where(s => s.Service == fault.Service)];
            double[] during = [.. own.Where(s => fault.Covers(s.Second)).Select(s => s.DurationMs)];
            double[] otherwise = [.. own.Where(s => !fault.Covers(s.Second)).Select(s => s.DurationMs)];
            if (during.Length == 0)
            {
                continue;       // no file of its time
            }

            if (!(Factor(during, otherwise, 0.5) >= LatencyFactor || Factor(during, otherwise, 0.95) >= LatencyFactor))
            {
                Output.WriteLine($"{fault}: {during.Length} spans of its service, whose latency it did not change");
                continue;
            }

            JsonObject answer = await CompareAsync(
                api, first, last, new JsonObject { ["start_time"] = fault.FromSecond, ["end_time"] = fault.ToSecond, ["column"] = "duration_ms", ["min"] = slow });
            JsonNode services = Dimension(answer, "service.name") ?? throw new InvalidDataException(answer.ToJsonString());
            int rank = 1 + services["values"]!.AsArray().ToList().FindIndex(v => (string?)v!["value"] == fault.Service);
            Output.WriteLine($"{fault}: rank {rank} of {string.Join(", ", services["values"]!.AsArray().Take(4).Select(v => $"{v!["value"]} {v["selection"]} / {v["baseline"]}"))}");
            asked++;
            found += rank is > 0 and <= ServiceRankMax ? 1 : 0;
        }

        Output.WriteLine($"{found} of {asked} faults");
        Assert.True(asked >= 3 && found >= FoundShareMin * asked, $"{found} of {asked} faults");
    }

    private void AssertFinds(Incident incident, JsonObject answer)
    {
        JsonNode?[] dimensions = [.. answer["dimensions"]!.AsArray()];
        Output.WriteLine(string.Join("; ", dimensions.Take(RankMax).Select(d => $"{d!["column"]} {d["score"]} {d["values"]![0]}".ReplaceLineEndings(" "))));
        foreach ((string column, string value) in ((string, string)[])[("build_id", incident.BuildId), ("http.route", incident.Route), ("availability_zone", incident.Zone)])
        {
            Assert.Contains(dimensions.Take(RankMax), d => (string?)d!["column"] == column && (string?)d["values"]![0]!["value"] == value);
        }
    }

    /// <summary>The dimension of a field, or of the one that it was folded into.</summary>
    private static JsonNode? Dimension(JsonObject answer, string column) => answer["dimensions"]!.AsArray().FirstOrDefault(
        d => (string?)d!["column"] == column || (d["same_as"]?.AsArray().Any(same => (string?)same == column) ?? false));

    private async Task<ApiClient> FeedAsync(string file, long events)
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "1s"));
        await Kcat.ProduceFileAsync(process.Ready.Kafka, "events", file, TimeSpan.FromMinutes(5));
        var api = new ApiClient(process.Ready.Http);
        EventTable table = EventTable.Read(file, []);
        await api.CountsAsync(events, table.AllTime(), Arrives);
        return api;
    }

    private static async Task<JsonObject> CompareAsync(ApiClient api, long from, long to, JsonObject selection)
    {
        ApiResponse response = await api.SendAsync(HttpMethod.Post, "/api/v1/bubbleup", new JsonObject
        {
            ["dataset"] = "__all__",
            ["query"] = new JsonObject { ["start_time"] = from, ["end_time"] = to },
            ["selection"] = selection,
            ["partial"] = "fail",
        });
        Assert.True(response.Status == System.Net.HttpStatusCode.OK, response.Text);
        return response.Json!.AsObject();
    }

    private static double Factor(double[] during, double[] otherwise, double quantile) =>
        otherwise.Length == 0 ? 0 : Quantile(during, quantile) / Quantile(otherwise, quantile);

    private static double Quantile(double[] values, double quantile)
    {
        Array.Sort(values);
        return values[(int)(quantile * (values.Length - 1))];
    }

    private sealed record Span(string Service, long Second, double DurationMs)
    {
        public static Span Read(string line)
        {
            JsonNode span = JsonNode.Parse(line)!;
            return new((string)span["service.name"]!, DateTimeOffset.Parse((string)span["timestamp"]!, null).ToUnixTimeSeconds(), (double)span["duration_ms"]!);
        }
    }
}
