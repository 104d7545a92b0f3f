using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Core.Events;
using StreamObserve.Ingest.Bridge;
using StreamObserve.Ingest.Decoding;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Producing;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Ingest.Tests;

public sealed class EventBridgeTests(KafkaFixture kafka)
{
    [Fact]
    public async Task EveryEventArrivesOnceAndATracesEventsShareAPartition()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await stage.ProduceAsync(0, 20_000);
        await using var bridge = stage.StartBridge();
        await stage.UntilCommittedAsync();

        await stage.AssertExactlyOnceAsync(20_000);
        var byTrace = new Dictionary<string, int>();
        foreach (var (partition, dataset, trace) in await stage.RowsAsync("trace.trace_id"))
        {
            Assert.True(byTrace.TryAdd(trace, partition) || byTrace[trace] == partition, $"trace {trace} is in several partitions");
            Assert.Equal("shop", dataset);
        }

        Assert.Equal(5_000, byTrace.Count);
        Assert.Equal(IngestStage.Partitions, byTrace.Values.Distinct().Count());
    }

    [Fact]
    public async Task ALoneEventDoesNotWaitForTheInterval()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var bridge = stage.StartBridge();
        while (!bridge.IsConsuming)
        {
            await Task.Delay(5, stage.Patience);
        }

        await stage.ProduceAsync(Encoding.UTF8.GetBytes(IngestStage.Event(0)));
        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(1);
    }

    [Fact]
    public async Task RecordsOfManyEventsAreTakenInEveryJsonForm()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        var events = Enumerable.Range(0, 9).Select(IngestStage.Event).ToArray();
        await stage.ProduceAsync(Utf8($"[{string.Join(',', events[..3])}]"));
        await stage.ProduceAsync(Utf8(string.Join('\n', events[3..6]) + "\n"));
        await stage.ProduceAsync(Utf8(string.Join("\r\n", events[6..9])));
        await using var bridge = stage.StartBridge();
        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(9);
    }

    [Fact]
    public async Task ARecordOfManyMegabytesBecomesBatchesOfAboutOne()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        const int count = 40_000;
        var lines = new StringBuilder();
        for (var n = 0; n < count; n++)
        {
            lines.Append(IngestStage.Event(n)).Append('\n');
            if (n == 30_000)
            {
                lines.Append("not json\n");
            }
        }

        Assert.InRange(lines.Length, 3 * Limits.DecodeBytes, 8 * 1024 * 1024);
        await stage.ProduceAsync(Utf8(lines.ToString()));
        await using var bridge = stage.StartBridge();
        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(count);
        var records = await TestRecords.ReadAllAsync(stage.Kafka, stage.Settings.BatchesTopic, IngestStage.Partitions);
        Assert.All(records, r => Assert.InRange(r.Value!.Length, 1, 1_500_000));
        Assert.True(records.Count > IngestStage.Partitions);
        var dead = Assert.Single(await TestRecords.ReadAllAsync(stage.Kafka, stage.Settings.DeadLettersTopic, 1));
        Assert.Equal("not json", Encoding.UTF8.GetString(dead.Value!));
        Assert.Equal("30001", dead.Headers["index"]);
    }

    [Fact]
    public async Task HeadersNameEncodingAndDataset()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await stage.ProduceAsync(Utf8("""{"n":1}"""));
        await stage.ProduceAsync(Utf8("""{"n":2,"dataset":"own"}"""));
        await stage.ProduceAsync(Utf8("""{"n":3,"dataset":"own"}"""), new Headers { { "dataset", Utf8("Header") } });
        await stage.ProduceAsync(Utf8("a line\nanother line"), new Headers { { "content-type", Utf8("text/plain; charset=utf-8") }, { "dataset", Utf8("lines") } });
        await stage.ProduceAsync(Utf8("""{"n":4}"""), new Headers { { "content-type", Utf8("application/x-ndjson") } });
        await stage.ProduceAsync(Utf8("""{"n":5}"""), new Headers { { "content-type", Utf8("application/x-protobuf") } });
        await using var bridge = stage.StartBridge();
        await stage.UntilCommittedAsync();

        var numbered = (await stage.RowsAsync("n")).Where(r => r.Value.Length > 0).OrderBy(r => r.Value).Select(r => $"{r.Value} {r.Dataset}");
        Assert.Equal(["1 fallback", "2 own", "3 header", "4 fallback"], numbered);
        var lines = (await stage.RowsAsync("body")).Where(r => r.Value.Length > 0).OrderBy(r => r.Value).Select(r => $"{r.Value} {r.Dataset}");
        Assert.Equal(["a line lines", "another line lines"], lines);
        var dead = Assert.Single(await TestRecords.ReadAllAsync(stage.Kafka, stage.Settings.DeadLettersTopic, 1));
        Assert.Equal(BridgeRefusalReasons.UnknownContentType, dead.Headers["reason"]);
        Assert.Contains("application/x-protobuf", dead.Headers["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task BadRecordsGoToTheDeadLettersByteForByteAmidGoodOnes()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        var wide = "{" + string.Join(',', Enumerable.Range(0, 3000).Select(i => $"\"f{i}\":{i}")) + "}";
        (string Reason, byte[]? Bytes)[] bad =
        [
            (RefusalReasons.InvalidJson, Utf8("""{"n":1,"cut":""")),
            (RefusalReasons.TooManyFields, Utf8(wide)),
            (RefusalReasons.InvalidUtf8, [.. "{\"n\":\""u8, 0xff, 0xfe, .. "\"}"u8]),
            (RefusalReasons.InvalidJson, Utf8("""{"n":NaN}""")),
            (RefusalReasons.TooDeep, Utf8(new string('[', 10_000).Insert(0, "{\"n\":") + new string(']', 10_000) + "}")),
            (RefusalReasons.Empty, []),
            (RefusalReasons.Empty, null),
            (RefusalReasons.NotAnObject, Utf8("17")),
            (RefusalReasons.EventTooLarge, Utf8($$"""{"n":"{{new string('x', 2_000_000)}}"}""")),
        ];
        var offsets = new List<long>();
        for (var i = 0; i < bad.Length; i++)
        {
            await stage.ProduceAsync(Utf8(IngestStage.Event(i)));
            offsets.Add(await stage.ProduceAsync(bad[i].Bytes));
        }

        using var metrics = new IngestMetrics();
        await using var bridge = stage.StartBridge(metrics: metrics);
        await stage.UntilCommittedAsync();

        await stage.AssertExactlyOnceAsync(bad.Length);
        var dead = await TestRecords.ReadAllAsync(stage.Kafka, stage.Settings.DeadLettersTopic, 1);
        Assert.Equal(bad.Select(b => b.Reason), dead.Select(d => d.Headers["reason"]));
        for (var i = 0; i < bad.Length; i++)
        {
            Assert.Equal(bad[i].Bytes ?? [], dead[i].Value ?? []);
            Assert.Equal(stage.Source, dead[i].Headers["source-topic"]);
            Assert.Equal("0", dead[i].Headers["source-partition"]);
            Assert.Equal($"{offsets[i]}", dead[i].Headers["source-offset"]);
            Assert.Equal("0", dead[i].Headers["index"]);
            Assert.NotEqual("", dead[i].Headers["detail"]);
        }
    }

    [Fact]
    public async Task ABrokerThatRestartsLosesAndDoublesNothing()
    {
        await using var broker = await RestartableBroker.StartAsync();
        await using var stage = await IngestStage.SetAsync(broker.Settings);
        await using var bridge = stage.StartBridge();
        const int count = 30_000;
        var producing = Task.Run(async () =>
        {
            for (var from = 0; from < count; from += 1000)
            {
                await stage.ProduceAsync(from, from + 1000);
            }
        });
        for (var restart = 0; restart < 4; restart++)
        {
            await UntilRowsAsync(stage, restart * 5_000);
            await broker.StopAsync();
            await broker.StartAgainAsync();
        }

        await producing;
        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(count);
    }

    [Fact]
    public async Task AFencedTransactionIsDoneAgain()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await using var bridge = stage.StartBridge();
        const int count = 20_000;
        for (var from = 0; from < count; from += 2000)
        {
            await stage.ProduceAsync(from, from + 2000);

            // Another writer takes the transactional id over, as a process that wrongly believes to be the successor would: whatever the bridge has open is fenced.
            using var usurper = new TransactionalWriter(stage.Kafka, $"{stage.Settings.GroupId}.node-a.bridge", "usurper", NullLogger.Instance);
            usurper.Open(stage.Patience);
        }

        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(count);
    }

    [Fact]
    public async Task MembersThatComeAndGoLoseAndDoubleNothing()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        const int count = 30_000;
        var producing = Task.Run(async () =>
        {
            for (var from = 0; from < count; from += 1000)
            {
                await stage.ProduceAsync(from, from + 1000);
            }
        });
        await using var first = stage.StartBridge("node-a");
        await UntilRowsAsync(stage, 1);
        var second = stage.StartBridge("node-b");
        await UntilRowsAsync(stage, 8_000);
        var third = stage.StartBridge("node-c");
        await UntilRowsAsync(stage, 12_000);
        await second.DisposeAsync();
        await UntilRowsAsync(stage, 18_000);
        await third.DisposeAsync();
        await producing;
        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(count);
    }

    [Fact]
    public async Task AKilledPredecessorsOpenTransactionIsNeitherLostNorDoubled()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await stage.ProduceAsync(0, 3000);

        // What a killed bridge leaves: batches written and offsets sent, in a transaction that nobody ends.
        using var killed = new TransactionalWriter(stage.Kafka, $"{stage.Settings.GroupId}.node-a.bridge", "killed", NullLogger.Instance);
        var consumer = new RecordConsumer(stage.Kafka, new RecordConsumerOptions { Role = "killed", GroupId = stage.Settings.GroupId, FromBeginning = true }, NullLogger.Instance);
        consumer.Subscribe([stage.Source]);
        var decoder = new BridgeDecoder(stage.Settings.Sources, TimeProvider.System, new TransactionDraft(IngestStage.Partitions), _ => { });
        while (decoder.Draft.Records < 1000)
        {
            consumer.Poll(decoder, TimeSpan.FromMilliseconds(100), fill: false, stage.Patience);
            stage.Patience.ThrowIfCancellationRequested();
        }

        decoder.TakePositions();
        killed.Begin(stage.Patience);
        decoder.Draft.Batches.ProduceTo(killed, stage.Settings.BatchesTopic);
        killed.SendOffsets(decoder.Draft.Positions, consumer.Membership, stage.Patience);
        consumer.Dispose();

        var started = Stopwatch.GetTimestamp();
        await using var bridge = stage.StartBridge("node-a");
        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(3000);

        // The successor ends the open transaction itself; waiting for its timeout would take ten seconds.
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromMilliseconds(Kafka.Limits.TransactionTimeoutMs), "the open transaction was waited for");
    }

    [Fact]
    public async Task ARestartGoesOnWhereTheLastTransactionEnded()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        const int count = 10_000;
        for (var from = 0; from < count; from += 2500)
        {
            await stage.ProduceAsync(from, from + 2500);
            var bridge = stage.StartBridge();
            await UntilRowsAsync(stage, from + 1);
            await bridge.DisposeAsync();
        }

        await using var last = stage.StartBridge();
        await stage.UntilCommittedAsync();
        await stage.AssertExactlyOnceAsync(count);
    }

    [Fact]
    public async Task InputThatRetentionTookIsCountedAndTheRestGoesOn()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        await stage.ProduceAsync(0, 300);
        await using (stage.StartBridge())
        {
            await stage.UntilCommittedAsync();
        }

        await stage.ProduceAsync(300, 900);
        await DeleteRecordsAsync(stage, 0, 200);
        long lost = 0;
        using var metrics = new IngestMetrics();
        using var listener = new System.Diagnostics.Metrics.MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "streamobserve.ingest.lost")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref lost, value));
        listener.Start();
        await using var bridge = stage.StartBridge(metrics: metrics);
        await stage.UntilCommittedAsync();
        Assert.Equal(100, lost);
        Assert.Equal(800, (await stage.RowsAsync("n")).Count);
    }

    private static async Task DeleteRecordsAsync(IngestStage stage, int partition, long before)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = stage.Kafka.Bootstrap }).SetLogHandler((_, _) => { }).Build();
        try
        {
            await admin.DeleteRecordsAsync([new TopicPartitionOffset(stage.Source, partition, before)]);
        }
        catch (KafkaException unsupported)
        {
            Assert.Skip($"this Kafka does not delete records: {unsupported.Error.Reason}");
        }
    }

    private static async Task UntilRowsAsync(IngestStage stage, int rows)
    {
        while (true)
        {
            stage.Patience.ThrowIfCancellationRequested();
            var committed = TestRecords.Committed(stage.Kafka, stage.Settings.GroupId, stage.Source, IngestStage.Partitions).Values.Sum();
            if (committed >= rows)
            {
                return;
            }

            await Task.Delay(10, stage.Patience);
        }
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
