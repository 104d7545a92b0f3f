using System.Diagnostics;
using Confluent.Kafka;

namespace StreamObserve.Broker.Tests;

/// <summary>Transactions, through Confluent.Kafka.</summary>
public sealed class TransactionTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(15);

    private static IProducer<string?, string?> Transactional(TestBroker broker, string id, Action<ProducerConfig>? configure = null)
    {
        IProducer<string?, string?> producer = broker.Producer(config =>
        {
            config.TransactionalId = id;
            configure?.Invoke(config);
        });
        producer.InitTransactions(Timeout);
        return producer;
    }

    private static void ProduceTransaction(IProducer<string?, string?> producer, string topic, bool commit, params string[] values)
    {
        producer.BeginTransaction();
        foreach (string value in values)
        {
            producer.Produce(topic, new Message<string?, string?> { Value = value });
        }

        if (commit)
        {
            producer.CommitTransaction(Timeout);
        }
        else
        {
            producer.Flush(Timeout);
            producer.AbortTransaction(Timeout);
        }
    }

    private static IEnumerable<string?> Values(IEnumerable<ConsumeResult<string?, string?>> results) => results.Select(result => result.Message.Value);

    [Fact]
    public async Task AbortedRecordsAreSeenOnlyByReadersOfTheUncommitted()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("tx");
        using IProducer<string?, string?> producer = Transactional(broker, "one");
        ProduceTransaction(producer, "tx", commit: true, "a", "b");
        ProduceTransaction(producer, "tx", commit: false, "x", "y");
        ProduceTransaction(producer, "tx", commit: true, "c");
        Assert.Equal(["a", "b", "c"], Values(broker.ReadAll("tx")));
        Assert.Equal(["a", "b", "x", "y", "c"], Values(broker.ReadAll("tx", isolation: IsolationLevel.ReadUncommitted)));
    }

    [Fact]
    public async Task AnOpenTransactionHoldsBackCommittedReadersUntilItEnds()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("tx");
        using IProducer<string?, string?> open = Transactional(broker, "open");
        using IProducer<string?, string?> plain = broker.Producer();
        open.BeginTransaction();
        await open.ProduceAsync("tx", new Message<string?, string?> { Value = "open" });
        await plain.ProduceAsync("tx", new Message<string?, string?> { Value = "later" });
        Assert.Empty(broker.ReadAll("tx"));
        Assert.Equal(["open", "later"], Values(broker.ReadAll("tx", isolation: IsolationLevel.ReadUncommitted)));
        using (IConsumer<string?, string?> consumer = broker.Consumer("end", config => config.IsolationLevel = IsolationLevel.ReadCommitted))
        {
            Assert.Equal(0, consumer.QueryWatermarkOffsets(new TopicPartition("tx", 0), Timeout).High.Value);
        }

        open.CommitTransaction(Timeout);
        Assert.Equal(["open", "later"], Values(broker.ReadAll("tx")));
    }

    [Fact]
    public async Task AZombieIsFenced()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("tx");
        using IProducer<string?, string?> zombie = Transactional(broker, "same");
        zombie.BeginTransaction();
        await zombie.ProduceAsync("tx", new Message<string?, string?> { Value = "zombie" });
        using IProducer<string?, string?> heir = Transactional(broker, "same");
        ProduceTransaction(heir, "tx", commit: true, "heir");
        KafkaException refused = Assert.ThrowsAny<KafkaException>(() => zombie.CommitTransaction(Timeout));
        Assert.True(refused.Error.IsFatal || refused.Error.Code is ErrorCode.Local_Fenced or ErrorCode.ProducerFenced, refused.ToString());
        Assert.Equal(["heir"], Values(broker.ReadAll("tx")));
    }

    [Fact]
    public async Task OffsetsMoveWithTheirTransaction()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("in");
        await broker.CreateTopicAsync("out");
        using IConsumer<string?, string?> consumer = broker.Consumer("mover");
        consumer.Subscribe("in");
        using IProducer<string?, string?> source = broker.Producer();
        await source.ProduceAsync("in", new Message<string?, string?> { Value = "1" });
        ConsumeResult<string?, string?> taken;
        do
        {
            taken = consumer.Consume(Timeout);
        }
        while (taken.IsPartitionEOF);

        TopicPartition partition = new("in", 0);
        using IProducer<string?, string?> producer = Transactional(broker, "mover-tx");
        producer.BeginTransaction();
        producer.Produce("out", new Message<string?, string?> { Value = "aborted" });
        producer.SendOffsetsToTransaction([new TopicPartitionOffset(partition, 1)], consumer.ConsumerGroupMetadata, Timeout);
        producer.AbortTransaction(Timeout);
        Assert.Equal(Offset.Unset, consumer.Committed([partition], Timeout)[0].Offset);

        producer.BeginTransaction();
        producer.Produce("out", new Message<string?, string?> { Value = "committed" });
        producer.SendOffsetsToTransaction([new TopicPartitionOffset(partition, 1)], consumer.ConsumerGroupMetadata, Timeout);
        producer.CommitTransaction(Timeout);
        Assert.Equal(1, consumer.Committed([partition], Timeout)[0].Offset.Value);
        Assert.Equal(["committed"], Values(broker.ReadAll("out")));
    }

    [Fact]
    public async Task AMemberOfAnOldGenerationMayNotMoveOffsets()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("in", 2);
        using IConsumer<string?, string?> former = broker.Consumer("fenced");
        former.Subscribe("in");
        former.Consume(Timeout); // the first end of a partition: it is a member
        IConsumerGroupMetadata stale = former.ConsumerGroupMetadata;
        former.Close();
        using IConsumer<string?, string?> present = broker.Consumer("fenced");
        present.Subscribe("in");
        present.Consume(Timeout);
        using IProducer<string?, string?> producer = Transactional(broker, "fenced-tx");
        producer.BeginTransaction();
        KafkaException refused = Assert.ThrowsAny<KafkaException>(
            () => producer.SendOffsetsToTransaction([new TopicPartitionOffset("in", 0, 5)], stale, Timeout));
        Assert.Contains(refused.Error.Code, (ErrorCode[])[ErrorCode.UnknownMemberId, ErrorCode.IllegalGeneration]);
        producer.AbortTransaction(Timeout);
    }

    [Fact]
    public async Task ATransactionPastItsTimeoutIsAborted()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("tx");
        using IProducer<string?, string?> slow = Transactional(broker, "slow", config => config.TransactionTimeoutMs = 1000);
        slow.BeginTransaction();
        await slow.ProduceAsync("tx", new Message<string?, string?> { Value = "lost" });
        using IProducer<string?, string?> plain = broker.Producer();
        await plain.ProduceAsync("tx", new Message<string?, string?> { Value = "plain" });
        using IConsumer<string?, string?> consumer = broker.Consumer("c", config =>
        {
            config.IsolationLevel = IsolationLevel.ReadCommitted;
            config.EnablePartitionEof = false;
        });
        consumer.Assign(new TopicPartitionOffset("tx", 0, Offset.Beginning));
        Assert.Equal("plain", consumer.Consume(Timeout).Message.Value);
        Assert.ThrowsAny<KafkaException>(() => slow.CommitTransaction(Timeout));
    }

    [Fact]
    public async Task CommittedRecordsAreReadWithinMilliseconds()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("fast", 2, ("message.timestamp.type", "LogAppendTime"));
        using IProducer<string?, string?> producer = Transactional(broker, "fast-tx", config => config.LingerMs = 0);
        using IConsumer<string?, string?> consumer = broker.Consumer("fast", config =>
        {
            config.IsolationLevel = IsolationLevel.ReadCommitted;
            config.EnablePartitionEof = false;
            config.FetchWaitMaxMs = 500;
        });
        consumer.Assign([new TopicPartitionOffset("fast", 0, Offset.Beginning), new TopicPartitionOffset("fast", 1, Offset.Beginning)]);
        List<double> delays = [];
        for (int i = 0; i < 60; i++)
        {
            producer.BeginTransaction();
            producer.Produce(new TopicPartition("fast", i % 2), new Message<string?, string?> { Value = $"{i}" });
            producer.CommitTransaction(Timeout);
            long committed = Stopwatch.GetTimestamp();
            Assert.Equal($"{i}", consumer.Consume(Timeout).Message.Value);
            delays.Add(Stopwatch.GetElapsedTime(committed).TotalMilliseconds);
        }

        delays.RemoveAt(0); // the first one waits for the reader's start
        delays.Sort();
        TestContext.Current.TestOutputHelper?.WriteLine($"commit acknowledged to read: p50 {delays[delays.Count / 2]:F1} ms, max {delays[^1]:F1} ms");
        Assert.True(delays[^3] < 50, $"{delays[^3]} ms: the reader waits for its poll, not for the commit");
    }
}
