using StreamObserve.Kafka.Consuming;
using StreamObserve.Processors.LogPasses;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.LogPasses;

/// <summary>A simulated log, to be read once more.</summary>
internal sealed class SimulatedBatchLog(SimulatedLog log) : IBatchLog
{
    public LogBeginning Beginning(long fromMs, CancellationToken cancellation) =>
        new(log.Records.FirstOrDefault(record => record.Offset >= log.Start && record.AppendTimeMs >= fromMs)?.Offset ?? log.End, log.Start);

    public IEnumerable<LogRecord> Read(long from, long until, CancellationToken cancellation)
    {
        foreach (var record in log.Records.Where(record => record.Offset >= Math.Max(from, log.Start) && record.Offset < until))
        {
            cancellation.ThrowIfCancellationRequested();
            yield return new(record.Offset, record.AppendTimeMs, record.Value);
        }
    }
}
