using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace StreamObserve.Api;

/// <summary>How the client verbs that speak Kafka connect: quiet clients, and failures in one line.</summary>
internal static class KafkaConnection
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The topic's partitions, count; 0 when there is no such topic; null with the reason, one line, when Kafka can't be reached.</summary>
    public static int? PartitionsOf(string bootstrap, string topic, out string? failure)
    {
        using IAdminClient admin = Admin(bootstrap);
        try
        {
            // All topics, as asking for one by name may create it.
            TopicMetadata? found = admin.GetMetadata(ConnectTimeout).Topics.Find(t => t.Topic == topic);
            failure = null;
            return found?.Partitions.Count ?? 0;
        }
        catch (KafkaException e)
        {
            failure = $"can't reach Kafka at {bootstrap}: {e.Error.Reason}; start a node with: streamobserve run, or name another log with --kafka";
            return null;
        }
    }

    /// <summary>Makes the topic if it is not there; null, or the reason why it can't, one line.</summary>
    public static async Task<string?> EnsureTopicAsync(string bootstrap, string topic, int partitions)
    {
        if (PartitionsOf(bootstrap, topic, out string? failure) is not 0)
        {
            return failure;
        }

        using IAdminClient admin = Admin(bootstrap);
        try
        {
            await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions, ReplicationFactor = -1 }]).ConfigureAwait(false);
            return null;
        }
        catch (CreateTopicsException e) when (e.Results.TrueForAll(r => r.Error.Code is ErrorCode.TopicAlreadyExists or ErrorCode.NoError))
        {
            // Someone else was quicker: as good.
            return null;
        }
        catch (KafkaException e)
        {
            return $"can't make the topic {topic} at {bootstrap}: {e.Message}";
        }
    }

    private static IAdminClient Admin(string bootstrap) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap, SocketConnectionSetupTimeoutMs = 3000 })
            .SetLogHandler((_, _) => { })
            .SetErrorHandler((_, _) => { })
            .Build();
}
