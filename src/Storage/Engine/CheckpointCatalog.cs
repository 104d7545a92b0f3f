using System.Globalization;
using FASTER.core;

namespace StreamObserve.Storage.Engine;

/// <summary>
/// Keeps the engine's checkpoint metadata in memory, from where the cut's manifest takes it, and makes the devices of
/// its checkpoint files. So the manifest is the one place that says what is durable, and the engine never lists,
/// picks or purges checkpoints itself.
/// </summary>
internal sealed class CheckpointCatalog(string folder, CutScheduler scheduler) : ICheckpointManager
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, byte[]> _logMetadata = [];
    private readonly Dictionary<Guid, byte[]> _indexMetadata = [];
    private readonly Dictionary<string, CheckpointFileDevice> _devices = [];

    /// <summary>Name of the file that holds an index checkpoint.</summary>
    public static string IndexFileName(Guid token) => string.Create(CultureInfo.InvariantCulture, $"index-{token:N}.ckp");

    /// <summary>Puts in the metadata of the cut to recover from.</summary>
    public void Restore(Guid logToken, byte[] logMetadata, Guid indexToken, byte[] indexMetadata)
    {
        lock (_gate)
        {
            _logMetadata[logToken] = logMetadata;
            if (indexToken != Guid.Empty)
            {
                _indexMetadata[indexToken] = indexMetadata;
            }
        }
    }

    /// <summary>Takes out the metadata of a finished log checkpoint.</summary>
    public byte[] TakeLogMetadata(Guid token) => Take(_logMetadata, token);

    /// <summary>Takes out the metadata of a finished index checkpoint.</summary>
    public byte[] TakeIndexMetadata(Guid token) => Take(_indexMetadata, token);

    /// <summary>Seals the file that the engine has finished writing.</summary>
    public CheckpointFile Seal(string fileName, bool forceToDisk)
    {
        CheckpointFileDevice? device;
        lock (_gate)
        {
            _devices.Remove(fileName, out device);
        }

        return device?.Seal(forceToDisk) ?? default;
    }

    /// <summary>Closes what recovery has opened.</summary>
    public void CloseFiles()
    {
        lock (_gate)
        {
            foreach (CheckpointFileDevice device in _devices.Values)
            {
                device.Close();
            }

            _devices.Clear();
        }
    }

    /// <inheritdoc/>
    public void CommitLogCheckpoint(Guid logToken, byte[] commitMetadata)
    {
        lock (_gate)
        {
            _logMetadata[logToken] = commitMetadata;
        }
    }

    /// <inheritdoc/>
    public void CommitIndexCheckpoint(Guid indexToken, byte[] commitMetadata)
    {
        lock (_gate)
        {
            _indexMetadata[indexToken] = commitMetadata;
        }
    }

    /// <inheritdoc/>
    public byte[]? GetLogCheckpointMetadata(Guid logToken, DeltaLog deltaLog, bool scanDelta = false, long recoverTo = -1) =>
        Find(_logMetadata, logToken);

    /// <inheritdoc/>
    public byte[]? GetIndexCheckpointMetadata(Guid indexToken) => Find(_indexMetadata, indexToken);

    /// <inheritdoc/>
    public IDevice GetIndexDevice(Guid indexToken) => Device(IndexFileName(indexToken));

    /// <inheritdoc/>
    public IDevice GetSnapshotLogDevice(Guid token) => throw new NotSupportedException("snapshot checkpoints are not used");

    /// <inheritdoc/>
    public IDevice GetSnapshotObjectLogDevice(Guid token) => throw new NotSupportedException("snapshot checkpoints are not used");

    /// <inheritdoc/>
    public IDevice? GetDeltaLogDevice(Guid token) => null; // no incremental checkpoints

    /// <inheritdoc/>
    public IEnumerable<Guid> GetIndexCheckpointTokens() => [];

    /// <inheritdoc/>
    public IEnumerable<Guid> GetLogCheckpointTokens() => [];

    /// <inheritdoc/>
    public void CommitLogIncrementalCheckpoint(Guid logToken, long version, byte[] commitMetadata, DeltaLog deltaLog) =>
        throw new NotSupportedException("incremental checkpoints are not used");

    /// <inheritdoc/>
    public void InitializeIndexCheckpoint(Guid indexToken)
    {
    }

    /// <inheritdoc/>
    public void InitializeLogCheckpoint(Guid logToken)
    {
    }

    /// <inheritdoc/>
    public void CheckpointVersionShift(long oldVersion, long newVersion)
    {
    }

    /// <inheritdoc/>
    public void OnRecovery(Guid indexToken, Guid logToken)
    {
    }

    /// <inheritdoc/>
    public void Purge(Guid token)
    {
    }

    /// <inheritdoc/>
    public void PurgeAll()
    {
    }

    /// <inheritdoc/>
    public void Dispose() => CloseFiles();

    private CheckpointFileDevice Device(string fileName)
    {
        lock (_gate)
        {
            if (!_devices.TryGetValue(fileName, out CheckpointFileDevice? device))
            {
                device = new CheckpointFileDevice(Path.Combine(folder, fileName), scheduler);
                _devices.Add(fileName, device);
            }

            return device;
        }
    }

    private byte[] Take(Dictionary<Guid, byte[]> metadata, Guid token)
    {
        lock (_gate)
        {
            return metadata.Remove(token, out byte[]? bytes)
                ? bytes
                : throw new InvalidOperationException($"the engine has not committed checkpoint {token}");
        }
    }

    private byte[]? Find(Dictionary<Guid, byte[]> metadata, Guid token)
    {
        lock (_gate)
        {
            return metadata.GetValueOrDefault(token);
        }
    }
}
