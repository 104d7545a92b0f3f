using System.Text;
using Confluent.Kafka;
using StreamObserve.Broker;

namespace StreamObserve.Tests;

/// <summary>The verbs that speak Kafka, against the embedded broker.</summary>
public sealed class KafkaVerbsTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamobserve-test-").FullName;
    private readonly Terminal _terminal = new();
    private EmbeddedBroker _broker = null!;

    public async ValueTask InitializeAsync() =>
        _broker = await EmbeddedBroker.StartAsync(new BrokerOptions { DataDirectory = _folder, Listen = new(System.Net.IPAddress.Loopback, 0) }, TimeProvider.System, _ => { });

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task DemoProducesItsHistoryAndLiveEvents()
    {
        Assert.Equal(0, await _terminal.RunAsync("demo", "--kafka", Bootstrap, "--rate", "20", "--history", "20s", "--for", "1500ms", "--topic", "shop"));
        Assert.Empty(_terminal.Error);
        Assert.Contains("the history is in", _terminal.Output);
        Assert.Matches("delivered [0-9,]+ events\n$", _terminal.Output);

        List<ConsumeResult<byte[], byte[]>> records = Read("shop");
        string delivered = _terminal.Output[(_terminal.Output.LastIndexOf("delivered ", StringComparison.Ordinal) + 10)..].Split(' ')[0];
        Assert.Equal(delivered, records.Count.ToString("#,0", System.Globalization.CultureInfo.InvariantCulture));
        Assert.True(records.Count > 20 * 20 * 3);
        Assert.Equal(4, records.Select(r => r.Partition.Value).Distinct().Count());
    }

    [Fact]
    public async Task DeadLettersAreShownWithSourceReasonAndBytes()
    {
        Assert.Equal(0, await _terminal.RunAsync("deadletters", "--kafka", Bootstrap));
        Assert.Equal("0 dead letters\n", _terminal.Error);

        using (IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = Bootstrap }).Build())
        {
            var headers = new Headers();
            foreach ((string name, string value) in new[] { ("reason", "invalid-json"), ("detail", "at byte 5"), ("source-topic", "events"), ("source-partition", "2"), ("source-offset", "17"), ("index", "3") })
            {
                headers.Add(name, Encoding.UTF8.GetBytes(value));
            }

            await producer.ProduceAsync("streamobserve.dead-letters", new Message<Null, byte[]> { Value = "{\"a\":\n\u0001"u8.ToArray(), Headers = headers });
        }

        Assert.Equal(0, await _terminal.RunAsync("deadletters", "--kafka", Bootstrap));
        Assert.EndsWith(" events/2@17#3 invalid-json: at byte 5 | 7 bytes: {\"a\":··\n", _terminal.Output);
        Assert.EndsWith("1 dead letters\n", _terminal.Error);
        await _terminal.RunAsync("deadletters", "--kafka", Bootstrap, "--format", "json");
        Assert.Contains("\"reason\":\"invalid-json\"", _terminal.Output);
        Assert.Contains($"\"value\":\"{Convert.ToBase64String("{\"a\":\n\u0001"u8)}\"", _terminal.Output.Replace("\\u002B", "+"));
    }

    private string Bootstrap => _broker.Endpoint.ToString();

    private List<ConsumeResult<byte[], byte[]>> Read(string topic)
    {
        using IConsumer<byte[], byte[]> consumer = new ConsumerBuilder<byte[], byte[]>(
            new ConsumerConfig { BootstrapServers = Bootstrap, GroupId = "test", EnablePartitionEof = true, AutoOffsetReset = AutoOffsetReset.Earliest }).Build();
        consumer.Assign(Enumerable.Range(0, 4).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var records = new List<ConsumeResult<byte[], byte[]>>();
        for (int ended = 0; ended < 4;)
        {
            ConsumeResult<byte[], byte[]> record = consumer.Consume(TimeSpan.FromSeconds(20));
            Assert.NotNull(record);
            if (record.IsPartitionEOF)
            {
                ended++;
            }
            else
            {
                records.Add(record);
            }
        }

        return records;
    }
}
