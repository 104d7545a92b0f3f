using System.Runtime.CompilerServices;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Processors.LogPasses;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.LogPasses;

/// <summary>A simulated log, to be read once more.</summary>
internal sealed class SimulatedBatchLog(SimulatedLog log) : IBatchLog
{
    public Task<LogBeginning> BeginningAsync(long fromMs, CancellationToken cancellation) =>
        Task.FromResult(new LogBeginning(log.Records.FirstOrDefault(record => record.Offset >= log.Start && record.AppendTimeMs >= fromMs)?.Offset ?? log.End, log.Start));

    public async IAsyncEnumerable<LogRecord> ReadAsync(long from, long until, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.Yield();
        foreach (var record in log.Records.Where(record => record.Offset >= Math.Max(from, log.Start) && record.Offset < until))
        {
            cancellation.ThrowIfCancellationRequested();
            yield return new(record.Offset, record.AppendTimeMs, record.Value);
        }
    }
}
