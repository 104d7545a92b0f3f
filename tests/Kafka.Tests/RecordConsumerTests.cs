using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Kafka.Tests;

public sealed class RecordConsumerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task EveryRecordIsShownOnceInOrderWithKeyValueAndHeaders()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("t", 1);
        const int count = 2500;
        var pending = new List<Task>();
        for (var i = 0; i < count; i++)
        {
            var headers = i % 3 == 0 ? new Headers { { "dataset", Encoding.UTF8.GetBytes($"d{i}") }, { "other", [] } } : null;
            pending.Add(cluster.ProduceAsync("t", 0, BitConverter.GetBytes(i), Encoding.UTF8.GetBytes($"value {i}"), headers));
        }

        await Task.WhenAll(pending);
        using var consumer = Reader(cluster);
        consumer.Assign([new LogPosition(new LogPartition("t", 0), 0)]);
        var seen = new Collected();
        PollUntil(consumer, seen, () => seen.Records.Count >= count);

        Assert.Equal(count, seen.Records.Count);
        for (var i = 0; i < count; i++)
        {
            var record = seen.Records[i];
            Assert.Equal(i, record.Offset);
            Assert.Equal($"value {i}", record.Value);
            Assert.Equal(i, BitConverter.ToInt32(record.Key));
            Assert.Equal(i % 3 == 0 ? $"d{i}" : null, record.Dataset);
            Assert.True(record.TimestampMs > 1_600_000_000_000);
        }
    }

    [Fact]
    public async Task AMissingValueIsNotAnEmptyOne()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("t", 1);
        await cluster.ProduceAsync("t", 0, null, null);
        await cluster.ProduceAsync("t", 0, null, []);
        using var consumer = Reader(cluster);
        consumer.Assign([new LogPosition(new LogPartition("t", 0), 0)]);
        var seen = new Collected();
        PollUntil(consumer, seen, () => seen.Records.Count >= 2);

        Assert.Equal([true, false], seen.Records.Select(r => r.IsNull));
        Assert.Equal(["", ""], seen.Records.Select(r => r.Value));
    }

    [Fact]
    public async Task ASinkThatThrowsLosesNothingButTheBurst()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("t", 1);
        for (var i = 0; i < 10; i++)
        {
            await cluster.ProduceAsync("t", 0, null, [(byte)i]);
        }

        using var consumer = Reader(cluster);
        var start = new LogPosition(new LogPartition("t", 0), 0);
        consumer.Assign([start]);
        var throwing = new Collected { ThrowAt = 4 };
        Assert.Throws<InvalidOperationException>(() => PollUntil(consumer, throwing, () => false));

        consumer.Assign([start]);
        var seen = new Collected();
        PollUntil(consumer, seen, () => seen.Records.Count >= 10);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (long)i), seen.Records.Select(r => r.Offset));
    }

    [Fact]
    public async Task WakeEndsAWait()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("t", 1);
        using var consumer = Reader(cluster);
        consumer.Assign([new LogPosition(new LogPartition("t", 0), 0)]);
        var seen = new Collected();
        PollUntil(consumer, seen, () => seen.Ends > 0);
        var polling = Task.Run(() => consumer.Poll(seen, TimeSpan.FromSeconds(60), fill: false, default));
        while (!polling.IsCompleted)
        {
            consumer.Wake();
            await Task.WhenAny(polling, Task.Delay(5));
        }

        Assert.Equal(0, await polling);
    }

    [Fact]
    public void AMemberOfAGroupDoesNotChooseItsPartitions()
    {
        using var cluster = new MockCluster();
        using var consumer = Reader(cluster);
        consumer.Subscribe(["t"]);
        Assert.Throws<InvalidOperationException>(() => consumer.Assign([]));
    }

    private static RecordConsumer Reader(MockCluster cluster) =>
        new(cluster.Settings, new RecordConsumerOptions { Role = "test", GroupId = "g", ReportEnd = true }, NullLogger.Instance);

    private static void PollUntil(RecordConsumer consumer, Collected seen, Func<bool> done)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!done())
        {
            patience.Token.ThrowIfCancellationRequested();
            consumer.Poll(seen, TimeSpan.FromMilliseconds(100), fill: false, patience.Token);
        }
    }

    private sealed record Shown(long Offset, byte[] Key, string Value, bool IsNull, string? Dataset, long TimestampMs);

    private sealed class Collected : IRecordSink
    {
        public List<Shown> Records { get; } = [];

        public int Ends { get; private set; }

        public int ThrowAt { get; init; } = -1;

        public void Accept(in ConsumedRecord record)
        {
            if (record.Offset == ThrowAt)
            {
                throw new InvalidOperationException("as told");
            }

            var dataset = record.Headers.TryGet("dataset\0"u8, out var value) ? Encoding.UTF8.GetString(value) : null;
            Records.Add(new Shown(record.Offset, record.Key.ToArray(), Encoding.UTF8.GetString(record.Value), record.IsNull, dataset, record.TimestampMs));
        }

        public void ReachedEnd(string topic, int partition, long nextOffset) => Ends++;

        public void OffsetLost(string topic, int partition)
        {
        }

        public void Failed(string topic, int partition, string error)
        {
        }
    }
}
