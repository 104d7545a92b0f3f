using System.Text;
using Confluent.Kafka;
using StreamObserve.Kafka;

namespace StreamObserve.Tests.Fixtures;

/// <summary>Reads and writes topics as a stranger would.</summary>
public static class TestRecords
{
    /// <summary>A record with its headers as text.</summary>
    public sealed record Read(int Partition, long Offset, byte[]? Key, byte[]? Value, IReadOnlyDictionary<string, string> Headers);

    /// <summary>Every committed record that the topic holds now.</summary>
    public static async Task<List<Read>> ReadAllAsync(KafkaSettings settings, string topic, int partitions)
    {
        await Task.Yield();
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig
        {
            BootstrapServers = settings.Bootstrap,
            GroupId = "stranger",
            IsolationLevel = IsolationLevel.ReadCommitted,
            AutoOffsetReset = AutoOffsetReset.Error,
            EnablePartitionEof = true,
            FetchWaitMaxMs = 10,
        }).SetLogHandler((_, _) => { }).Build();
        var records = new List<Read>();
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        for (var ends = 0; ends < partitions;)
        {
            var result = consumer.Consume(TimeSpan.FromSeconds(20)) ?? throw new TimeoutException($"nothing from {topic}");
            if (result.IsPartitionEOF)
            {
                ends++;
                continue;
            }

            var headers = result.Message.Headers.ToDictionary(h => h.Key, h => Encoding.UTF8.GetString(h.GetValueBytes()));
            records.Add(new Read(result.Partition.Value, result.Offset.Value, result.Message.Key, result.Message.Value, headers));
        }

        records.Sort((a, b) => (a.Partition, a.Offset).CompareTo((b.Partition, b.Offset)));
        return records;
    }

    /// <summary>Offsets that a group has committed; those without are left out.</summary>
    public static Dictionary<int, long> Committed(KafkaSettings settings, string group, string topic, int partitions)
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig { BootstrapServers = settings.Bootstrap, GroupId = group }).SetLogHandler((_, _) => { }).Build();
        return consumer.Committed(Enumerable.Range(0, partitions).Select(p => new TopicPartition(topic, p)), TimeSpan.FromSeconds(20))
            .Where(p => p.Offset != Offset.Unset)
            .ToDictionary(p => p.Partition.Value, p => p.Offset.Value);
    }

    /// <summary>An idempotent producer of anyone's.</summary>
    public static IProducer<byte[]?, byte[]?> Producer(KafkaSettings settings) =>
        new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = settings.Bootstrap, EnableIdempotence = true, LingerMs = 1, ReconnectBackoffMaxMs = 500, MessageMaxBytes = 8 * 1024 * 1024 })
            .SetLogHandler((_, _) => { }).Build();
}
