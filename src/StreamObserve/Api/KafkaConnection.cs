using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Topics;

namespace StreamObserve.Api;

/// <summary>What the client verbs ask a Kafka cluster before they work with it. Failures are one line for the person at the keyboard.</summary>
internal static class KafkaConnection
{
    /// <summary>The topic's partitions, count (0 = there is no such topic), or why Kafka can't be asked.</summary>
    public static async Task<(int Partitions, string? Failure)> PartitionsOfAsync(string bootstrap, string topic, TimeProvider time)
    {
        using TopicAdmin admin = Admin(bootstrap, time);
        try
        {
            return ((await admin.DescribeAsync(topic).ConfigureAwait(false))?.Partitions ?? 0, null);
        }
        catch (KafkaOperationException e)
        {
            return (0, Unreachable(bootstrap, e));
        }
    }

    /// <summary>Makes a topic for events, as ingest would, if it is not there; null, or why it can't.</summary>
    public static async Task<string?> EnsureEventsTopicAsync(string bootstrap, string topic, int partitions, TimeProvider time, CancellationToken stop)
    {
        using TopicAdmin admin = Admin(bootstrap, time);
        try
        {
            // Asked first, as making a topic waits for brokers that are away, and a person should not.
            await admin.ClusterIdAsync().ConfigureAwait(false);
            await admin.EnsureAsync(TopicSpec.Events(topic, partitions), stop).ConfigureAwait(false);
            return null;
        }
        catch (KafkaOperationException e) when (e.IsTransient)
        {
            return Unreachable(bootstrap, e);
        }
        catch (KafkaOperationException e)
        {
            return $"can't use the topic {topic} at {bootstrap}: {e.Message}";
        }
    }

    private static string Unreachable(string bootstrap, KafkaOperationException e) =>
        $"can't reach Kafka at {bootstrap}: {e.Message}; start a node with: streamobserve run, or name another log with --kafka";

    private static TopicAdmin Admin(string bootstrap, TimeProvider time) =>
        new(new KafkaSettings { Bootstrap = bootstrap }, time, NullLogger.Instance);
}
