using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Producing;
using StreamObserve.Kafka.Topics;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Kafka.Tests;

public sealed class RecordLookupTests(KafkaFixture kafka)
{
    private readonly CancellationToken _patience = new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Fact]
    public async Task ARecordIsFoundByItsOffset()
    {
        var (partition, offsets) = await WriteAsync(("a", 1_000), ("b", 2_000), ("c", 3_000));
        using var lookup = Lookup();

        for (var i = 0; i < 3; i++)
        {
            var found = (await lookup.AtAsync(partition, offsets[i], _patience))!;
            Assert.Equal((offsets[i], (i + 1) * 1_000L), (found.Offset, found.TimeMs));
            Assert.Equal($"value of {"abc"[i]}", Encoding.UTF8.GetString(found.Value!.Value.Span));
            Assert.Equal([new RecordHeader("n", $"{i}")], found.Headers);
        }

        Assert.Null(await lookup.AtAsync(partition, offsets[2] + 1, _patience));
    }

    [Fact]
    public async Task ARecordIsFoundByItsKeyFromItsTimeOn()
    {
        // The third was written late, after a younger one.
        var (partition, offsets) = await WriteAsync(("a", 1_000), ("b", 3_000), ("c", 2_000), ("d", 3_000), ("a", 4_000));
        using var lookup = Lookup();

        Assert.Equal(offsets[0], await OffsetAsync("a", 1_000));
        Assert.Equal(offsets[4], await OffsetAsync("a", 1_001));
        Assert.Equal(offsets[2], await OffsetAsync("c", 2_000));
        Assert.Equal(offsets[3], await OffsetAsync("d", 3_000));
        Assert.Null(await OffsetAsync("b", 3_001));
        Assert.Null(await OffsetAsync("x", 0));
        Assert.Null(await OffsetAsync("a", 4_001));
        Assert.Null(await OffsetAsync("d", 0, recordsMax: 3));
        Assert.Equal(offsets[3], await OffsetAsync("d", 0, recordsMax: 4));

        async Task<long?> OffsetAsync(string key, long fromMs, int recordsMax = 100) =>
            (await lookup.FindAsync(partition, Encoding.UTF8.GetBytes(key), fromMs, recordsMax, _patience))?.Offset;
    }

    [Fact]
    public async Task AValueOfNullIsNotAnEmptyOne()
    {
        var partition = await MakeAsync();
        using var writer = new IdempotentWriter(kafka.Settings, "test", TimeSpan.FromSeconds(10), NullLogger.Instance);
        var deleted = await writer.WriteAsync(partition.Topic, 0, "a"u8.ToArray(), null, _patience);
        var empty = await writer.WriteAsync(partition.Topic, 0, "b"u8.ToArray(), [], _patience);
        using var lookup = Lookup();

        Assert.Null((await lookup.AtAsync(partition, deleted, _patience))!.Value);
        Assert.Equal(0, (await lookup.AtAsync(partition, empty, _patience))!.Value!.Value.Length);
    }

    [Fact]
    public async Task WithoutBrokersALookupFailsAndMayBeRetried()
    {
        await using var broker = await RestartableBroker.StartAsync();
        var settings = broker.Settings;
        await broker.StopAsync();
        using var lookup = new RecordLookup(settings, "test", NullLogger.Instance);

        var failure = await Assert.ThrowsAsync<KafkaOperationException>(() => lookup.FindAsync(new("any", 0), "a"u8.ToArray(), 0, 10, _patience));
        Assert.True(failure.IsTransient);
    }

    private RecordLookup Lookup() => new(kafka.Settings, "test", NullLogger.Instance);

    private async Task<LogPartition> MakeAsync()
    {
        var topic = KafkaFixture.Unique("lookup");
        using var admin = new TopicAdmin(kafka.Settings, TimeProvider.System, NullLogger.Instance);
        await admin.EnsureAsync(TopicSpec.Results(topic, TimeSpan.FromDays(36_500)), _patience);
        return new(topic, 0);
    }

    private async Task<(LogPartition Partition, List<long> Offsets)> WriteAsync(params (string Key, long TimeMs)[] records)
    {
        var partition = await MakeAsync();
        using var writer = new IdempotentWriter(kafka.Settings, "test", TimeSpan.FromSeconds(10), NullLogger.Instance);
        var offsets = new List<long>();
        foreach (var (key, timeMs) in records)
        {
            RecordHeader[] headers = [new("n", $"{offsets.Count}")];
            offsets.Add(await writer.WriteAsync(partition.Topic, 0, Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes("value of " + key), timeMs, headers, _patience));
        }

        return (partition, offsets);
    }
}
