using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>Real spans in by kcat, one event a record; answers equal to what a plain reading of the file gives.</summary>
[Trait("category", "small")]
public sealed class AnswersScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const double QuantileError = 0.01;
    private static readonly TimeSpan Arrives = ScenarioSize.Pick(TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2));
    private string _file = "";
    private EventTable _expected = null!;

    public override async ValueTask InitializeAsync()
    {
        NeedKcat();
        _file = PathOf("events.ndjson");
        if (Events.NezhaMissingReason is { } reason)
        {
            Assert.SkipWhen(ScenarioSize.IsFull, reason);
            Output.WriteLine($"{reason}; generated events instead");
            Events.Generate(_file, 20_000);
        }
        else
        {
            await Events.ConvertNezhaAsync(_file, all: ScenarioSize.IsFull);
        }

        _expected = EventTable.Read(_file, Events.NezhaDimensions[..2]);
        Output.WriteLine($"{_expected.Count} events, {_expected.Traces.Count} traces");
        if (ScenarioSize.IsFull)
        {
            Assert.Equal(Events.NezhaSpans, _expected.Count);
        }
    }

    [Fact]
    public async Task AggregatesAndTheRecentWindowAnswerAsThePlainReadingDoes()
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "1h"));
        await Kcat.ProduceFileAsync(process.Ready.Kafka, "events", _file, TimeSpan.FromMinutes(2));
        using var api = new ApiClient(process.Ready.Http);
        VaryingRange range = _expected.AllTime();
        await api.CountsAsync(_expected.Count, range, Arrives);
        await api.CountsAsync(_expected.Count, range, Arrives, "recent");

        await AssertAnswersAsync(api, range, "auto");
        await AssertAnswersAsync(api, range, "aggregates");
        await AssertAnswersAsync(api, range, "recent");
        await AssertPartsOfTheTimeAsync(api);
        await AssertTextFormAsync(api, range);
    }

    [Fact]
    public async Task BlocksAloneAnswerAsThePlainReadingDoes()
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "1s"));
        await Kcat.ProduceFileAsync(process.Ready.Kafka, "events", _file, TimeSpan.FromMinutes(2));
        using var api = new ApiClient(process.Ready.Http);
        VaryingRange range = _expected.AllTime();
        await api.CountsAsync(_expected.Count, range, Arrives, "blocks");

        await AssertAnswersAsync(api, range, "blocks");
        await AssertAnswersAsync(api, range, "auto");
        await AssertPartsOfTheTimeAsync(api);
    }

    private async Task AssertAnswersAsync(ApiClient api, VaryingRange range, string source)
    {
        const string Distinct = "COUNT_DISTINCT(trace.trace_id)";
        QueryAnswer totals = await api.QueryAsync(new QueryRequest { Calculations = ["COUNT", "MAX(duration_ms)", Distinct], Range = range.Next(), Source = source });
        Assert.Equal(_expected.Count, totals.Single("COUNT"));
        Assert.Equal(_expected.DurationMsMax, totals.Single("MAX(duration_ms)"));
        Assert.Equal("exact", totals.LabelOf("COUNT").Kind);
        Assert.Equal("exact", totals.LabelOf("MAX(duration_ms)").Kind);
        Assert.Equal(totals.Asked, totals.Answered + totals.Failed.Count);
        Assert.Equal(0, totals.LostRanges);
        if (source != "auto")
        {
            Assert.Equal([source], totals.Used);
        }

        AssertWithinBound(totals, Distinct, _expected.Traces.Count);

        QueryAnswer services = await api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Breakdowns = ["service.name"], Range = range.Next(), Source = source });
        AssertSameNumbers($"COUNT by service.name from {source}", _expected.CountBy("service.name"), services.By("service.name", "COUNT"));

        QueryAnswer names = await api.QueryAsync(new QueryRequest
        {
            Calculations = ["COUNT", "P50(duration_ms)", "P99(duration_ms)"],
            Breakdowns = ["name"],
            Range = range.Next(),
            Source = source,
        });
        AssertSameNumbers($"COUNT by name from {source}", _expected.CountBy("name"), names.By("name", "COUNT"));
        AssertQuantiles(source, names, "P50(duration_ms)", _expected.DurationMsQuantileBy("name", 0.50));
        AssertQuantiles(source, names, "P99(duration_ms)", _expected.DurationMsQuantileBy("name", 0.99));
    }

    /// <summary>Edges at whole seconds inside of the events: exact, whichever source answers for the parts.</summary>
    private async Task AssertPartsOfTheTimeAsync(ApiClient api)
    {
        long seconds = _expected.LastSecond - _expected.FirstSecond;
        for (int i = 1; i <= 5; i++)
        {
            var part = new TimeRange(_expected.FirstSecond + (seconds * i / 13), _expected.LastSecond - (seconds * i / 17) + i);
            QueryAnswer answer = await api.QueryAsync(new QueryRequest { Calculations = ["COUNT", "MAX(duration_ms)"], Range = part });
            Assert.Equal(_expected.CountIn(part), answer.Single("COUNT"));
            Assert.Equal(_expected.DurationMsMaxIn(part), answer.Single("MAX(duration_ms)"));
        }
    }

    private async Task AssertTextFormAsync(ApiClient api, VaryingRange range)
    {
        TimeRange all = range.Next();
        string service = _expected.CountBy("service.name").MaxBy(s => s.Value).Key;
        string since = DateTimeOffset.FromUnixTimeSeconds(all.FromSeconds).ToString("yyyy-MM-ddTHH:mm:ssZ");
        string until = DateTimeOffset.FromUnixTimeSeconds(all.ToSeconds).ToString("yyyy-MM-ddTHH:mm:ssZ");
        ApiResponse response = await api.SendAsync(HttpMethod.Post, "/api/v1/query", new JsonObject
        {
            ["dataset"] = "__all__",
            ["text"] = $"COUNT WHERE service.name = \"{service}\" GROUP BY service.name SINCE {since} UNTIL {until}",
        });
        Assert.True(response.Status == System.Net.HttpStatusCode.OK, response.Text);
        Assert.Equal(_expected.CountBy("service.name")[service], new QueryAnswer(response).By("service.name", "COUNT")[service]);
    }

    private static void AssertWithinBound(QueryAnswer answer, string key, double expected)
    {
        Label label = answer.LabelOf(key);
        double actual = answer.Single(key);
        if (label.Kind == "exact")
        {
            Assert.Equal(expected, actual);
            return;
        }

        Assert.Equal("bounded", label.Kind);
        double bound = label.Bound ?? throw new InvalidOperationException($"{key} is bounded without a bound");
        Assert.InRange(bound, 0, 0.1); // relative
        Assert.InRange(actual, expected * (1 - bound), expected * (1 + bound));
    }

    private static void AssertQuantiles(string source, QueryAnswer answer, string key, Dictionary<string, (double Low, double High)> expected)
    {
        Dictionary<string, double> actual = answer.By("name", key);
        string[] wrong =
        [
            .. expected.Where(e => !actual.TryGetValue(e.Key, out double a)
                    || a < (e.Value.Low * (1 - QuantileError)) - 1e-9 || a > (e.Value.High * (1 + QuantileError)) + 1e-9)
                .Select(e => $"{e.Key}: {e.Value.Low}..{e.Value.High} expected, {(actual.TryGetValue(e.Key, out double a) ? a : "none")} answered"),
        ];
        Assert.True(wrong.Length == 0, $"{key} by name from {source}: {wrong.Length} of {expected.Count} off by more than 1 %\n{string.Join('\n', wrong.Take(10))}");
    }
}
