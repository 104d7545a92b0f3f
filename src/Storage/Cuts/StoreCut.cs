using FASTER.core;
using StreamObserve.Storage.Engine;

namespace StreamObserve.Storage.Cuts;

/// <summary>One store's part of a cut: all that recovery needs besides the log's segment files.</summary>
/// <param name="Store">The store's name.</param>
/// <param name="LogToken">The engine's token of the log checkpoint; names the snapshot file.</param>
/// <param name="LogMetadata">The engine's own metadata of it.</param>
/// <param name="Snapshot">The snapshot file, or default for a fold-over checkpoint.</param>
/// <param name="IndexToken">Token of the newest index checkpoint finished before this cut, or empty.</param>
/// <param name="IndexMetadata">The engine's own metadata of it.</param>
/// <param name="Index">The index file, or default.</param>
/// <param name="IndexedUntil">Every record below this log address is in the index checkpoint; 0 without one.</param>
/// <param name="TailSector">The bytes of the log's last, partly filled sector below <see cref="DurableUntil"/>.</param>
internal sealed record StoreCut(
    string Store,
    Guid LogToken,
    byte[] LogMetadata,
    CheckpointFile Snapshot,
    Guid IndexToken,
    byte[] IndexMetadata,
    CheckpointFile Index,
    long IndexedUntil,
    byte[] TailSector)
{
    private readonly HybridLogRecoveryInfo _log = ParseLog(LogMetadata);

    /// <summary>The lowest log address that is still valid; page aligned, or the engine's first address.</summary>
    public long BeginAddress => _log.beginAddress;

    /// <summary>The log's segment files hold everything from <see cref="BeginAddress"/> up to here; a snapshot holds the rest.</summary>
    public long DurableUntil => IsSnapshot ? _log.flushedLogicalAddress : _log.finalLogicalAddress;

    /// <summary>The log's tail at the cut.</summary>
    public long FinalAddress => _log.finalLogicalAddress;

    /// <summary>Whether the part of the log behind <see cref="DurableUntil"/> is in a snapshot file.</summary>
    public bool IsSnapshot => _log.useSnapshotFile != 0;

    /// <summary>The log address from which the engine reads the segment files while it recovers this cut.</summary>
    public long RecoveryReadsFrom => Math.Max(BeginAddress, Math.Min(IndexedUntil, _log.headAddress));

    private static HybridLogRecoveryInfo ParseLog(byte[] metadata)
    {
        using var reader = new StreamReader(new MemoryStream(metadata));
        HybridLogRecoveryInfo info = default;
        info.Initialize(reader);
        return info;
    }
}
