using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Producing;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Kafka.Tests;

public sealed class TransactionalWriterTests(KafkaFixture kafka)
{
    private const short EndTxn = 26;
    private const short AddPartitionsToTxn = 24;

    private readonly CancellationToken _patience = new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Fact]
    public async Task ACommittedTransactionIsSeenWholeAndAnAbortedOneNever()
    {
        var topic = KafkaFixture.Unique("txn");
        await kafka.CreateTopicAsync(topic, 2);
        using var writer = Writer(kafka.Settings, topic);
        writer.Begin(_patience);
        writer.Produce(topic, 0, Utf8("a"), [new RecordHeader("reason", "ü")]);
        writer.Produce(topic, 1, Utf8("b"), []);
        Assert.Equal(new TransactionOutcome(true, ""), writer.Commit(_patience));

        writer.Begin(_patience);
        writer.Produce(topic, 0, Utf8("never"), []);
        writer.Abort(_patience);

        writer.Begin(_patience);
        writer.Produce(topic, 0, Utf8("c"), []);
        Assert.True(writer.Commit(_patience).Committed);

        var records = await TestRecords.ReadAllAsync(kafka.Settings, topic, 2);
        Assert.Equal(["a", "c", "b"], records.Select(r => Encoding.UTF8.GetString(r.Value!)));
        Assert.Equal("ü", records[0].Headers["reason"]);
    }

    [Fact]
    public async Task ASuccessorEndsAPredecessorsOpenTransactionAtOnce()
    {
        var topic = KafkaFixture.Unique("killed");
        await kafka.CreateTopicAsync(topic, 1);
        using var killed = Writer(kafka.Settings, topic);
        killed.Begin(_patience);
        killed.Produce(topic, 0, Utf8("left open"), []);

        using var successor = Writer(kafka.Settings, topic);
        successor.Begin(_patience);
        successor.Produce(topic, 0, Utf8("successor"), []);
        Assert.True(successor.Commit(_patience).Committed);

        // The predecessor was not dead after all: it finds out, and what it wrote stays unseen.
        killed.Produce(topic, 0, Utf8("zombie"), []);
        var outcome = killed.Commit(_patience);
        Assert.False(outcome.Committed);
        Assert.NotEqual("", outcome.Reason);
        var records = await TestRecords.ReadAllAsync(kafka.Settings, topic, 1);
        Assert.Equal(["successor"], records.Select(r => Encoding.UTF8.GetString(r.Value!)));
    }

    [Fact]
    public async Task AFencedWriterWorksAgainAsANewInstance()
    {
        var topic = KafkaFixture.Unique("fenced");
        await kafka.CreateTopicAsync(topic, 1);
        using var first = Writer(kafka.Settings, topic);
        first.Begin(_patience);
        first.Produce(topic, 0, Utf8("1"), []);
        Assert.True(first.Commit(_patience).Committed);
        using (var second = Writer(kafka.Settings, topic))
        {
            second.Open(_patience);
        }

        first.Begin(_patience);
        first.Produce(topic, 0, Utf8("2"), []);
        Assert.False(first.Commit(_patience).Committed);
        first.Begin(_patience);
        first.Produce(topic, 0, Utf8("3"), []);
        Assert.True(first.Commit(_patience).Committed);
        var records = await TestRecords.ReadAllAsync(kafka.Settings, topic, 1);
        Assert.Equal(["1", "3"], records.Select(r => Encoding.UTF8.GetString(r.Value!)));
    }

    [Fact]
    public async Task ARecordThatIsTooLargeAbortsItsTransactionOnly()
    {
        var topic = KafkaFixture.Unique("large");
        await kafka.CreateTopicAsync(topic, 1);
        using var writer = Writer(kafka.Settings, topic);
        writer.Begin(_patience);
        writer.Produce(topic, 0, Utf8("with the large one"), []);
        writer.Produce(topic, 0, new byte[Limits.RecordBytes + 1], []);
        var outcome = writer.Commit(_patience);
        Assert.False(outcome.Committed);
        Assert.Contains($"{Limits.RecordBytes + 1} bytes to {topic}[0]", outcome.Reason, StringComparison.Ordinal);

        writer.Begin(_patience);
        writer.Produce(topic, 0, new byte[7 * 1024 * 1024], []);
        Assert.True(writer.Commit(_patience).Committed);
        var records = await TestRecords.ReadAllAsync(kafka.Settings, topic, 1);
        Assert.Equal([7 * 1024 * 1024], records.Select(r => r.Value!.Length));
    }

    [Fact]
    public void ACommitIsTriedAgainWhileItsFailureIsRetriable()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("t", 1);
        using var writer = Writer(cluster.Settings, "id");
        writer.Begin(_patience);
        writer.Produce("t", 0, Utf8("a"), []);
        cluster.FailNext(EndTxn, ErrorCode.GroupCoordinatorNotAvailable, ErrorCode.GroupCoordinatorNotAvailable, ErrorCode.GroupLoadInProgress);
        Assert.Equal(new TransactionOutcome(true, ""), writer.Commit(_patience));
    }

    [Theory]
    [InlineData(AddPartitionsToTxn, ErrorCode.TopicAuthorizationFailed)]
    [InlineData(EndTxn, ErrorCode.InvalidProducerEpoch)]
    [InlineData(EndTxn, ErrorCode.Unknown)]
    public void WhateverFailsATransactionTheNextOneWorks(short api, ErrorCode error)
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("t", 1);
        using var writer = Writer(cluster.Settings, "id");
        cluster.FailNext(api, error);       // before the produce: the partition may be added at once
        writer.Begin(_patience);
        writer.Produce("t", 0, Utf8("a"), []);
        var outcome = writer.Commit(_patience);
        Assert.False(outcome.Committed);
        Assert.NotEqual("", outcome.Reason);

        writer.Begin(_patience);
        writer.Produce("t", 0, Utf8("b"), []);
        Assert.Equal(new TransactionOutcome(true, ""), writer.Commit(_patience));
    }

    [Fact]
    public async Task OffsetsAreCommittedWithTheRecordsAndNotWithoutThem()
    {
        var topic = KafkaFixture.Unique("offsets");
        await kafka.CreateTopicAsync(topic, 1);
        var group = KafkaFixture.Unique("group");
        using var consumer = new RecordConsumer(kafka.Settings, new RecordConsumerOptions { Role = "test", GroupId = group, FromBeginning = true }, NullLogger.Instance);
        consumer.Subscribe([topic]);
        while (consumer.Assignment.Count == 0)
        {
            consumer.Poll(NoRecords.Instance, TimeSpan.FromMilliseconds(100), fill: false, _patience);
            _patience.ThrowIfCancellationRequested();
        }

        using var writer = Writer(kafka.Settings, topic);
        writer.Begin(_patience);
        writer.SendOffsets([new LogPosition(new LogPartition(topic, 0), 41)], consumer.Membership, _patience);
        writer.Abort(_patience);
        Assert.Empty(TestRecords.Committed(kafka.Settings, group, topic, 1));

        writer.Begin(_patience);
        writer.Produce(topic, 0, Utf8("a"), []);
        writer.SendOffsets([new LogPosition(new LogPartition(topic, 0), 42)], consumer.Membership, _patience);
        Assert.Equal(new TransactionOutcome(true, ""), writer.Commit(_patience));
        Assert.Equal(42, TestRecords.Committed(kafka.Settings, group, topic, 1)[0]);
    }

    [Fact]
    public void AnOpenTransactionMustEndBeforeTheNext()
    {
        using var cluster = new MockCluster();
        using var writer = Writer(cluster.Settings, "id");
        writer.Begin(_patience);
        Assert.Throws<InvalidOperationException>(() => writer.Begin(_patience));
    }

    [Fact]
    public void OpeningWithoutABrokerEndsWhenCancelled()
    {
        using var cluster = new MockCluster();
        cluster.SetDown();
        using var writer = Writer(cluster.Settings, "id");
        using var gaveUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        Assert.ThrowsAny<OperationCanceledException>(() => writer.Begin(gaveUp.Token));
        Assert.False(writer.IsReady);
    }

    private static TransactionalWriter Writer(KafkaSettings settings, string id) => new(settings, $"id-{id}", "test", NullLogger.Instance);

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private sealed class NoRecords : IRecordSink
    {
        public static NoRecords Instance { get; } = new();

        public void Accept(in ConsumedRecord record)
        {
        }

        public void ReachedEnd(string topic, int partition, long nextOffset)
        {
        }

        public void OffsetLost(string topic, int partition)
        {
        }

        public void Failed(string topic, int partition, string error)
        {
        }
    }
}
