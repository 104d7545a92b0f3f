using System.Diagnostics;
using Confluent.Kafka;

namespace StreamObserve.Broker.Tests;

/// <summary>What survives kill -9 and torn writes.</summary>
public sealed class DurabilityTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private static ProducerConfig ProducerTo(BrokerProcess broker) => new()
    {
        BootstrapServers = broker.Bootstrap,
        EnableIdempotence = true,
        LingerMs = 2,
        BatchNumMessages = 200,
        MessageTimeoutMs = 60_000,
        ReconnectBackoffMs = 20,
        ReconnectBackoffMaxMs = 100,
        RetryBackoffMs = 20,
    };

    private static List<ConsumeResult<string?, string?>> ReadAll(string bootstrap, string topic, int partitions)
    {
        ConsumerConfig config = new() { BootstrapServers = bootstrap, GroupId = "r", EnablePartitionEof = true, IsolationLevel = IsolationLevel.ReadCommitted };
        using IConsumer<string?, string?> consumer = new ConsumerBuilder<string?, string?>(config).Build();
        consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartitionOffset(topic, partition, Offset.Beginning)));
        List<ConsumeResult<string?, string?>> results = [];
        for (int ended = 0; ended < partitions;)
        {
            ConsumeResult<string?, string?> result = consumer.Consume(Timeout) ?? throw new TimeoutException($"no end after {results.Count}");
            if (result.IsPartitionEOF)
            {
                ended++;
            }
            else
            {
                results.Add(result);
            }
        }

        return results;
    }

    [Theory]
    [InlineData(FsyncMode.EverySecond, 5)]
    [InlineData(FsyncMode.Always, 2)]
    public async Task KilledInMidStreamNothingAckedIsLostAndNothingIsThereTwice(FsyncMode fsync, int kills)
    {
        string directory = TestBroker.NewDirectory();
        await using BrokerProcess broker = await BrokerProcess.StartAsync(directory, fsync);
        const int Total = 60_000;
        int acked = 0;
        int failed = 0;
        using (IProducer<string?, string?> producer = new ProducerBuilder<string?, string?>(ProducerTo(broker)).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build())
        {
            Task sending = Task.Run(() =>
            {
                for (int i = 0; i < Total; i++)
                {
                    producer.Produce("stream", new Message<string?, string?> { Key = $"{i}", Value = $"{i}-{new string('x', 300)}" }, report =>
                    {
                        Interlocked.Increment(ref report.Error.IsError ? ref failed : ref acked);
                    });
                    if (i % 1000 == 999)
                    {
                        Thread.Sleep(25); // so that the stream lasts over all kills
                    }
                }
            });
            Random random = new(7);
            for (int kill = 1; kill <= kills; kill++)
            {
                int goal = kill * Total / (kills + 2);
                while (Volatile.Read(ref acked) < goal)
                {
                    await Task.Delay(5);
                }

                await Task.Delay(random.Next(20));
                await broker.KillAsync();
                await broker.StartAsync();
            }

            await sending;
            producer.Flush(Timeout);
        }

        Assert.Equal((Total, 0), (acked, failed));
        List<string?> keys = [.. ReadAll(broker.Bootstrap, "stream", 4).Select(result => result.Message.Key)];
        Assert.Equal(Total, keys.Count);
        Assert.Equal(Total, keys.Distinct().Count());
        await broker.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task TransactionsAndOffsetsSurviveAKill()
    {
        string directory = TestBroker.NewDirectory();
        await using BrokerProcess broker = await BrokerProcess.StartAsync(directory);
        ProducerConfig config = ProducerTo(broker);
        config.TransactionalId = "tx";
        config.TransactionTimeoutMs = 60_000;
        using IProducer<string?, string?> producer = new ProducerBuilder<string?, string?>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        producer.InitTransactions(Timeout);
        ConsumerConfig groupConfig = new() { BootstrapServers = broker.Bootstrap, GroupId = "g" };
        using IConsumer<string?, string?> consumer = new ConsumerBuilder<string?, string?>(groupConfig).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();

        producer.BeginTransaction();
        producer.Produce(new TopicPartition("t", 0), new Message<string?, string?> { Value = "aborted" });
        producer.Flush(Timeout);
        producer.AbortTransaction(Timeout);
        producer.BeginTransaction();
        producer.Produce(new TopicPartition("t", 0), new Message<string?, string?> { Value = "before" });
        producer.SendOffsetsToTransaction([new TopicPartitionOffset("t", 0, 7)], consumer.ConsumerGroupMetadata, Timeout);
        producer.Flush(Timeout);
        await broker.KillAsync();
        await broker.StartAsync();

        // The transaction that was open goes on as if nothing had happened.
        producer.Produce(new TopicPartition("t", 0), new Message<string?, string?> { Value = "after" });
        producer.CommitTransaction(Timeout);
        await broker.KillAsync();
        await broker.StartAsync();
        Assert.Equal(["before", "after"], ReadAll(broker.Bootstrap, "t", 4).Select(result => result.Message.Value));
        Assert.Equal(7, consumer.Committed([new TopicPartition("t", 0)], Timeout)[0].Offset.Value);
        await broker.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task ARestartDoesNotReadTheWholeLog()
    {
        string directory = TestBroker.NewDirectory();
        await using BrokerProcess broker = await BrokerProcess.StartAsync(directory);
        ProducerConfig config = ProducerTo(broker);
        config.BatchNumMessages = 10_000;
        config.QueueBufferingMaxKbytes = 100_000;
        string value = new('x', 1000);
        using (IProducer<string?, string?> producer = new ProducerBuilder<string?, string?>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build())
        {
            for (int i = 0; i < 600_000; i++)
            {
                while (true)
                {
                    try
                    {
                        producer.Produce(new TopicPartition("big", i % 4), new Message<string?, string?> { Value = value });
                        break;
                    }
                    catch (ProduceException<string?, string?> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
                    {
                        producer.Poll(TimeSpan.FromMilliseconds(50));
                    }
                }
            }

            producer.Flush(Timeout);
        }

        await broker.KillAsync();
        TimeSpan took = await broker.StartAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"start after kill -9 with 600 MB of log: {took.TotalMilliseconds:F0} ms, process start included");
        Assert.True(took < TimeSpan.FromSeconds(2), $"the restart took {took}");
        await broker.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Theory]
    [InlineData("truncated")]
    [InlineData("garbage")]
    [InlineData("flipped")]
    public async Task ATornTailIsCutAndTheRestStays(string damage)
    {
        string directory = TestBroker.NewDirectory();
        await using BrokerProcess broker = await BrokerProcess.StartAsync(directory);
        using (IProducer<string?, string?> producer = new ProducerBuilder<string?, string?>(ProducerTo(broker)).Build())
        {
            for (int i = 0; i < 10; i++)
            {
                await producer.ProduceAsync(new TopicPartition("torn", 0), new Message<string?, string?> { Value = $"{i}" });
            }
        }

        await broker.KillAsync();
        string segment = Directory.GetFiles(Path.Combine(directory, "topics", "torn"), "*.log", SearchOption.AllDirectories)
            .Single(path => new FileInfo(path).Length > 0);
        byte[] bytes = await File.ReadAllBytesAsync(segment);
        switch (damage)
        {
            case "truncated":
                bytes = bytes[..^3];
                break;
            case "garbage":
                bytes = [.. bytes, .. Enumerable.Repeat((byte)0xAB, 200)];
                break;
            default:
                bytes[^5] ^= 0x10;
                break;
        }

        await File.WriteAllBytesAsync(segment, bytes);
        await broker.StartAsync();
        int left = damage == "garbage" ? 10 : 9;
        using (IProducer<string?, string?> producer = new ProducerBuilder<string?, string?>(ProducerTo(broker)).Build())
        {
            DeliveryResult<string?, string?> next = await producer.ProduceAsync(new TopicPartition("torn", 0), new Message<string?, string?> { Value = "next" });
            Assert.Equal(left, next.Offset.Value);
        }

        Assert.Equal(
            [.. Enumerable.Range(0, left).Select(i => $"{i}"), "next"],
            ReadAll(broker.Bootstrap, "torn", 4).Select(result => result.Message.Value));
        await broker.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task ASecondBrokerOnTheSameFolderIsRefused()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        IOException refused = await Assert.ThrowsAsync<IOException>(() => TestBroker.StartAsync(broker.Directory));
        Assert.Contains(broker.Directory, refused.Message);
    }
}
