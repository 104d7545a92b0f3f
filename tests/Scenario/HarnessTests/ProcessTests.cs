using System.Diagnostics;
using Confluent.Kafka;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario.HarnessTests;

/// <summary>Starting, watching and ending processes, tried on stand-ins.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamobserve-harness-").FullName;

    [Fact]
    public async Task AReadyLineIsWaitedForAndSigtermEndsTheProcess()
    {
        await using StreamObserveProcess process = await StreamObserveProcess.StartAsync(
            Script("trap 'exit 0' TERM; echo starting; echo ready http=http://127.0.0.1:4711; while :; do sleep 0.05; done"));
        Assert.Equal(4711, process.Ready.Http.Port);
        Assert.True(process.Usage.ResidentBytes > 0);
        await process.TerminateAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("starting", process.LogTail());
    }

    [Fact]
    public async Task AProcessThatIgnoresSigtermIsKilledAndReported()
    {
        await using StreamObserveProcess process = await StreamObserveProcess.StartAsync(
            Script("trap '' TERM; echo ready http=http://127.0.0.1:4711; while :; do sleep 0.05; done"));
        await Assert.ThrowsAsync<TimeoutException>(() => process.TerminateAsync(TimeSpan.FromMilliseconds(300)));
        Assert.True(process.HasExited);
    }

    [Fact]
    public async Task AProcessThatEndsBeforeItIsReadyIsReportedWithItsLog()
    {
        InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(() => StreamObserveProcess.StartAsync(Script("echo no such flag >&2; exit 2")));
        Assert.Contains("ended with 2", e.Message);
        Assert.Contains("no such flag", e.Message);
    }

    [Fact]
    public async Task AKilledProcessIsGoneAndTheNextOneAppendsToItsLog()
    {
        Launch launch = Script("echo ready http=http://127.0.0.1:4711; while :; do sleep 0.05; done");
        await using (StreamObserveProcess first = await StreamObserveProcess.StartAsync(launch))
        {
            await first.KillAsync();
            Assert.Equal(128 + 9, first.ExitCode);
        }

        await using StreamObserveProcess second = await StreamObserveProcess.StartAsync(launch);
        Assert.Equal(2, File.ReadAllLines(second.LogPath).Count(l => l.StartsWith("--- start", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task ACommandThatHangsIsReported() =>
        await Assert.ThrowsAsync<TimeoutException>(() => CommandRun.RunAsync("sleep", ["30"], TimeSpan.FromMilliseconds(200)));

    [Fact]
    public async Task KcatDeliversEveryLineAndTakesTheTimeItIsGiven()
    {
        Assert.SkipWhen(Kcat.MissingReason is not null, Kcat.MissingReason ?? "");
        using MockKafka kafka = new();
        string file = Path.Combine(_folder, "events.ndjson");
        Events.Generate(file, 5_000);
        var clock = Stopwatch.StartNew();
        await using Kcat kcat = Kcat.ProduceThroughRestarts(kafka.Bootstrap, "events");
        await kcat.FeedEvenlyAsync(file, 5_000, TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        Assert.True(clock.Elapsed >= TimeSpan.FromSeconds(0.9));
        await kcat.FinishAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(File.ReadAllLines(file).Order(StringComparer.Ordinal), kafka.ReadAll("events", 5_000).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task KcatThatCannotDeliverIsReported()
    {
        Assert.SkipWhen(Kcat.MissingReason is not null, Kcat.MissingReason ?? "");
        await using Kcat kcat = Kcat.ProduceThroughRestarts($"127.0.0.1:{LoopbackPorts.Take(1)[0]}", "events");
        await kcat.Input.WriteAsync("{}\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<TimeoutException>(() => kcat.FinishAsync(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task PollingEndsWithTheLastAnswer()
    {
        int asked = 0;
        Assert.Equal(3, await Eventually.AsksAsync("three", TimeSpan.FromSeconds(5), () => Task.FromResult(++asked), n => n == 3, n => $"{n}"));
        TimeoutException e = await Assert.ThrowsAsync<TimeoutException>(() =>
            Eventually.AsksAsync("never", TimeSpan.FromMilliseconds(150), () => Task.FromResult(7), _ => false, n => $"<{n}>"));
        Assert.Contains("<7>", e.Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Launch Script(string body)
    {
        string path = Path.Combine(_folder, "stand-in.sh");
        File.WriteAllText(path, body);
        return new Launch("stand-in", _folder, [path]) { Executable = "/bin/sh" };
    }

    /// <summary>librdkafka's cluster of one, inside of this process.</summary>
    private sealed class MockKafka : IDisposable
    {
        private readonly IAdminClient _owner = new AdminClientBuilder(new AdminClientConfig(new Dictionary<string, string> { ["test.mock.num.brokers"] = "1" })).Build();

        public string Bootstrap
        {
            get
            {
                BrokerMetadata broker = _owner.GetMetadata(TimeSpan.FromSeconds(10)).Brokers.Single();
                return $"{broker.Host}:{broker.Port}";
            }
        }

        public List<string> ReadAll(string topic, int count)
        {
            using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig { BootstrapServers = Bootstrap, GroupId = "all" }).Build();
            consumer.Assign(_owner.GetMetadata(topic, TimeSpan.FromSeconds(10)).Topics.Single().Partitions.Select(p => new TopicPartitionOffset(topic, p.PartitionId, Offset.Beginning)));
            var values = new List<string>();
            while (values.Count < count && consumer.Consume(TimeSpan.FromSeconds(10)) is { } record)
            {
                values.Add(record.Message.Value);
            }

            return values;
        }

        public void Dispose() => _owner.Dispose();
    }
}
