using Confluent.Kafka;
using StreamObserve.Broker.Log;

namespace StreamObserve.Broker.Tests;

/// <summary>Deleting and compacting the old.</summary>
public sealed class RetentionTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(50);

    private static async Task UntilAsync(Func<bool> done, string what)
    {
        DateTime deadline = DateTime.UtcNow.AddSeconds(15);
        while (!done())
        {
            Assert.True(DateTime.UtcNow < deadline, what);
            await Task.Delay(20);
        }
    }

    private static async Task ProduceAsync(TestBroker broker, string topic, int count, int keys = 0, CompressionType codec = CompressionType.None)
    {
        using IProducer<string?, string?> producer = broker.Producer(config => config.CompressionType = codec);
        List<Task> sent = [];
        for (int i = 0; i < count; i++)
        {
            Message<string?, string?> message = new() { Key = keys > 0 ? $"k{i % keys}" : null, Value = $"{i}-{new string('x', 100)}" };
            sent.Add(producer.ProduceAsync(topic, message));
            if (i % 10 == 9)
            {
                await Task.WhenAll(sent);
                sent.Clear();
            }
        }

        await Task.WhenAll(sent);
    }

    [Fact]
    public async Task SegmentsPastTheSizeAreDeleted()
    {
        await using TestBroker broker = await TestBroker.StartAsync(configure: options => options with { RetentionInterval = Soon });
        await broker.CreateTopicAsync("sized", 1, ("segment.bytes", "4096"), ("retention.bytes", "20000"));
        await ProduceAsync(broker, "sized", 1000);
        await UntilAsync(() => broker.Metrics.LogBytes < 20000 + (2 * 4096), $"{broker.Metrics.LogBytes} bytes are left");
        List<ConsumeResult<string?, string?>> left = broker.ReadAll("sized");
        Assert.Equal(999, left[^1].Offset.Value);
        Assert.Equal(Enumerable.Range((int)left[0].Offset.Value, left.Count), left.Select(result => (int)result.Offset.Value));
        Assert.InRange(left.Count, 100, 250);
    }

    [Fact]
    public async Task SegmentsPastTheAgeAreDeleted()
    {
        await using TestBroker broker = await TestBroker.StartAsync(configure: options => options with { RetentionInterval = Soon });
        await broker.CreateTopicAsync("aged", 1, ("retention.ms", "300"), ("segment.bytes", "4096"));
        await ProduceAsync(broker, "aged", 100);
        await UntilAsync(() => broker.Metrics.LogBytes == 0, "records outlive retention.ms");
        Assert.Empty(broker.ReadAll("aged"));
        using IConsumer<string?, string?> consumer = broker.Consumer("w");
        Assert.Equal(100, consumer.QueryWatermarkOffsets(new TopicPartition("aged", 0), TimeSpan.FromSeconds(5)).Low.Value);
    }

    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public async Task ACompactedTopicKeepsTheLastValueOfEachKey(CompressionType codec)
    {
        string directory = TestBroker.NewDirectory();
        Func<BrokerOptions, BrokerOptions> configure = options => options with { RetentionInterval = Soon };
        Dictionary<string, string?> expected;
        await using (TestBroker broker = await TestBroker.StartAsync(directory, configure))
        {
            await broker.CreateTopicAsync("compact", 1, ("cleanup.policy", "compact"), ("segment.bytes", "2048"), ("delete.retention.ms", "0"), ("min.cleanable.dirty.ratio", "0.01"));
            await ProduceAsync(broker, "compact", 500, keys: 7, codec);
            long full = broker.Metrics.LogBytes;
            using (IProducer<string?, string?> producer = broker.Producer())
            {
                await producer.ProduceAsync("compact", new Message<string?, string?> { Key = "k3", Value = null! });
            }

            await ProduceAsync(broker, "compact", 300, keys: 2, codec); // closes the segment that holds the tombstone
            expected = Last(broker.ReadAll("compact"));
            await UntilAsync(() => broker.ReadAll("compact") is var left && left.Count < 200 && left.All(result => result.Message.Key != "k3"), "nothing was compacted");
            Assert.Equal(799, broker.ReadAll("compact")[^1].Offset.Value - 1);
            Check(broker);
        }

        await using (TestBroker broker = await TestBroker.StartAsync(directory, configure))
        {
            Check(broker);
        }

        Directory.Delete(directory, recursive: true);

        void Check(TestBroker broker)
        {
            Dictionary<string, string?> left = Last(broker.ReadAll("compact"));
            Assert.Equal(expected.Where(pair => pair.Value is not null).OrderBy(pair => pair.Key), left.OrderBy(pair => pair.Key));
        }

        static Dictionary<string, string?> Last(IEnumerable<ConsumeResult<string?, string?>> results)
        {
            Dictionary<string, string?> last = [];
            foreach (ConsumeResult<string?, string?> result in results)
            {
                last[result.Message.Key!] = result.Message.Value;
            }

            return last;
        }
    }

    [Fact]
    public async Task CompactionDropsAbortedRecordsAndKeepsCommittedOnes()
    {
        await using TestBroker broker = await TestBroker.StartAsync(configure: options => options with { RetentionInterval = Soon });
        await broker.CreateTopicAsync("compact", 1, ("cleanup.policy", "compact"), ("segment.bytes", "2048"), ("min.cleanable.dirty.ratio", "0.01"));
        using IProducer<string?, string?> producer = broker.Producer(config => config.TransactionalId = "c");
        producer.InitTransactions(TimeSpan.FromSeconds(10));
        for (int i = 0; i < 40; i++)
        {
            producer.BeginTransaction();
            producer.Produce("compact", new Message<string?, string?> { Key = $"k{i % 3}", Value = $"{i}-{new string('x', 200)}" });
            producer.Flush(TimeSpan.FromSeconds(10));
            if (i % 2 == 0)
            {
                producer.CommitTransaction();
            }
            else
            {
                producer.AbortTransaction();
            }
        }

        await ProduceAsync(broker, "compact", 60, keys: 1);
        await UntilAsync(() => broker.ReadAll("compact", isolation: IsolationLevel.ReadUncommitted) is var left && left.Count < 60, "nothing was compacted");
        List<ConsumeResult<string?, string?>> read = broker.ReadAll("compact");
        Dictionary<string, string?> last = [];
        read.ForEach(result => last[result.Message.Key!] = result.Message.Value!.Split('-')[0]);
        Assert.Equal(["59", "34", "38"], ((string[])["k0", "k1", "k2"]).Select(key => last[key]));
    }

    [Fact]
    public async Task ARecordWithoutAKeyIsRefusedByACompactedTopic()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("compact", 1, ("cleanup.policy", "compact"));
        using IProducer<string?, string?> producer = broker.Producer();
        ProduceException<string?, string?> refused = await Assert.ThrowsAsync<ProduceException<string?, string?>>(
            () => producer.ProduceAsync("compact", new Message<string?, string?> { Value = "no key" }));
        Assert.Equal(ErrorCode.InvalidRecord, refused.Error.Code);
    }

    [Fact]
    public void AnInterruptedExchangeIsCompletedAndAnIncompleteOneForgotten()
    {
        string directory = TestBroker.NewDirectory();
        string Segment(long offset) => Path.Combine(directory, LogSegment.FileName(offset) + ".log");
        File.WriteAllText(Segment(0), "old");
        File.WriteAllText(Segment(10), "old");
        File.WriteAllText(Segment(20), "next");
        File.WriteAllText(Path.Combine(directory, $"{LogSegment.FileName(0)}-{LogSegment.FileName(20)}.swap"), "new");
        File.WriteAllText(Path.Combine(directory, $"{LogSegment.FileName(20)}-{LogSegment.FileName(30)}.cleaned"), "half");
        LogCompaction.FinishInterrupted(directory, _ => { });
        Assert.Equal("new", File.ReadAllText(Segment(0)));
        Assert.Equal("next", File.ReadAllText(Segment(20)));
        Assert.Equal(2, Directory.GetFiles(directory).Length);
        Directory.Delete(directory, recursive: true);
    }
}
