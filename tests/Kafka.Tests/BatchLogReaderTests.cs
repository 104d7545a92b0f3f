using System.Diagnostics;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Kafka.Tests;

public sealed class BatchLogReaderTests(KafkaFixture kafka)
{
    private static readonly LogPartition Log = new("log", 1);

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));

    [Fact]
    public async Task RecordsArriveOnceInOrderAndTheEndIsTold()
    {
        using var cluster = await FilledAsync(100);
        using var reader = new BatchLogReader(cluster.Settings, Log, 0, NullLogger.Instance);
        var (records, last) = await ReadToEndAsync(reader);

        Assert.Equal(Enumerable.Range(0, 100).Select(i => (long)i), records.Select(r => r.Offset));
        Assert.All(records, r => Assert.Equal(r.Offset, BitConverter.ToInt32(r.Value.Span)));
        Assert.All(records, r => Assert.True(r.AppendTimeMs > 0));
        Assert.Equal(100, last.NextOffset);
        Assert.Equal(100, last.EndOffset);
        Assert.Null(last.Lost);
    }

    [Fact]
    public async Task ASecondReaderStartsWhereItIsTold()
    {
        using var cluster = await FilledAsync(50);
        using var head = new BatchLogReader(cluster.Settings, Log, 0, NullLogger.Instance);
        using var trailing = new BatchLogReader(cluster.Settings, Log, 17, NullLogger.Instance, "trailing");
        var (fromHead, _) = await ReadToEndAsync(head);
        var (fromTrailing, _) = await ReadToEndAsync(trailing);

        Assert.Equal(50, fromHead.Count);
        Assert.Equal(17, fromTrailing[0].Offset);
        Assert.Equal(33, fromTrailing.Count);
    }

    [Fact]
    public async Task OffsetsThatRetentionTookAreToldAsLost()
    {
        using var cluster = await FilledAsync(100);
        cluster.DeleteRecords(Log.Topic, Log.Partition, 40);
        using var reader = new BatchLogReader(cluster.Settings, Log, 10, NullLogger.Instance);
        var losses = new List<LostRange>();
        var records = new List<LogRecord>();
        while (records.Count < 60)
        {
            var burst = await reader.ReadAsync(_patience.Token);
            records.AddRange(burst.Records);
            if (burst.Lost is { } lost)
            {
                Assert.Equal(0, records.Count - burst.Records.Count);
                losses.Add(lost);
            }
        }

        Assert.Equal([new LostRange(10, 40)], losses);
        Assert.Equal(40, records[0].Offset);
    }

    [Fact]
    public async Task AnOffsetPastTheEndIsRefused()
    {
        using var cluster = await FilledAsync(10);
        using var reader = new BatchLogReader(cluster.Settings, Log, 1000, NullLogger.Instance);
        var refused = await Assert.ThrowsAsync<OffsetPastEndException>(async () => await reader.ReadAsync(_patience.Token));
        Assert.Equal((1000, 10), (refused.Offset, refused.End));
        Assert.False(refused.IsTransient);
        Assert.Contains("log[1]: offset 1000", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABrokerThatGoesAndComesBackInterruptsNothingForGood()
    {
        using var cluster = await FilledAsync(10);
        using var reader = new BatchLogReader(cluster.Settings, Log, 0, NullLogger.Instance);
        var (before, _) = await ReadToEndAsync(reader);
        cluster.SetDown();
        cluster.SetUp();
        await cluster.ProduceAsync(Log.Topic, Log.Partition, null, BitConverter.GetBytes(10));
        var after = new List<LogRecord>();
        while (after.Count == 0)
        {
            after.AddRange((await reader.ReadAsync(_patience.Token)).Records);
        }

        Assert.Equal(10, before.Count);
        Assert.Equal([10L], after.Select(r => r.Offset));
    }

    [Fact]
    public async Task ASlowReaderHoldsTheReadingBack()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic(Log.Topic, 2);
        const int count = 4 * Limits.HandOverRecords;
        var pending = new List<Task>();
        for (var i = 0; i < count; i++)
        {
            pending.Add(cluster.ProduceAsync(Log.Topic, Log.Partition, null, BitConverter.GetBytes(i)));
        }

        await Task.WhenAll(pending);
        using var reader = new BatchLogReader(cluster.Settings, Log, 0, NullLogger.Instance);
        while (reader.WaitingRecords < Limits.HandOverRecords)
        {
            await Task.Delay(5, _patience.Token);
        }

        // The thread stands still now: what waits never passes the bound by more than one burst, however long nobody reads.
        for (var look = 0; look < 20; look++)
        {
            await Task.Delay(5, _patience.Token);
            Assert.InRange(reader.WaitingRecords, Limits.HandOverRecords, Limits.HandOverRecords + Limits.RecordsPerPoll);
        }

        var (records, _) = await ReadToEndAsync(reader, count);
        Assert.Equal(Enumerable.Range(0, count).Select(i => (long)i), records.Select(r => r.Offset));
    }

    [Fact]
    public async Task ProducedRecordsAreHandedOverWithinMilliseconds()
    {
        var log = new LogPartition(KafkaFixture.Unique("latency"), 0);
        await kafka.CreateTopicAsync(log.Topic, 1);
        using var producer = TestRecords.Producer(kafka.Settings);
        using var reader = new BatchLogReader(kafka.Settings, log, 0, NullLogger.Instance);
        Assert.True((await reader.ReadAsync(_patience.Token)).AtEnd);
        var delays = new List<double>();
        for (var i = 0; i < 50; i++)
        {
            await producer.ProduceAsync(new TopicPartition(log.Topic, log.Partition), new Message<byte[]?, byte[]?> { Value = BitConverter.GetBytes(i) });
            var produced = Stopwatch.GetTimestamp();
            LogBurst burst;
            do
            {
                burst = await reader.ReadAsync(_patience.Token);
            }
            while (burst.Records.Count == 0);
            delays.Add(Stopwatch.GetElapsedTime(produced).TotalMilliseconds);
        }

        delays.Sort();
        TestContext.Current.TestOutputHelper?.WriteLine($"acked to handed over: p50 {delays[25]:F1} ms, max {delays[^1]:F1} ms");
        Assert.InRange(delays[25], 0, 100);
    }

    [Fact]
    public async Task DisposingTwiceIsOnceAndEndsTheReading()
    {
        using var cluster = await FilledAsync(1);
        var reader = new BatchLogReader(cluster.Settings, Log, 0, NullLogger.Instance);
        await ReadToEndAsync(reader);
        var waiting = reader.ReadAsync(_patience.Token).AsTask();
        reader.Dispose();
        reader.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await reader.ReadAsync(_patience.Token));
    }

    private static async Task<MockCluster> FilledAsync(int count)
    {
        var cluster = new MockCluster();
        cluster.CreateTopic(Log.Topic, 2);
        for (var i = 0; i < count; i++)
        {
            await cluster.ProduceAsync(Log.Topic, Log.Partition, null, BitConverter.GetBytes(i));
        }

        return cluster;
    }

    private async Task<(List<LogRecord> Records, LogBurst Last)> ReadToEndAsync(BatchLogReader reader, int atLeast = 1)
    {
        var records = new List<LogRecord>();
        while (true)
        {
            var burst = await reader.ReadAsync(_patience.Token);
            records.AddRange(burst.Records);
            if (burst.AtEnd && records.Count >= atLeast)
            {
                return (records, burst);
            }
        }
    }
}
