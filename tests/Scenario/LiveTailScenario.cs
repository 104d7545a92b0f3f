using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Confluent.Kafka;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>A subscriber sees what matches within 250 ms of its being produced; one that reads slowly harms nobody.</summary>
[Trait("category", "small")]
public sealed class LiveTailScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const int Matching = 1_000;
    private const int Rate = 10_000;
    private const string Filter = "error = true";
    private static readonly TimeSpan LatencyP99Max = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan SendOver = TimeSpan.FromSeconds(8);
    private static readonly int Flood = ScenarioSize.Pick(100_000, 500_000);
    private static readonly int WarmUpFloods = ScenarioSize.Pick(2, 6);
    private const long GrowthMax = 150L << 20;

    [Fact]
    public async Task MatchingEventsArriveWithinAQuarterOfASecond()
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "5s"));
        using var api = new ApiClient(process.Ready.Http);
        await api.PutSamplingAsync("__default__", DropEverything());
        await WarmUpAsync(process);
        await MeasureAsync(process, "alone");
    }

    [Fact]
    public async Task ASlowSecondReaderNeitherDelaysTheFirstNorGrowsMemory()
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "5s"));
        await WarmUpAsync(process);

        using StalledReader slow = await StalledReader.OpenAsync(process.Ready.Http, TailSubscriber.PathOf(Filter, 100_000));

        // A process takes what its budget gives it, rows on their way to a tail included, then no more: what is held for the reader would go on growing.
        await FloodAsync(process, WarmUpFloods * Flood);
        long before = process.Usage.ResidentBytes;
        await FloodAsync(process, Flood);
        await MeasureAsync(process, "beside a stalled reader");
        long growth = process.Usage.ResidentBytes - before;
        Output.WriteLine($"memory grew by {growth >> 20} MB to {process.Usage.ResidentBytes >> 20} MB while {Flood} matching events went to a reader that does not read");
        Assert.True(growth < GrowthMax, $"memory grew by {growth} bytes");
    }

    /// <summary>The tail sees events before any sampling: even where all are dropped.</summary>
    private static JsonObject DropEverything() => new()
    {
        ["rules"] = new JsonArray(new JsonObject { ["name"] = "nothing", ["scope"] = "trace", ["conditions"] = new JsonArray(), ["drop"] = true }),
    };

    /// <summary>Code that has run once is compiled; the first rows of a new process are not what is measured.</summary>
    private async Task WarmUpAsync(StreamObserveProcess process)
    {
        int seen = 0;
        await using var subscriber = new TailSubscriber(process.Ready.Http, Filter, Rate, _ => Interlocked.Increment(ref seen));
        await subscriber.WaitUntilSubscribedAsync(TimeSpan.FromSeconds(10));
        using IProducer<Null, byte[]> producer = Producer(process);
        for (int i = 0; i < 200; i++)
        {
            await producer.ProduceAsync("events", new Message<Null, byte[]> { Value = Event($"warm-{i}", isError: true) });
        }

        await Eventually.AsksAsync("the warm-up's rows arrive", TimeSpan.FromSeconds(20), () => Task.FromResult(seen), n => n == 200, n => $"{n} rows");
    }

    private async Task MeasureAsync(StreamObserveProcess process, string when)
    {
        // A small run shares its cores with whatever else the machine does: one of three tries must hold. A full run has one try.
        double p99 = double.MaxValue;
        for (int attempt = 1; attempt <= (ScenarioSize.IsFull ? 1 : 3) && p99 > LatencyP99Max.TotalMilliseconds; attempt++)
        {
            p99 = await MeasureOnceAsync(process, attempt == 1 ? when : $"{when} again {attempt}");
        }

        Assert.True(p99 <= LatencyP99Max.TotalMilliseconds, $"p99 {p99:F0} ms {when}");
    }

    private async Task<double> MeasureOnceAsync(StreamObserveProcess process, string when)
    {
        var received = new ConcurrentDictionary<string, long>();
        var sent = new Dictionary<string, long>();
        await using var subscriber = new TailSubscriber(process.Ready.Http, Filter, Rate, row =>
        {
            if ((string?)row["name"] is { } name && !received.TryAdd(name, Stopwatch.GetTimestamp()))
            {
                throw new InvalidOperationException($"{name} came twice");
            }
        });
        await subscriber.WaitUntilSubscribedAsync(TimeSpan.FromSeconds(10));
        using IProducer<Null, byte[]> producer = Producer(process);
        using var timer = new PeriodicTimer(SendOver / Matching);
        string run = when.Replace(' ', '-');
        for (int i = 0; i < Matching; i++)
        {
            await timer.WaitForNextTickAsync();
            producer.Produce("events", new Message<Null, byte[]> { Value = Event($"other-{run}-{i}", isError: false) });
            string name = $"{run}-{i}";
            sent.Add(name, Stopwatch.GetTimestamp());
            producer.Produce("events", new Message<Null, byte[]> { Value = Event(name, isError: true) });
        }

        producer.Flush(TimeSpan.FromSeconds(10));
        await Eventually.AsksAsync("all matching events arrive", TimeSpan.FromSeconds(20), () => Task.FromResult(sent.Keys.Count(received.ContainsKey)), n => n == Matching, n => $"{n} of {Matching}");
        Assert.DoesNotContain(received.Keys, k => k.StartsWith("other-", StringComparison.Ordinal));
        double[] latencies = [.. sent.Select(s => Stopwatch.GetElapsedTime(s.Value, received[s.Key]).TotalMilliseconds).Order()];
        Output.WriteLine($"{when}: produced to seen p50 {latencies[Matching / 2]:F0} ms, p99 {latencies[Matching * 99 / 100]:F0} ms, max {latencies[^1]:F0} ms");
        long start = sent.Values.Min();
        double[] late = [.. sent.Where(s => Stopwatch.GetElapsedTime(s.Value, received[s.Key]) > LatencyP99Max).Select(s => Stopwatch.GetElapsedTime(start, s.Value).TotalSeconds).Order()];
        Output.WriteLine(late.Length == 0 ? "none late" : $"{late.Length} late: sent {late[0]:F2} to {late[^1]:F2} s after the first");
        return latencies[Matching * 99 / 100];
    }

    private static async Task FloodAsync(StreamObserveProcess process, int events)
    {
        using IProducer<Null, byte[]> producer = Producer(process);
        for (int i = 0; i < events; i++)
        {
            var message = new Message<Null, byte[]> { Value = Event($"flood-{i}", isError: true, padding: 400) };
            while (true)
            {
                try
                {
                    producer.Produce("events", message);
                    break;
                }
                catch (ProduceException<Null, byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
                {
                    producer.Poll(TimeSpan.FromMilliseconds(50));
                }
            }
        }

        producer.Flush(TimeSpan.FromSeconds(60));
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        using var api = new ApiClient(process.Ready.Http);
        var range = new VaryingRange(now - 600, now + 60);
        await Eventually.AsksAsync(
            "the head cursors pass the flood",
            TimeSpan.FromMinutes(2),
            () => api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Filters = [("name", "=", $"flood-{events - 1}")], Range = range.Next() }),
            answer => answer.Single("COUNT") >= 1,
            answer => answer.ToString());
    }

    private static IProducer<Null, byte[]> Producer(StreamObserveProcess process) =>
        new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = process.Ready.Kafka, LingerMs = 0, Acks = Acks.All }).Build();

    private static byte[] Event(string name, bool isError, int padding = 0) => Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"timestamp":{{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()}},"service.name":"tailed","name":"{{name}}","trace.trace_id":"{{Guid.NewGuid():n}}","duration_ms":1.5,"error":{{(isError ? "true" : "false")}},"message":"{{new string('x', padding)}}"}"""));
}
