using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Topics;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Kafka.Tests;

public sealed class TopicAdminTests(KafkaFixture kafka)
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));

    [Fact]
    public async Task ATopicIsMadeOnceAndThenFound()
    {
        using var admin = Admin(kafka.Settings);
        var name = KafkaFixture.Unique("made");
        Assert.Null(await admin.DescribeAsync(name));
        var made = await admin.EnsureAsync(TopicSpec.Batches(name, 3), _patience.Token);
        var found = await admin.EnsureAsync(TopicSpec.Batches(name, 3), _patience.Token);

        Assert.Equal(3, made.Partitions);
        Assert.Equal(made, found);
        Assert.Equal(made, await admin.DescribeAsync(name));
        Assert.Equal(new OffsetRange(0, 0), await admin.RangeAsync(new LogPartition(name, 2)));
        Assert.NotNull(await admin.ClusterIdAsync());
    }

    [Fact]
    public async Task ManyNodesMayMakeATopicAtOnce()
    {
        using var admin = Admin(kafka.Settings);
        var name = KafkaFixture.Unique("raced");
        var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => admin.EnsureAsync(TopicSpec.Batches(name, 2), _patience.Token)));
        Assert.All(all, topic => Assert.Equal(2, topic.Partitions));
        Assert.Single(all.Select(topic => topic.Id).Distinct());
    }

    [Fact]
    public async Task AnotherPartitionCountIsRefusedWithTheFlagThatSetsIt()
    {
        using var admin = Admin(kafka.Settings);
        var name = KafkaFixture.Unique("counted");
        await admin.EnsureAsync(TopicSpec.Batches(name, 3), _patience.Token);
        var refused = await Assert.ThrowsAsync<TopicMismatchException>(() => admin.EnsureAsync(TopicSpec.Batches(name, 4), _patience.Token));
        Assert.Equal($"topic {name} has 3 partitions, not 4: their count is fixed when the topic is made; set --partitions 3, or name another topic", refused.Message);
        Assert.False(refused.IsTransient);
    }

    [Fact]
    public async Task ALogInTheProducersTimeIsRefused()
    {
        using var admin = Admin(kafka.Settings);
        var name = KafkaFixture.Unique("timed");
        await admin.EnsureAsync(new TopicSpec { Name = name, Partitions = 1, Configuration = new Dictionary<string, string> { ["message.timestamp.type"] = "CreateTime" } }, _patience.Token);
        var refused = await Assert.ThrowsAsync<TopicMismatchException>(() => admin.EnsureAsync(TopicSpec.Batches(name, 1), _patience.Token));
        Assert.Contains("message.timestamp.type=CreateTime, not LogAppendTime", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnImpossibleTopicNameIsRefusedAtOnce()
    {
        using var admin = Admin(kafka.Settings);
        var refused = await Assert.ThrowsAsync<KafkaOperationException>(() => admin.EnsureAsync(TopicSpec.Batches("no spaces allowed", 1), _patience.Token));
        Assert.False(refused.IsTransient);
    }

    [Fact]
    public async Task WaitingForABrokerEndsWhenItComesAndWhenItIsCancelled()
    {
        await using var broker = await RestartableBroker.StartAsync();
        await broker.StopAsync();
        using var admin = Admin(broker.Settings);
        using var gaveUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => admin.WaitForBrokerAsync(gaveUp.Token));

        var waiting = admin.WaitForBrokerAsync(_patience.Token);
        Assert.False(waiting.IsCompleted);
        await broker.StartAgainAsync();
        await waiting;
    }

    private static TopicAdmin Admin(KafkaSettings settings) => new(settings, TimeProvider.System, NullLogger.Instance);
}
