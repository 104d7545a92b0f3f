using System.Globalization;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>
/// A tenth is kept by a dynamic sampler, all errors and slow spans besides: estimates of random filtered questions lie within the intervals that they state, of the truth from a plain reading
/// of the file, as often as they state it; and the traces that were to be kept are kept whole.
/// </summary>
[Trait("category", "small")]
public sealed class EstimatesScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const double SlowMs = 4_000;
    private const int EventsAtLeast = 300;
    private static readonly int EventCount = ScenarioSize.Pick(60_000, 1_000_000);
    private static readonly int Questions = ScenarioSize.Pick(60, 500);
    private static readonly TimeSpan Arrives = TimeSpan.FromMinutes(2);

    private static readonly string[] Dimensions =
    [
        "service.name", "name", "http.method", "http.route", "http.status_code", "error", "build_id", "region", "availability_zone", "hostname", "client.os", "customer_id",
    ];

    private static readonly string[] Calculations = ["COUNT", "SUM(duration_ms)", "AVG(duration_ms)", "P50(duration_ms)", "P95(duration_ms)"];

    [Fact]
    public async Task EstimatesLieWithinTheIntervalsThatTheyState()
    {
        NeedKcat();
        string file = PathOf("events.ndjson");
        Events.Generate(file, EventCount, seed: 7);
        EventTable expected = EventTable.Read(file, Dimensions);
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", ScenarioSize.Pick("20s", "60s")));
        using var api = new ApiClient(process.Ready.Http);
        await api.PutSamplingAsync("__default__", Policy());
        await using (Kcat kcat = Kcat.Produce(process.Ready.Kafka, "events", ["-l", file]))
        {
            await kcat.FinishAsync(Arrives);
        }

        VaryingRange range = expected.AllTime();
        await api.CountsAsync(EventCount, range, Arrives);
        await api.BlocksAreCompleteAsync(range, Arrives);
        await AssertKeptTracesAsync(api, range, expected);
        await AssertIntervalsAsync(api, range, expected);
    }

    private static JsonObject Policy() => JsonNode.Parse($$"""
        {"rules":[{"name":"errors","conditions":[{"field":"error","op":"=","value":true}],"keep":true},{"name":"slow","conditions":[{"field":"duration_ms","op":">","value":{{SlowMs}}}],"keep":true},
          {"name":"rest","sampler":{"type":"dynamic","goal_rate":14,"key":["root.service.name","root.http.route"]} }]}
        """)!.AsObject();

    /// <summary>All was fed within the window, so every trace with an error or a slow span had it in time.</summary>
    private async Task AssertKeptTracesAsync(ApiClient api, VaryingRange range, EventTable expected)
    {
        Dictionary<string, KeptTrace> kept = await api.KeptTracesAsync(range, ScenarioSize.Pick(1, 2));
        TraceFacts[] wanted = [.. expected.Traces.Where(t => t.FirstErrorLine >= 0 || t.DurationMsMax > SlowMs)];
        string[] wrong = [.. wanted.Where(t => kept.GetValueOrDefault(t.Id) is var k && (k.Rows != t.Rows || k.Weight != t.Rows)).Select(t => $"{t.Id}: {t.Rows} rows, kept {kept.GetValueOrDefault(t.Id)}")];
        double share = kept.Values.Sum(k => (double)k.Rows) / EventCount;
        Output.WriteLine($"{share:P1} of the rows kept; {wanted.Length} traces of {expected.Traces.Count} with an error or a slow span");
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {wanted.Length} are not whole\n{string.Join('\n', wrong.Take(10))}");
        Assert.InRange(share, 0.08, 0.2);
    }

    private async Task AssertIntervalsAsync(ApiClient api, VaryingRange range, EventTable expected)
    {
        var random = new Random(2026);
        int[] held = new int[Calculations.Length], stated = new int[Calculations.Length];
        for (int asked = 0; asked < Questions;)
        {
            List<(string Dimension, string Value)> filters = [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Dimensions[random.Next(Dimensions.Length)]).Distinct()
                .Select(d => (d, expected.ValuesOf(d)[random.Next(expected.ValuesOf(d).Count)]))];
            double[] durations = expected.DurationsMsOf(filters);
            if (durations.Length < EventsAtLeast)
            {
                continue;
            }

            asked++;
            QueryAnswer answer = await api.QueryAsync(new QueryRequest
            {
                Calculations = Calculations,
                Filters = [.. filters.Select(f => (f.Dimension, "=", (JsonNode?)ValueOf(f.Value)))],
                Range = range.Next(),
                Source = "blocks",
            });
            for (int i = 0; i < Calculations.Length; i++)
            {
                bool? holds = Holds(answer, Calculations[i], durations);
                stated[i] += holds is null ? 0 : 1;
                held[i] += holds == true ? 1 : 0;
            }
        }

        for (int i = 0; i < Calculations.Length; i++)
        {
            Output.WriteLine($"{Calculations[i]}: of {Questions} questions {stated[i]} answers state an interval, {held[i]} of which hold");
        }

        // In small, of few questions whose filters share rows, some fewer may; and of few rows percentiles far out have none; nor has what was kept for what it is.
        Assert.InRange(held.Sum(), ScenarioSize.Pick(0.9, 0.95) * stated.Sum(), stated.Sum());
        Assert.InRange(stated.Sum(), ScenarioSize.Pick(0.8, 0.9) * Questions * Calculations.Length, Questions * Calculations.Length);
    }

    private static JsonNode ValueOf(string text) =>
        bool.TryParse(text, out bool truth) ? JsonValue.Create(truth) : long.TryParse(text, CultureInfo.InvariantCulture, out long number) ? JsonValue.Create(number) : JsonValue.Create(text)!;

    /// <summary>Whether the truth lies within the interval; null where the answer says that it has none.</summary>
    private static bool? Holds(QueryAnswer answer, string calculation, double[] durations)
    {
        Label label = answer.LabelOf(calculation);
        if (label.Interval is not var (low, high))
        {
            // Of rows that were all kept for what they are, others may have been dropped unseen.
            Assert.True(label.Kind is "estimated" or "at_least", $"{calculation}: {label.Kind}");
            return label.Kind == "estimated" ? null : calculation != "COUNT" || answer.Single(calculation) <= durations.Length;
        }

        if (calculation[0] == 'P')
        {
            // A percentile is known to 1 % of its value, whatever is sampled.
            (double below, double above) = EventTable.Neighbours(durations, calculation.StartsWith("P50", StringComparison.Ordinal) ? 0.5 : 0.95);
            return low <= above * 1.01 && below <= high * 1.01;
        }

        double truth = calculation switch { "COUNT" => durations.Length, "SUM(duration_ms)" => durations.Sum(), _ => durations.Average() };
        return low <= truth * (1 + 1e-9) && truth * (1 - 1e-9) <= high;
    }
}
