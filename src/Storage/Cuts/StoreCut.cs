using FASTER.core;
using StreamObserve.Storage.Engine;

namespace StreamObserve.Storage.Cuts;

/// <summary>One store's part of a cut: all that recovery needs besides the log's segment files.</summary>
/// <param name="Store">The store's name.</param>
/// <param name="LogToken">The engine's token of the log checkpoint.</param>
/// <param name="LogMetadata">The engine's own metadata of it.</param>
/// <param name="IndexBytes">
/// Bytes of the hash index in use. Recovery must use the same: records of keys that fall into one bucket are chained as they are
/// written, so a log replayed into an index of another size loses those that only the new size brings together.
/// </param>
/// <param name="IndexToken">Token of the newest index checkpoint finished before this cut, or empty.</param>
/// <param name="IndexMetadata">The engine's own metadata of it.</param>
/// <param name="Index">The index file, or default.</param>
/// <param name="IndexedUntil">Every record below this log address is in the index checkpoint; 0 without one.</param>
/// <param name="TailSector">The bytes of the log's last, partly filled sector below <see cref="EndAddress"/>.</param>
internal sealed record StoreCut(
    string Store,
    Guid LogToken,
    byte[] LogMetadata,
    long IndexBytes,
    Guid IndexToken,
    byte[] IndexMetadata,
    CheckpointFile Index,
    long IndexedUntil,
    byte[] TailSector)
{
    private readonly HybridLogRecoveryInfo _log = ParseLog(LogMetadata);

    /// <summary>The lowest log address that is still valid; page aligned, or the engine's first address.</summary>
    public long BeginAddress => _log.beginAddress;

    /// <summary>The log's tail at the cut: its segment files hold everything from <see cref="BeginAddress"/> up to here.</summary>
    public long EndAddress => _log.finalLogicalAddress;

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
