namespace StreamObserve.Storage;

/// <summary>A cut that was captured and is being made durable.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Completed">
/// Ends when the cut is durable and older ones are pruned. Fails with <see cref="FencedException"/> or
/// <see cref="StorageFailedException"/>; the cut then does not exist, the one before does.
/// </param>
public sealed record PendingCut(CutId Id, Task<CompletedCut> Completed);

/// <summary>A durable cut.</summary>
/// <param name="Id">Its name.</param>
/// <param name="CaptureTime">How long the writer was held in <see cref="PartitionStore{TSummary}.BeginCut"/>.</param>
/// <param name="TotalTime">From the beginning to the end, waiting for other partitions' cuts included.</param>
public readonly record struct CompletedCut(CutId Id, TimeSpan CaptureTime, TimeSpan TotalTime);
