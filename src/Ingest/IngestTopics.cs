using StreamObserve.Kafka.Topics;

namespace StreamObserve.Ingest;

/// <summary>The topics that ingest needs.</summary>
public static class IngestTopics
{
    /// <summary>Makes those that are not there. Waits for a broker until <paramref name="cancellation"/>; throws <see cref="StreamObserve.Kafka.TopicMismatchException"/> for one that cannot be worked with.</summary>
    public static async Task EnsureAsync(TopicAdmin admin, IngestSettings settings, CancellationToken cancellation)
    {
        await admin.EnsureAsync(TopicSpec.Batches(settings.BatchesTopic, settings.Partitions), cancellation).ConfigureAwait(false);
        await admin.EnsureAsync(TopicSpec.DeadLetters(settings.DeadLettersTopic), cancellation).ConfigureAwait(false);
        await admin.EnsureAsync(TopicSpec.Meta(settings.MetaTopic), cancellation).ConfigureAwait(false);
        foreach (var source in settings.Sources)
        {
            await admin.EnsureAsync(TopicSpec.Events(source.Topic, settings.Partitions), cancellation).ConfigureAwait(false);
        }
    }
}
