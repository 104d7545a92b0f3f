using Microsoft.Extensions.Logging.Abstractions;

namespace StreamObserve.Storage.Tests;

/// <summary>
/// The process that the crash test kills: opens the partition, compares all three stores with the model that belongs to the
/// recovered payload, says so, and goes on with batches and cuts until it is killed.
/// </summary>
internal static class CrashChild
{
    public static int Run(string folder)
    {
        using var scheduler = new CutScheduler();
        using var store = PartitionStore<Tally>.Open(
            folder, TestPartition.Small, "BatchCodec=1", scheduler, TimeProvider.System, NullLogger.Instance);
        ReferenceModel model = store.Recovered is { } cut ? ReferenceModel.FromPayload(cut.Payload.Span) : new ReferenceModel();
        string? difference = store.Damages.Count > 0 ? store.Damages[0].ToString() : model.Difference(store);
        Console.WriteLine(difference is null ? $"same {model.NextBatch} {store.Recovered?.Id}" : $"different {store.Recovered?.Id}: {difference}");
        Console.Out.Flush();
        Task completed = Task.CompletedTask;
        while (difference is null)
        {
            model.ApplyTo(store);
            if (completed.IsCompleted)
            {
                completed.GetAwaiter().GetResult();
                completed = store.BeginCut(model.Payload()).Completed;
            }
        }

        return 1;
    }
}
