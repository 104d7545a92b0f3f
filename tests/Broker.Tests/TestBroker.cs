using System.Net;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace StreamObserve.Broker.Tests;

/// <summary>A broker inside the test process, on a free port, in a folder of its own that goes with it.</summary>
internal sealed class TestBroker : IAsyncDisposable
{
    private readonly bool _ownsDirectory;
    private readonly EmbeddedBroker _broker;

    private TestBroker(EmbeddedBroker broker, string directory, bool ownsDirectory)
    {
        _broker = broker;
        Directory = directory;
        _ownsDirectory = ownsDirectory;
    }

    public string Directory { get; }

    public string Bootstrap => _broker.Endpoint.ToString();

    public IPEndPoint Endpoint => _broker.Endpoint;

    public BrokerMetrics Metrics => _broker.Metrics;

    public static async Task<TestBroker> StartAsync(
        string? directory = null, Func<BrokerOptions, BrokerOptions>? configure = null, TimeProvider? time = null, Action<string>? log = null)
    {
        string folder = directory ?? NewDirectory();
        BrokerOptions options = new()
        {
            DataDirectory = folder,
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
            InitialRebalanceDelay = TimeSpan.FromMilliseconds(20),
        };
        options = configure?.Invoke(options) ?? options;
        EmbeddedBroker broker = await EmbeddedBroker.StartAsync(options, time ?? TimeProvider.System, log ?? (_ => { }));
        return new TestBroker(broker, folder, directory is null);
    }

    public static string NewDirectory() => System.IO.Directory.CreateTempSubdirectory("broker-test-").FullName;

    public async Task CreateTopicAsync(string name, int partitions = 1, params (string Name, string Value)[] configs)
    {
        using IAdminClient admin = Admin();
        await admin.CreateTopicsAsync(
        [
            new TopicSpecification
            {
                Name = name,
                NumPartitions = partitions,
                ReplicationFactor = 1,
                Configs = configs.ToDictionary(config => config.Name, config => config.Value),
            },
        ]);
    }

    public IAdminClient Admin() => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap }).Build();

    public IProducer<string?, string?> Producer(Action<ProducerConfig>? configure = null)
    {
        ProducerConfig config = new() { BootstrapServers = Bootstrap, LingerMs = 1, TransactionTimeoutMs = 10_000 };
        configure?.Invoke(config);
        return new ProducerBuilder<string?, string?>(config).SetLogHandler((_, _) => { }).Build();
    }

    public IConsumer<string?, string?> Consumer(string group, Action<ConsumerConfig>? configure = null)
    {
        ConsumerConfig config = new()
        {
            BootstrapServers = Bootstrap,
            GroupId = group,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = false,
            EnablePartitionEof = true,
            FetchWaitMaxMs = 50,
            SessionTimeoutMs = 6000,
            HeartbeatIntervalMs = 200,
        };
        configure?.Invoke(config);
        return new ConsumerBuilder<string?, string?>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
    }

    /// <summary>Everything in the partitions from an offset to the end, partition by partition.</summary>
    public List<ConsumeResult<string?, string?>> ReadAll(
        string topic, int partitions = 1, IsolationLevel isolation = IsolationLevel.ReadCommitted, Offset? from = null)
    {
        using IConsumer<string?, string?> consumer = Consumer("reader", config => config.IsolationLevel = isolation);
        consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartitionOffset(topic, partition, from ?? Offset.Beginning)));
        List<ConsumeResult<string?, string?>> results = [];
        int ended = 0;
        while (ended < partitions)
        {
            ConsumeResult<string?, string?> result = consumer.Consume(TimeSpan.FromSeconds(15))
                ?? throw new TimeoutException($"{topic}: no more records and no end after {results.Count}");
            if (result.IsPartitionEOF)
            {
                ended++;
            }
            else
            {
                results.Add(result);
            }
        }

        return results;
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        if (_ownsDirectory)
        {
            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }
}
