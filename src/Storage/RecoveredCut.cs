namespace StreamObserve.Storage;

/// <summary>The cut that a partition was recovered from.</summary>
/// <param name="Id">Its name.</param>
/// <param name="TakenAt">When its owner began it, by that owner's clock.</param>
/// <param name="Payload">The bytes that the owner gave to it.</param>
public sealed record RecoveredCut(CutId Id, DateTimeOffset TakenAt, ReadOnlyMemory<byte> Payload);
