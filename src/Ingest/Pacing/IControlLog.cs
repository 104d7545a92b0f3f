using StreamObserve.Contracts.Log;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.Ingest.Pacing;

/// <summary>Where the pacemaker writes.</summary>
public interface IControlLog
{
    /// <summary>Partitions of the log.</summary>
    int Partitions { get; }

    /// <summary>Appends a control record to a partition; completes when the brokers have it, or fails.</summary>
    Task WriteAsync(int partition, ControlRecord record);
}

/// <summary>The batches topic as the pacemaker's log. Thread-safe.</summary>
public sealed class KafkaControlLog(IdempotentWriter writer, string topic, int partitions) : IControlLog
{
    /// <inheritdoc/>
    public int Partitions => partitions;

    /// <inheritdoc/>
    public Task WriteAsync(int partition, ControlRecord record) => writer.WriteAsync(topic, partition, null, record.Encode(), CancellationToken.None);
}
