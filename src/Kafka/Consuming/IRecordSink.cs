namespace StreamObserve.Kafka.Consuming;

/// <summary>Where a <see cref="RecordConsumer"/> puts what it takes from the log. Called on the polling thread only, in log order within a partition.</summary>
public interface IRecordSink
{
    /// <summary>Takes one record. What it needs of the record it copies: the record's memory is given back when this returns.</summary>
    void Accept(in ConsumedRecord record);

    /// <summary>The partition was read up to its end (of committed records, when reading committed). <paramref name="nextOffset"/>: where the next record will be at the earliest.</summary>
    void ReachedEnd(string topic, int partition, long nextOffset);

    /// <summary>The offset that the consumer stands at no longer exists (or not yet), and the partition stands still until it is assigned anew.</summary>
    void OffsetLost(string topic, int partition);

    /// <summary>The partition cannot be read just now. librdkafka goes on trying; this is for logs and metrics.</summary>
    void Failed(string topic, int partition, string error);
}
