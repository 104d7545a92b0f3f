using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Tests.Fixtures;

/// <summary>
/// librdkafka's built-in mock brokers: they speak the protocol over real sockets and fail on command. They keep little, know no isolation levels and create topics on first use:
/// good for error injection, not for what a broker guarantees.
/// </summary>
internal sealed partial class MockCluster : IDisposable
{
    private readonly IProducer<byte[]?, byte[]?> _owner;
    private readonly nint _cluster;

    static MockCluster() => NativeLibrary.SetDllImportResolver(typeof(MockCluster).Assembly, (name, _, path) =>
        name == "librdkafka" ? LibraryOfClient() : NativeLibrary.Load(name, typeof(MockCluster).Assembly, path));

    public MockCluster(int brokers = 1)
    {
        var config = new ProducerConfig { BootstrapServers = "mock:1", LingerMs = 0 };
        config.Set("test.mock.num.brokers", brokers.ToString(System.Globalization.CultureInfo.InvariantCulture));
        _owner = new ProducerBuilder<byte[]?, byte[]?>(config).SetLogHandler((_, _) => { }).Build();
        _cluster = HandleMockCluster(Librdkafka.HandleOf(_owner));
        Settings = new KafkaSettings { Bootstrap = Marshal.PtrToStringUTF8(MockClusterBootstraps(_cluster))! };
    }

    public KafkaSettings Settings { get; }

    public void CreateTopic(string topic, int partitions) => Assert.Equal(0, MockTopicCreate(_cluster, topic, partitions, 1));

    public async Task ProduceAsync(string topic, int partition, byte[]? key, byte[]? value, Headers? headers = null) =>
        await _owner.ProduceAsync(new TopicPartition(topic, partition), new Message<byte[]?, byte[]?> { Key = key, Value = value, Headers = headers });

    /// <summary>Deletes a partition's records before the offset.</summary>
    public void DeleteRecords(string topic, int partition, long before) => Assert.Equal(0, MockPartitionDeleteRecords(_cluster, topic, partition, before));

    /// <summary>The next requests of that API are answered with these errors.</summary>
    public void FailNext(short api, params ErrorCode[] errors) =>
        MockPushRequestErrorsArray(_cluster, api, (nuint)errors.Length, Array.ConvertAll(errors, e => (int)e));

    public void SetDown() => Assert.Equal(0, MockBrokerSetDown(_cluster, -1));

    public void SetUp() => Assert.Equal(0, MockBrokerSetUp(_cluster, -1));

    public void Dispose() => _owner.Dispose();

    private static nint LibraryOfClient()
    {
        // The very library that Confluent.Kafka uses, found by the product's own resolver.
        var resolve = typeof(Librdkafka).GetMethod("Resolve", BindingFlags.Static | BindingFlags.NonPublic)!;
        return (nint)resolve.Invoke(null, ["librdkafka", typeof(Librdkafka).Assembly, null])!;
    }

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_handle_mock_cluster")]
    private static partial nint HandleMockCluster(nint client);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    private static partial nint MockClusterBootstraps(nint cluster);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_topic_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MockTopicCreate(nint cluster, string topic, int partitions, int replicas);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_partition_delete_records", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MockPartitionDeleteRecords(nint cluster, string topic, int partition, long before);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_push_request_errors_array")]
    private static partial void MockPushRequestErrorsArray(nint cluster, short api, nuint count, int[] errors);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_broker_set_down")]
    private static partial int MockBrokerSetDown(nint cluster, int broker);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_broker_set_up")]
    private static partial int MockBrokerSetUp(nint cluster, int broker);
}
