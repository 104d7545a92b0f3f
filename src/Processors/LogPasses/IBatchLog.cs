using Microsoft.Extensions.Logging;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Processors.LogPasses;

/// <summary>A partition's log, to be read once more beside the cursors. Blocks the thread that reads, which should be one of its own.</summary>
internal interface IBatchLog
{
    /// <summary>Where a log time (unix milliseconds) begins, and what retention has left of the log.</summary>
    LogBeginning Beginning(long fromMs, CancellationToken cancellation);

    /// <summary>The committed records from one offset up to another, in order; those that are gone are left out.</summary>
    IEnumerable<LogRecord> Read(long from, long until, CancellationToken cancellation);
}

/// <summary>The log in Kafka.</summary>
internal sealed class KafkaBatchLog(KafkaSettings kafka, LogPartition partition, long aheadBytes, ILogger log) : IBatchLog
{
    /// <inheritdoc/>
    public LogBeginning Beginning(long fromMs, CancellationToken cancellation)
    {
        using var lookup = new RecordLookup(kafka, $"log-pass-start-{partition.Partition}", log);
        return lookup.Beginning(partition, fromMs, cancellation);
    }

    /// <inheritdoc/>
    public IEnumerable<LogRecord> Read(long from, long until, CancellationToken cancellation)
    {
        if (from >= until)
        {
            yield break;
        }

        using var reader = new BatchLogReader(kafka, partition, from, log, "log-pass", aheadBytes);
        while (true)
        {
            var burst = reader.Read(cancellation);
            foreach (var record in burst.Records)
            {
                cancellation.ThrowIfCancellationRequested();
                if (record.Offset < until)
                {
                    yield return record;
                }
            }

            if (burst.NextOffset >= until || burst.AtEnd)
            {
                yield break;
            }
        }
    }
}
