using System.Diagnostics;
using StreamObserve.Bench.Generator;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Bench.Compare;

/// <summary>What one run of the pipeline used, from the first record produced until blocks hold every event.</summary>
internal sealed record PipelineUsage(double BrokerCpuSeconds, double PipelineCpuSeconds, double WallSeconds, long PipelineResidentBytesPeak, long DataBytes)
{
    /// <summary>Median answer times of <see cref="PipelineRun.Questions"/>, in ms; empty when they were not asked.</summary>
    public IReadOnlyDictionary<string, double> AnswerMs { get; init; } = new Dictionary<string, double>();
}

/// <summary>The broker role as one process, every other role as another, fed by kcat, keeping all.</summary>
internal static class PipelineRun
{
    private static readonly TimeSpan FinishesWithin = TimeSpan.FromMinutes(10);
    private static readonly TimeRange Everything = new(GeneratorOptions.Default.Start.ToUnixTimeSeconds(), (GeneratorOptions.Default.Start + GeneratorOptions.Default.Length).ToUnixTimeSeconds() + 3600);

    /// <summary>The questions that the peers are asked too, under the same names (peers/events.mjs).</summary>
    private static readonly (string Name, QueryRequest Query)[] Questions =
    [
        ("COUNT over time", Ask("COUNT") with { GranularitySeconds = 10 }),
        ("COUNT, P50, P99 by service.name", Ask("COUNT", "P50(duration_ms)", "P99(duration_ms)") with { Breakdowns = ["service.name"] }),
        ("COUNT by customer_id, top 100", Ask("COUNT") with { Breakdowns = ["customer_id"], Limit = 100 }),
        ("COUNT of errors on a route by hostname", Ask("COUNT") with { Breakdowns = ["hostname"], Filters = [("http.status_code", ">=", 500), ("http.route", "=", "POST /shop/v3/orders")] }),
        ("distinct user_id by region", Ask("COUNT_DISTINCT(user_id)") with { Breakdowns = ["region"] }),
        ("COUNT of messages that contain", Ask("COUNT") with { Filters = [("message", "contains", "broken pipe to peer")] }),
    ];

    /// <summary>Runs it once on empty folders.</summary>
    /// <param name="options">Sizes and folders.</param>
    /// <param name="file">The events.</param>
    /// <param name="kcatArguments">How kcat cuts the file into records.</param>
    /// <param name="asksQuestions">Whether to measure answers at the end.</param>
    public static async Task<PipelineUsage> MeasureAsync(BenchOptions options, string file, string[] kcatArguments, bool asksQuestions)
    {
        string folder = Path.Combine(options.WorkFolder, "pipeline");
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        DirectoryInfo data = Directory.CreateDirectory(Path.Combine(folder, "pipeline-data"));
        await using StreamObserveProcess broker = await StartAsync(folder, "broker", "--roles", "broker", "--broker", "127.0.0.1:0");
        await using StreamObserveProcess pipeline = await StartAsync(
            folder, "pipeline", "--roles", "ingest,processor,query", "--kafka", broker.Ready.Kafka, "--window", "1s", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0");
        using var api = new ApiClient(pipeline.Ready.Http);
        TimeSpan brokerBefore = broker.Usage.Cpu, pipelineBefore = pipeline.Usage.Cpu;
        var clock = Stopwatch.StartNew();
        await using (Kcat kcat = Kcat.Produce(broker.Ready.Kafka, "events", [.. kcatArguments, "-l", file]))
        {
            await kcat.FinishAsync(FinishesWithin);
        }

        await WaitUntilInBlocksAsync(api, options.Events);
        var usage = new PipelineUsage(
            (broker.Usage.Cpu - brokerBefore).TotalSeconds,
            (pipeline.Usage.Cpu - pipelineBefore).TotalSeconds,
            clock.Elapsed.TotalSeconds,
            pipeline.Usage.ResidentBytesPeak,
            data.EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length));
        return asksQuestions ? usage with { AnswerMs = await AskAsync(api) } : usage;
    }

    private static QueryRequest Ask(params string[] calculations) => new() { Calculations = calculations, Range = Everything };

    private static Task<StreamObserveProcess> StartAsync(string folder, string name, params string[] more) => StreamObserveProcess.StartAsync(new Launch(
        name, folder, ["run", "--data", Path.Combine(folder, name + "-data"), "--http", "127.0.0.1:0", "--remoting", "127.0.0.1:0", .. more]));

    /// <summary>Asks twice a second: the questions are part of what is measured, so they are few.</summary>
    private static async Task WaitUntilInBlocksAsync(ApiClient api, long events)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        var clock = Stopwatch.StartNew();
        double count = 0;
        while (await timer.WaitForNextTickAsync())
        {
            count = (await api.QueryAsync(Ask("COUNT") with { Source = "blocks", Partial = "allow" })).Single("COUNT");
            if (count == events)
            {
                return;
            }

            if (count > events || clock.Elapsed > FinishesWithin)
            {
                throw new InvalidOperationException($"blocks count {count} of {events} events after {clock.Elapsed.TotalSeconds:F0} s");
            }
        }
    }

    /// <summary>One first run and five more of each, the range another each time; the median of the later ones.</summary>
    private static async Task<Dictionary<string, double>> AskAsync(ApiClient api)
    {
        var answers = new Dictionary<string, double>();
        foreach ((string name, QueryRequest query) in Questions)
        {
            var times = new List<double>();
            for (int i = 0; i < 6; i++)
            {
                QueryAnswer answer = await api.QueryAsync(query with { Range = new TimeRange(Everything.FromSeconds - (600 * i), Everything.ToSeconds + (600 * i)) });
                times.Add(answer.Response.Elapsed.TotalMilliseconds);
            }

            answers.Add(name, times.Skip(1).Order().ElementAt(2));
        }

        return answers;
    }
}
