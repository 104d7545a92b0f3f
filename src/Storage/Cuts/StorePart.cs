namespace StreamObserve.Storage.Cuts;

/// <summary>What a cut needs of each of the three stores, whatever they hold.</summary>
/// <param name="Begin">Captures the store's state; writer only.</param>
/// <param name="Complete">Waits until the captured state is on disk; cut thread.</param>
/// <param name="CheckpointIndexIfDue">Checkpoints the index if the log has grown enough; cut thread.</param>
/// <param name="Prune">Deletes what none of the given cuts needs; cut thread.</param>
/// <param name="Verify">Verifies the log on disk by CRC; any thread.</param>
/// <param name="Failure">The first failed write, if any.</param>
/// <param name="Close">Ends the store; no operation may be under way.</param>
internal sealed record StorePart(
    Action Begin,
    Func<StoreCut> Complete,
    Action CheckpointIndexIfDue,
    Action<IReadOnlyList<StoreCut>> Prune,
    Func<IEnumerable<(string File, string Reason)>> Verify,
    Func<Exception?> Failure,
    Action Close);
