using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Bench.Compare;

/// <summary>What one run of the pipeline used, from the first record produced until blocks hold every event.</summary>
/// <param name="BrokerCpuSeconds">Of the broker's process.</param>
/// <param name="PipelineCpuSeconds">Of the process with all other roles.</param>
/// <param name="WallSeconds">From the first to the last.</param>
/// <param name="PipelineResidentBytesPeak">Of that process.</param>
/// <param name="HeadCpuSeconds">Of it, what the head cursors took: decoding batches, aggregates, summaries.</param>
/// <param name="DecideCpuSeconds">What samplers took to decide epochs.</param>
/// <param name="TrailingCpuSeconds">What the trailing cursors took: the second reading, without deciding epochs and sealing what it kept.</param>
/// <param name="SealCpuSeconds">What sealing blocks of kept rows took.</param>
/// <param name="KeptShare">Rows that were kept of all.</param>
internal sealed record PipelineUsage(
    double BrokerCpuSeconds, double PipelineCpuSeconds, double WallSeconds, long PipelineResidentBytesPeak, double HeadCpuSeconds, double DecideCpuSeconds, double TrailingCpuSeconds, double SealCpuSeconds, double KeptShare)
{
    /// <summary>What came after the window: deciding and the second reading.</summary>
    public double DecidingAndReadingAgainCpuSeconds => DecideCpuSeconds + TrailingCpuSeconds;

    /// <summary>What was taken until every event was read once: fetched, decoded, routed, put into batches, folded into aggregates and summaries.</summary>
    public double BeforeDecidingCpuSeconds => PipelineCpuSeconds - DecidingAndReadingAgainCpuSeconds - SealCpuSeconds;
}

/// <summary>What partitions store, an event.</summary>
/// <param name="BlockBytes">Sealed blocks, of the events that they hold: their chunks and records, not what pages leave empty.</param>
/// <param name="OtherBytes">Everything else: aggregates, trace summaries, manifests; of all events.</param>
/// <param name="SealedShare">Share of the events in sealed blocks; the others wait in memory for theirs to be full.</param>
internal sealed record StoredBytes(double BlockBytes, double OtherBytes, double SealedShare)
{
    /// <summary>Everything, with the events that wait counted as sealed ones.</summary>
    public double AllBytes => BlockBytes + OtherBytes;
}

/// <summary>The broker role as one process, every other role as another, fed by kcat, keeping all or what a policy says. Disposing ends both.</summary>
internal sealed class PipelineRun : IAsyncDisposable
{
    private static readonly TimeSpan FinishesWithin = TimeSpan.FromMinutes(20);

    /// <summary>Stores that have not changed for so long, but for what a cut more or less takes, have settled: a partition folds what waits after a minute, merges its folds after another without new ones and lets go of what it merged a minute later.</summary>
    private static readonly TimeSpan SettledAfter = TimeSpan.FromSeconds(150);

    private static readonly TimeSpan SettlesWithin = TimeSpan.FromMinutes(8);
    private readonly StreamObserveProcess _broker;
    private readonly StreamObserveProcess _pipeline;
    private readonly EventSet _events;
    private readonly string _data;

    private PipelineRun(StreamObserveProcess broker, StreamObserveProcess pipeline, EventSet events, string data)
    {
        _broker = broker;
        _pipeline = pipeline;
        _events = events;
        _data = data;
        Api = new ApiClient(pipeline.Ready.Http, TimeSpan.FromMinutes(2));
    }

    private string PartitionsFolder => Path.Combine(_data, "partitions");

    /// <summary>Asks the pipeline.</summary>
    public ApiClient Api { get; }

    /// <summary>CPU that the pipeline process has used.</summary>
    public TimeSpan Cpu => _pipeline.Usage.Cpu;

