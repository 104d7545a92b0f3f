using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace StreamObserve.Broker.Tests;

/// <summary>Groups and their offsets, through Confluent.Kafka.</summary>
public sealed class ConsumerGroupTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task AGroupOfThreeRebalancesWhenMembersComeAndGo()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("shared", 6);
        List<IConsumer<string?, string?>> members = [];
        try
        {
            for (int count = 1; count <= 3; count++)
            {
                IConsumer<string?, string?> member = broker.Consumer("three");
                member.Subscribe("shared");
                members.Add(member);
                PollUntil(members, () => members.All(each => each.Assignment.Count == 6 / count));
            }

            Assert.Equal(6, members.SelectMany(member => member.Assignment).Distinct().Count());
            using (IAdminClient admin = broker.Admin())
            {
                DescribeConsumerGroupsResult described = await admin.DescribeConsumerGroupsAsync(["three"]);
                Assert.Equal(ConsumerGroupState.Stable, described.ConsumerGroupDescriptions[0].State);
                Assert.Equal(3, described.ConsumerGroupDescriptions[0].Members.Count);
            }

            members[2].Close();
            members[2].Dispose();
            members.RemoveAt(2);
            PollUntil(members, () => members.All(each => each.Assignment.Count == 3));
            Assert.Equal(6, members.SelectMany(member => member.Assignment).Distinct().Count());
        }
        finally
        {
            members.ForEach(member => member.Dispose());
        }
    }

    [Fact]
    public async Task CooperativeMembersKeepWhatTheyHave()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("shared", 4);
        using IConsumer<string?, string?> first = broker.Consumer("coop", config => config.PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky);
        first.Subscribe("shared");
        PollUntil([first], () => first.Assignment.Count == 4);
        using IConsumer<string?, string?> second = broker.Consumer("coop", config => config.PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky);
        second.Subscribe("shared");
        PollUntil([first, second], () => first.Assignment.Count == 2 && second.Assignment.Count == 2);
        Assert.Equal(4, first.Assignment.Concat(second.Assignment).Distinct().Count());
        second.Close(); // librdkafka may hang when a cooperative consumer is disposed of before it is closed
        first.Close();
    }

    [Fact]
    public async Task AStaticMemberComesBackWithoutARebalance()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("shared", 4);
        int rebalances = 0;
        ConsumerConfig config = new()
        {
            BootstrapServers = broker.Bootstrap,
            GroupId = "static",
            GroupInstanceId = "watcher",
            SessionTimeoutMs = 6000,
            HeartbeatIntervalMs = 200,
        };
        using IConsumer<string?, string?> watcher = new ConsumerBuilder<string?, string?>(config)
            .SetPartitionsAssignedHandler((_, _) => { rebalances++; })
            .Build();
        watcher.Subscribe("shared");
        using (IConsumer<string?, string?> member = StaticMember(broker))
        {
            member.Subscribe("shared");
            PollUntil([watcher, member], () => watcher.Assignment.Count == 2 && member.Assignment.Count == 2);
        }

        int before = rebalances;
        using IConsumer<string?, string?> again = StaticMember(broker);
        again.Subscribe("shared");
        PollUntil([watcher, again], () => again.Assignment.Count == 2);
        watcher.Consume(TimeSpan.FromMilliseconds(500)); // several heartbeats, any of which would tell of a rebalance
        Assert.Equal(before, rebalances);
        Assert.Equal(2, watcher.Assignment.Count);
    }

    [Fact]
    public async Task CommittedOffsetsAreKeptOverARestart()
    {
        string directory = TestBroker.NewDirectory();
        await using (TestBroker broker = await TestBroker.StartAsync(directory))
        {
            await broker.CreateTopicAsync("kept");
            using IProducer<string?, string?> producer = broker.Producer();
            for (int i = 0; i < 10; i++)
            {
                await producer.ProduceAsync("kept", new Message<string?, string?> { Value = $"{i}" });
            }

            using IConsumer<string?, string?> consumer = broker.Consumer("keeper");
            consumer.Commit([new TopicPartitionOffset("kept", 0, 6)]);
        }

        await using (TestBroker broker = await TestBroker.StartAsync(directory))
        {
            using IConsumer<string?, string?> consumer = broker.Consumer("keeper");
            consumer.Subscribe("kept");
            Assert.Equal("6", consumer.Consume(Timeout).Message.Value);
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task AGroupWithoutMembersCanBeDeleted()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("t");
        using (IConsumer<string?, string?> consumer = broker.Consumer("gone"))
        {
            consumer.Commit([new TopicPartitionOffset("t", 0, 3)]);
        }

        using IAdminClient admin = broker.Admin();
        Assert.Contains((await admin.ListConsumerGroupsAsync()).Valid, group => group.GroupId == "gone");
        await admin.DeleteGroupsAsync(["gone"]);
        Assert.DoesNotContain((await admin.ListConsumerGroupsAsync()).Valid, group => group.GroupId == "gone");
        await Assert.ThrowsAsync<DeleteGroupsException>(() => admin.DeleteGroupsAsync(["gone"]));
    }

    private static IConsumer<string?, string?> StaticMember(TestBroker broker) =>
        broker.Consumer("static", config => config.GroupInstanceId = "comes-and-goes");

    private static void PollUntil(List<IConsumer<string?, string?>> members, Func<bool> done)
    {
        DateTime deadline = DateTime.UtcNow + Timeout;
        while (!done())
        {
            Assert.True(DateTime.UtcNow < deadline, $"assignments are {string.Join(", ", members.Select(member => member.Assignment.Count))}");
            members.ForEach(member => member.Consume(TimeSpan.FromMilliseconds(20)));
        }
    }
}
