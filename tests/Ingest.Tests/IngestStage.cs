using System.Text;
using Akka.Actor;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Ingest.Bridge;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Topics;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Ingest.Tests;

/// <summary>Topics of one test and what ingest made of them.</summary>
internal sealed class IngestStage : IAsyncDisposable
{
    public const int Partitions = 3;

    private readonly ActorSystem _system = ActorSystem.Create("ingest-test", "akka.loglevel = WARNING\nakka.stdout-loglevel = OFF");

    private readonly IProducer<byte[]?, byte[]?> _producer;

    private IngestStage(KafkaSettings kafka, IngestSettings settings)
    {
        Kafka = kafka;
        _producer = TestRecords.Producer(kafka);
        Settings = settings;
    }

    public KafkaSettings Kafka { get; }

    public IngestSettings Settings { get; }

    public ActorSystem System => _system;

    public CancellationToken Patience { get; } = new CancellationTokenSource(TimeSpan.FromSeconds(90)).Token;

    public string Source => Settings.Sources[0].Topic;

    public static async Task<IngestStage> SetAsync(KafkaSettings kafka, PayloadEncoding encoding = PayloadEncoding.Json)
    {
        var id = KafkaFixture.Unique("t");
        if (Environment.GetEnvironmentVariable("STREAMOBSERVE_TEST_DEBUG") is { Length: > 0 } debug)
        {
            kafka = kafka with { Properties = new Dictionary<string, string> { ["debug"] = debug } };
        }

        var stage = new IngestStage(kafka, new IngestSettings
        {
            Sources = [new SourceTopic($"events-{id}", encoding, "fallback")],
            NodeName = "node-a",
            Partitions = Partitions,
            GroupId = $"ingest-{id}",
            BatchesTopic = $"batches-{id}",
            DeadLettersTopic = $"dead-{id}",
            MetaTopic = $"meta-{id}",
        });
        using var admin = new TopicAdmin(kafka, TimeProvider.System, NullLogger.Instance);
        await IngestTopics.EnsureAsync(admin, stage.Settings, stage.Patience);
        return stage;
    }

    public EventBridge StartBridge(string node = "node-a", IngestMetrics? metrics = null)
    {
        var bridge = new EventBridge(Kafka, Settings with { NodeName = node }, metrics ?? new IngestMetrics(), TimeProvider.System, TestLog<EventBridge>.Instance);
        bridge.Start(_system);
        return bridge;
    }

    /// <summary>Produces numbered events as one record each, spread over the partitions, and waits for their acks.</summary>
    public async Task ProduceAsync(int from, int to)
    {
        var pending = new List<Task>();
        for (var n = from; n < to; n++)
        {
            pending.Add(_producer.ProduceAsync(new TopicPartition(Source, n % Partitions), Message(Event(n))));
        }

        await Task.WhenAll(pending);
    }

    public async Task<long> ProduceAsync(byte[]? value, Headers? headers = null, int partition = 0)
    {
        var result = await _producer.ProduceAsync(new TopicPartition(Source, partition), new Message<byte[]?, byte[]?> { Value = value, Headers = headers });
        return result.Offset.Value;
    }

    public static string Event(int n) => $$"""{"n":{{n}},"trace.trace_id":"{{n / 4:x32}}","service.name":"shop","name":"GET /cart","duration_ms":{{n % 100}}.5}""";

    public static Message<byte[]?, byte[]?> Message(string value) => new() { Value = Encoding.UTF8.GetBytes(value) };

    /// <summary>Waits until the group has committed everything that the source topic holds.</summary>
    public async Task UntilCommittedAsync()
    {
        using var admin = new TopicAdmin(Kafka, TimeProvider.System, NullLogger.Instance);
        var ends = new Dictionary<int, long>();
        for (var partition = 0; partition < Partitions; partition++)
        {
            ends[partition] = (await admin.RangeAsync(new LogPartition(Source, partition))).End;
        }

        using var consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = Kafka.Bootstrap, GroupId = Settings.GroupId }).SetLogHandler((_, _) => { }).Build();
        while (true)
        {
            Patience.ThrowIfCancellationRequested();
            try
            {
                var committed = consumer.Committed(ends.Keys.Select(p => new TopicPartition(Source, p)), TimeSpan.FromSeconds(5));
                if (committed.TrueForAll(c => (c.Offset == Offset.Unset ? 0 : c.Offset.Value) >= ends[c.Partition.Value]))
                {
                    return;
                }
            }
            catch (KafkaException)
            {
                // The broker is away just now, which some tests want.
            }

            await Task.Delay(20, Patience);
        }
    }

    /// <summary>All committed rows of the batches topic: partition, dataset and the wanted field as text.</summary>
    public async Task<List<(int Partition, string Dataset, string Value)>> RowsAsync(string field)
    {
        var rows = new List<(int, string, string)>();
        var reader = new EventBatchReader();
        foreach (var record in await TestRecords.ReadAllAsync(Kafka, Settings.BatchesTopic, Partitions))
        {
            if (!EventBatchReader.IsEventBatch(record.Value))
            {
                continue;
            }

            var batch = reader.Read(record.Value);
            var columns = new List<ColumnVector>();
            batch.GetColumns(field, columns);
            for (var row = 0; row < batch.Rows; row++)
            {
                var text = "";
                foreach (var column in columns)
                {
                    if (column.Has(row))
                    {
                        text = column.Value(column.Rank(row)).ToString();
                    }
                }

                rows.Add((record.Partition, batch.Datasets.Text(batch.DatasetCodes[row]), text));
            }
        }

        return rows;
    }

    /// <summary>Asserts that the events 0..count-1 are there, each exactly once.</summary>
    public async Task AssertExactlyOnceAsync(int count)
    {
        var rows = await RowsAsync("n");
        var times = new int[count];
        foreach (var (_, _, value) in rows)
        {
            times[int.Parse(value, global::System.Globalization.CultureInfo.InvariantCulture)]++;
        }

        var lost = Array.FindAll(Enumerable.Range(0, count).ToArray(), n => times[n] == 0);
        var twice = Array.FindAll(Enumerable.Range(0, count).ToArray(), n => times[n] > 1);
        Assert.True(lost.Length == 0 && twice.Length == 0, $"of {count} events {lost.Length} lost (first {lost.FirstOrDefault()}), {twice.Length} twice (first {twice.FirstOrDefault()})");
    }

    public async ValueTask DisposeAsync()
    {
        _producer.Dispose();
        await _system.Terminate();
    }
}