    /// <summary>Starts both on empty folders.</summary>
    public static async Task<PipelineRun> StartAsync(BenchOptions options, EventSet events)
    {
        string folder = Path.Combine(options.WorkFolder, "pipeline");
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        string data = Path.Combine(folder, "pipeline-data");
        StreamObserveProcess broker = await StartAsync(folder, "broker", "--roles", "broker", "--broker", "127.0.0.1:0");
        try
        {
            string[] memory = options.Memory is null ? [] : ["--memory", options.Memory];
            StreamObserveProcess pipeline = await StartAsync(
                folder, "pipeline", ["--roles", "ingest,processor,query", "--kafka", broker.Ready.Kafka, "--window", "1s", "--late-span-retention", "10s", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", .. memory]);
            return new PipelineRun(broker, pipeline, events, data);
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Puts a policy in force for all datasets.</summary>
    public Task SampleAsync(JsonObject policy) => Api.PutSamplingAsync("__default__", policy);

    /// <summary>Feeds all events and waits until all are kept or dropped.</summary>
    /// <param name="file">The events.</param>
    /// <param name="kcatArguments">How kcat cuts the file into records.</param>
    public async Task<PipelineUsage> FeedAsync(string file, string[] kcatArguments)
    {
        TimeSpan brokerBefore = _broker.Usage.Cpu, pipelineBefore = _pipeline.Usage.Cpu;
        var clock = Stopwatch.StartNew();
        await using (Kcat kcat = Kcat.Produce(_broker.Ready.Kafka, "events", [.. kcatArguments, "-l", file]))
        {
            await kcat.FinishAsync(FinishesWithin);
        }

        double kept = await WaitUntilDecidedAsync();
        return new PipelineUsage(
            (_broker.Usage.Cpu - brokerBefore).TotalSeconds,
            (_pipeline.Usage.Cpu - pipelineBefore).TotalSeconds,
            clock.Elapsed.TotalSeconds,
            _pipeline.Usage.ResidentBytesPeak,
            await SumAsync("head_cpu_milliseconds") / 1000,
            await SumAsync("decide_cpu_milliseconds") / 1000,
            await SumAsync("trailing_cpu_milliseconds") / 1000,
            await SumAsync("seal_cpu_milliseconds") / 1000,
            kept / _events.Count);
    }

    /// <summary>Waits until the stores have settled, ends the pipeline process, so that a last cut is on disk, and measures them.</summary>
    public async Task<StoredBytes> SettleAndMeasureAsync()
    {
        await SettleAsync();
        double sealedRows = await SumAsync("rows_sealed"), sealedBytes = await SumAsync("sealed_bytes");
        await _pipeline.TerminateAsync(TimeSpan.FromMinutes(1));
        long all = await DiskUsageAsync(PartitionsFolder);
        return new StoredBytes(sealedRows > 0 ? sealedBytes / sealedRows : double.NaN, (all - sealedBytes) / _events.Count, sealedRows / _events.Count);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await _pipeline.DisposeAsync();
        await _broker.DisposeAsync();
    }

    private static Task<StreamObserveProcess> StartAsync(string folder, string name, params string[] more) => StreamObserveProcess.StartAsync(new Launch(
        name, folder, ["run", "--data", Path.Combine(folder, name + "-data"), "--http", "127.0.0.1:0", "--remoting", "127.0.0.1:0", .. more]));

    private static async Task<long> DiskUsageAsync(string folder)
    {
        CommandRun run = await CommandRun.RunAsync("du", ["-s", "-B1", folder], TimeSpan.FromMinutes(1));
        return long.Parse(run.Output.Split('\t')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>Folds are merged, those that were merged and the summaries of traces past the retention are let go of.</summary>
    private async Task SettleAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(2));
        var clock = Stopwatch.StartNew();
        long bytes = await DiskUsageAsync(PartitionsFolder);
        TimeSpan changed = TimeSpan.Zero;
        while (clock.Elapsed - changed < SettledAfter && await timer.WaitForNextTickAsync())
        {
            if (clock.Elapsed > SettlesWithin)
            {
                throw new TimeoutException($"after {SettlesWithin.TotalMinutes} minutes without events the stores still change");
            }

            if (await DiskUsageAsync(PartitionsFolder) is var now && Math.Abs(now - bytes) > bytes / 50)
            {
                (bytes, changed) = (now, clock.Elapsed);
            }
        }
    }

    /// <summary>A metric of the processor over all partitions.</summary>
    private async Task<double> SumAsync(string metric)
    {
        ApiResponse metrics = await Api.GetAsync("/metrics");
        return metrics.Text.Split('\n')
            .Where(l => l.StartsWith($"streamobserve_processor_{metric}{{", StringComparison.Ordinal))
            .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>Asks for the metrics twice a second: that is part of what is measured, so it is seldom. Where nothing was dropped blocks must count every event, which is asked once. Returns the rows kept.</summary>
    private async Task<double> WaitUntilDecidedAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        var clock = Stopwatch.StartNew();
        double kept = 0, dropped = 0;
        while (await timer.WaitForNextTickAsync() && kept + dropped < _events.Count)
        {
            kept = await SumAsync("rows_kept");
            dropped = await SumAsync("rows_dropped");
            if (kept + dropped > _events.Count || clock.Elapsed > FinishesWithin)
            {
                throw new InvalidOperationException($"{kept} rows kept and {dropped} dropped of {_events.Count} events after {clock.Elapsed.TotalSeconds:F0} s");
            }
        }

        if (dropped == 0)
        {
            var range = new TimeRange(_events.First.ToUnixTimeSeconds(), _events.Last.ToUnixTimeSeconds() + 1);
            double count = (await Api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Range = range, Source = "blocks", Partial = "allow" })).Single("COUNT");
            if (count != _events.Count)
            {
                throw new InvalidOperationException($"blocks count {count} of {_events.Count} events");
            }
        }

        return kept;
    }
}
