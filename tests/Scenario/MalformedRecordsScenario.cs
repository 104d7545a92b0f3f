using System.Text;
using Confluent.Kafka;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>What cannot be decoded goes to the dead letters byte for byte; what stands around it is counted.</summary>
[Trait("category", "small")]
public sealed class MalformedRecordsScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const string DeadLetters = "streamobserve.dead-letters";
    private const int RecordBytesMax = 8 << 20;
    private static readonly TimeSpan Arrives = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task GoodOnesAreCountedAndEachBadOneIsADeadLetterWithItsReason()
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "5s"));
        Case[] cases = Cases();
        var written = new Dictionary<(int Partition, long Offset), Case>();
        using IProducer<Null, byte[]?> producer = new ProducerBuilder<Null, byte[]?>(
            new ProducerConfig { BootstrapServers = process.Ready.Kafka, MessageMaxBytes = RecordBytesMax }).SetValueSerializer(Serializers.ByteArray!).Build();
        int good = 0;
        foreach (Case record in cases)
        {
            await producer.ProduceAsync("events", new Message<Null, byte[]?> { Value = Good(good++) });
            DeliveryResult<Null, byte[]?> delivered = await producer.ProduceAsync("events", new Message<Null, byte[]?> { Value = record.Value });
            written.Add((delivered.Partition.Value, delivered.Offset.Value), record);
            good += record.GoodLines;
        }

        await producer.ProduceAsync("events", new Message<Null, byte[]?> { Value = Good(good++) });

        using var api = new ApiClient(process.Ready.Http);
        var range = new VaryingRange(GoodFromSeconds, GoodFromSeconds + 100);
        await api.CountsAsync(good, range, Arrives);
        List<ConsumeResult<byte[]?, byte[]?>> letters = Consume(process.Ready.Kafka, cases.Length);
        Assert.Equal(cases.Length, letters.Count);
        foreach (ConsumeResult<byte[]?, byte[]?> letter in letters)
        {
            AssertNamesItsSource(letter, written);
        }

        Assert.Empty(written);
        Assert.False(process.HasExited, "the process ended");
        Assert.Equal(System.Net.HttpStatusCode.OK, (await api.GetAsync("/readyz")).Status);
        await api.CountsAsync(good, range, Arrives);
    }

    private const long GoodFromSeconds = 1_750_000_000;

    private static Case[] Cases()
    {
        byte[] line = Good(500);
        byte[] badLine = "{\"duration_ms\":"u8.ToArray();
        return
        [
            new("truncated JSON", "{\"service.name\":\"shop\",\"name\":\"cut o"u8.ToArray()),
            new("2 MB string", Encoding.UTF8.GetBytes($"{{\"service.name\":\"shop\",\"message\":\"{new string('m', 2 << 20)}\"}}")),
            new("3,000 fields", Encoding.UTF8.GetBytes("{" + string.Join(',', Enumerable.Range(0, 3_000).Select(i => $"\"f{i}\":{i}")) + "}")),
            new("invalid UTF-8", [.. "{\"name\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}"u8]),
            new("NaN", "{\"service.name\":\"shop\",\"duration_ms\":NaN}"u8.ToArray()),
            new("nesting of 10,000", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_000))),
            new("nested arrays of 10,000", Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 10_000) + new string(']', 10_000) + "}")),
            new("bare scalar", "42"u8.ToArray()),
            new("empty", []),
            new("null value", null),
            new("one bad line of three", [.. line, (byte)'\n', .. badLine, (byte)'\n', .. Good(501)]) { GoodLines = 2, Refused = badLine, Index = 1 },
        ];
    }

    private static byte[] Good(int i) => Encoding.UTF8.GetBytes(
        $$"""{"timestamp":{{GoodFromSeconds + (i % 90)}},"service.name":"shop","name":"good","trace.trace_id":"{{i:x32}}","duration_ms":{{i}}.25}""");

    private void AssertNamesItsSource(ConsumeResult<byte[]?, byte[]?> letter, Dictionary<(int Partition, long Offset), Case> written)
    {
        string Header(string name) => letter.Message.Headers.TryGetLastBytes(name, out byte[] bytes)
            ? Encoding.UTF8.GetString(bytes)
            : throw new InvalidOperationException($"a dead letter without `{name}`");
        (int, long) source = (int.Parse(Header("source-partition")), long.Parse(Header("source-offset")));
        Assert.True(written.Remove(source, out Case? record), $"a dead letter of {source}, where nothing bad was, or twice");
        Output.WriteLine($"{record.Name}: {Header("reason")}: {Header("detail")}");
        Assert.Equal("events", Header("source-topic"));
        Assert.Equal(record.Index, int.Parse(Header("index")));
        Assert.NotEqual("", Header("reason"));
        Assert.NotEqual("", Header("detail"));
        Assert.True(
            (record.Refused ?? []).AsSpan().SequenceEqual(letter.Message.Value ?? []),
            $"{record.Name}: {letter.Message.Value?.Length} bytes in the dead letter, {record.Refused?.Length} refused");
    }

    /// <summary>Reads the dead letters until this many have come, or nothing more does.</summary>
    private static List<ConsumeResult<byte[]?, byte[]?>> Consume(string bootstrap, int count)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        TopicMetadata topic = admin.GetMetadata(DeadLetters, TimeSpan.FromSeconds(10)).Topics.Single();
        using IConsumer<byte[]?, byte[]?> consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = "scenario",
            EnableAutoCommit = false,
            IsolationLevel = IsolationLevel.ReadCommitted,
            FetchMaxBytes = 64 << 20,
            MaxPartitionFetchBytes = 16 << 20,
        }).SetKeyDeserializer(Deserializers.ByteArray!).SetValueDeserializer(Deserializers.ByteArray!).Build();
        consumer.Assign(topic.Partitions.Select(p => new TopicPartitionOffset(DeadLetters, p.PartitionId, Offset.Beginning)));
        var letters = new List<ConsumeResult<byte[]?, byte[]?>>();
        TimeSpan patience = Arrives;
        while (consumer.Consume(patience) is { } letter)
        {
            letters.Add(letter);
            patience = letters.Count < count ? Arrives : TimeSpan.FromSeconds(1); // a moment longer, for one too many
        }

        return letters;
    }

    /// <summary>A record with something bad in it.</summary>
    private sealed record Case(string Name, byte[]? Value)
    {
        public int GoodLines { get; init; }

        /// <summary>The bytes that the dead letter must hold.</summary>
        public byte[]? Refused { get; init; } = Value;

        /// <summary>Which line of the record, from 0.</summary>
        public int Index { get; init; }
    }
}
