using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace StreamObserve.Broker.Tests;

/// <summary>Producing and topics, through Confluent.Kafka.</summary>
public sealed class ProducerTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task AnIdempotentProducerKeepsTheOrder()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("once");
        using IProducer<string?, string?> producer = broker.Producer(config =>
        {
            config.EnableIdempotence = true;
            config.MaxInFlight = 5;
            config.BatchNumMessages = 50;
        });
        for (int i = 0; i < 5000; i++)
        {
            producer.Produce("once", new Message<string?, string?> { Value = $"{i}" });
        }

        producer.Flush(Timeout);
        Assert.Equal(Enumerable.Range(0, 5000).Select(i => $"{i}"), broker.ReadAll("once").Select(result => result.Message.Value));
    }

    [Fact]
    public async Task RecordsOfEightMegabytesComeBack()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("large");
        string value = string.Concat(Enumerable.Repeat("0123456789abcdef", 8 * 1024 * 1024 / 16));
        using IProducer<string?, string?> producer = broker.Producer(config => config.MessageMaxBytes = 10_000_000);
        DeliveryResult<string?, string?> small = await producer.ProduceAsync("large", new Message<string?, string?> { Value = "small" });
        DeliveryResult<string?, string?> large = await producer.ProduceAsync("large", new Message<string?, string?> { Value = value });
        Assert.Equal(small.Offset.Value + 1, large.Offset.Value);
        Assert.Equal(["small", value], broker.ReadAll("large").Select(result => result.Message.Value));
    }

    [Fact]
    public async Task ABatchPastTheTopicsLimitIsRefusedByName()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("small", 1, ("max.message.bytes", "1000"));
        using IProducer<string?, string?> producer = broker.Producer();
        ProduceException<string?, string?> refused = await Assert.ThrowsAsync<ProduceException<string?, string?>>(
            () => producer.ProduceAsync("small", new Message<string?, string?> { Value = new string('x', 2000) }));
        Assert.Equal(ErrorCode.MsgSizeTooLarge, refused.Error.Code);
    }

    [Fact]
    public async Task LogAppendTimeIsTheBrokersAndNeverGoesBack()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("logtime", 1, ("message.timestamp.type", "LogAppendTime"));
        using IProducer<string?, string?> producer = broker.Producer(config => config.CompressionType = CompressionType.Lz4);
        long before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        for (int i = 0; i < 3; i++)
        {
            DeliveryResult<string?, string?> stored = await producer.ProduceAsync(
                "logtime", new Message<string?, string?> { Value = "v", Timestamp = new Timestamp(DateTimeOffset.UnixEpoch) });
            Assert.Equal(TimestampType.LogAppendTime, stored.Timestamp.Type);
        }

        List<ConsumeResult<string?, string?>> read = broker.ReadAll("logtime");
        Assert.Equal(3, read.Count);
        Assert.All(read, result => Assert.Equal(TimestampType.LogAppendTime, result.Message.Timestamp.Type));
        long[] times = [.. read.Select(result => result.Message.Timestamp.UnixTimestampMs)];
        Assert.Equal(times.Order(), times);
        Assert.InRange(times[0], before, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
    }

    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public async Task ATimeIsFoundInsideABatch(CompressionType codec)
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("times");
        using IProducer<string?, string?> producer = broker.Producer(config =>
        {
            config.CompressionType = codec;
            config.LingerMs = 100;
        });
        for (int i = 0; i < 100; i++)
        {
            producer.Produce("times", new Message<string?, string?> { Value = $"{new string('x', 100)}{i}", Timestamp = new Timestamp(1_000_000 + (i * 10), TimestampType.CreateTime) });
        }

        producer.Flush(Timeout);
        using IConsumer<string?, string?> consumer = broker.Consumer("times");
        TopicPartitionTimestamp At(long time) => new("times", 0, new Timestamp(time, TimestampType.CreateTime));
        Assert.Equal(43, consumer.OffsetsForTimes([At(1_000_425)], Timeout)[0].Offset.Value);
        Assert.Equal(0, consumer.OffsetsForTimes([At(0)], Timeout)[0].Offset.Value);
        Assert.Equal(Offset.End, consumer.OffsetsForTimes([At(2_000_000)], Timeout)[0].Offset);
    }

    [Fact]
    public async Task TopicsAreDescribedGrownAlteredAndDeleted()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("t", 2, ("retention.ms", "5000"));
        using IAdminClient admin = broker.Admin();
        ConfigResource resource = new() { Type = ResourceType.Topic, Name = "t" };
        DescribeConfigsResult described = (await admin.DescribeConfigsAsync([resource]))[0];
        Assert.Equal("5000", described.Entries["retention.ms"].Value);
        Assert.Equal("delete", described.Entries["cleanup.policy"].Value);
        await admin.IncrementalAlterConfigsAsync(new Dictionary<ConfigResource, List<ConfigEntry>>
        {
            [resource] = [new ConfigEntry { Name = "cleanup.policy", Value = "compact", IncrementalOperation = AlterConfigOpType.Append }],
        });
        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = "t", IncreaseTo = 5 }]);
        Assert.Equal(5, admin.GetMetadata("t", Timeout).Topics[0].Partitions.Count);
        CreateTopicsException refused = await Assert.ThrowsAsync<CreateTopicsException>(
            () => broker.CreateTopicAsync("bad", 1, ("retention.ms", "soon")));
        Assert.Contains("'soon'", refused.Results[0].Error.Reason);
        Assert.Contains("'retention.ms'", refused.Results[0].Error.Reason);
        Assert.Equal(ErrorCode.TopicAlreadyExists, (await Assert.ThrowsAsync<CreateTopicsException>(() => broker.CreateTopicAsync("t"))).Results[0].Error.Code);
        await admin.DeleteTopicsAsync(["t"]);
        Assert.DoesNotContain(admin.GetMetadata(Timeout).Topics, topic => topic.Topic == "t");
        Assert.False(Directory.Exists(Path.Combine(broker.Directory, "topics", "t")));
    }

    [Fact]
    public async Task DeletedRecordsAreGoneAndTheLogBeginsAfterThem()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("trim");
        using IProducer<string?, string?> producer = broker.Producer();
        for (int i = 0; i < 10; i++)
        {
            await producer.ProduceAsync("trim", new Message<string?, string?> { Value = $"{i}" });
        }

        using IAdminClient admin = broker.Admin();
        List<DeleteRecordsResult> deleted = await admin.DeleteRecordsAsync([new TopicPartitionOffset("trim", 0, 4)]);
        Assert.Equal(4, deleted[0].Offset.Value);
        Assert.Equal(["4", "5", "6", "7", "8", "9"], broker.ReadAll("trim").Select(result => result.Message.Value));
        using IConsumer<string?, string?> consumer = broker.Consumer("w");
        WatermarkOffsets watermarks = consumer.QueryWatermarkOffsets(new TopicPartition("trim", 0), Timeout);
        Assert.Equal((4, 10), (watermarks.Low.Value, watermarks.High.Value));
    }
}
