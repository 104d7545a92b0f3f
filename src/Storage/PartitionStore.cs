using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using StreamObserve.Storage.Cuts;

namespace StreamObserve.Storage;

/// <summary>
/// Everything that one partition of a processor keeps on disk: aggregates, column blocks and trace summaries, cut at one
/// point of the log together with the owner's own bytes. Opening it takes the partition: the former owner, should
/// it still run, is fenced and cannot harm what the new one does.
/// </summary>
/// <remarks>
/// One writer at a time (the partition's actor) opens, updates and cuts; reads of the stores may come from any number of threads. Calls may block on
/// file I/O: use a dedicated dispatcher. The writer may go on as soon as <see cref="BeginCut"/> has returned.
/// </remarks>
/// <typeparam name="TSummary">The record of a trace's summary.</typeparam>
public sealed class PartitionStore<TSummary> : IDisposable
    where TSummary : unmanaged
{
    private readonly PartitionFolder _folder;
    private readonly Ownership _ownership;
    private readonly SettingsFingerprint _fingerprint;
    private readonly OpenedStores<TSummary> _stores;
    private readonly PartitionStoreOptions _options;
    private readonly CutScheduler _scheduler;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly List<CutManifest> _ownCuts = [];
    private Task _pending = Task.CompletedTask;
    private long _lastSequence;
    private volatile StorageException? _failure;
    private bool _disposed;

    private PartitionStore(
        PartitionFolder folder,
        Ownership ownership,
        SettingsFingerprint fingerprint,
        OpenedStores<TSummary> stores,
        CutManifest? recovered,
        IReadOnlyList<Damage> damages,
        PartitionStoreOptions options,
        CutScheduler scheduler,
        TimeProvider time,
        ILogger log)
    {
        _folder = folder;
        _ownership = ownership;
        _fingerprint = fingerprint;
        _stores = stores;
        Recovered = recovered is null ? null : new RecoveredCut(recovered.Id, recovered.TakenAt, recovered.Payload);
        Damages = damages;
        _options = options;
        _scheduler = scheduler;
        _time = time;
        _log = log;
    }

    /// <summary>This owner's epoch, from 1; higher than that of every earlier owner.</summary>
    public long Epoch => _ownership.Epoch;

    /// <summary>The cut that the stores were recovered from; null means that they started empty and the log is to be replayed.</summary>
    public RecoveredCut? Recovered { get; }

    /// <summary>What was damaged when the partition was opened. Empty if <see cref="Recovered"/> is simply the newest cut, or there never was one.</summary>
    public IReadOnlyList<Damage> Damages { get; }

    /// <summary>Small and mid-size values that are replaced and deleted.</summary>
    public ChunkStore Aggregates => _stores.Aggregates;

    /// <summary>Large values that are written once and read often.</summary>
    public ChunkStore Blocks => _stores.Blocks;

    /// <summary>Fixed-size records, updated in place.</summary>
    public SummaryStore<TSummary> Summaries => _stores.Summaries;

    /// <summary>Bytes of files of the three stores. Lists folders: for metrics.</summary>
    public long DiskBytes => Aggregates.DiskBytes + Blocks.DiskBytes + Summaries.DiskBytes;

    /// <summary>Bytes of memory of the three stores, their fixed part included.</summary>
    public long MemoryBytes => Aggregates.MemoryBytes + Blocks.MemoryBytes + Summaries.MemoryBytes;

    /// <summary>
    /// Whether a higher epoch is known to exist: the owner must stop. Every cut looks; <see cref="LookForHigherEpoch"/> looks now.
    /// </summary>
    public bool IsFenced => _ownership.IsFenced;

    /// <summary>
    /// Takes the partition in a folder and recovers it from the newest sound cut. Damage never makes it throw; see <see cref="Damages"/>.
    /// Blocks on file I/O: roughly the time to read the last <see cref="PartitionStoreOptions.IndexCheckpointLogBytes"/> of each log.
    /// </summary>
    /// <param name="folder">The partition's folder, perhaps on shared storage; created if absent. It must support O_EXCL and rename;
    /// with hard links too, opening does not copy.</param>
    /// <param name="options">Memory and layout.</param>
    /// <param name="settingsFingerprint">Lines <c>name=value</c> of the owner's settings that decide how its bytes are read.</param>
    /// <param name="scheduler">The process's storage threads; outlives this store.</param>
    /// <param name="time">The clock for time stamps and durations.</param>
    /// <param name="log">Receives damage and failures.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="SettingsMismatchException">The folder was written with other settings. The partition was not taken.</exception>
    /// <exception cref="StorageFailedException">The folder cannot be read or written.</exception>
    public static PartitionStore<TSummary> Open(
        string folder, PartitionStoreOptions options, string settingsFingerprint, CutScheduler scheduler, TimeProvider time, ILogger log)
    {
        if (options.Validate() is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        if (settingsFingerprint.Length > Limits.FingerprintCharsMax)
        {
            throw new ArgumentException(
                $"the fingerprint has {settingsFingerprint.Length} characters, at most {Limits.FingerprintCharsMax} are allowed", nameof(settingsFingerprint));
        }

        int summaryBytes = Unsafe.SizeOf<TSummary>();
        if (summaryBytes > Limits.SummaryBytesMax)
        {
            throw new ArgumentException($"{typeof(TSummary).Name} has {summaryBytes} bytes, at most {Limits.SummaryBytesMax} are allowed");
        }

        try
        {
            var partition = new PartitionFolder(Path.GetFullPath(folder));
            Directory.CreateDirectory(partition.Path);
            var fingerprint = new SettingsFingerprint($"{settingsFingerprint}\n{options.LayoutFingerprint()}\nSummaryBytes={summaryBytes}");
            PartitionRecovery<TSummary>.RefuseOtherSettings(partition, fingerprint);
            long epoch = partition.Claim($"{Environment.MachineName} pid {Environment.ProcessId} {time.GetUtcNow():O}");
            var ownership = new Ownership(partition, epoch, log);
            var recovery = new PartitionRecovery<TSummary>(partition, ownership, fingerprint, options, scheduler, log);
            OpenedStores<TSummary> stores = recovery.Open();
            var store = new PartitionStore<TSummary>(
                partition, ownership, fingerprint, stores, recovery.Recovered, recovery.Damages, options, scheduler, time, log);
            store.Tidy(() => partition.DeleteEpochsBelow(epoch, recovery.EpochsToKeep()));
            return store;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StorageFailedException($"the partition in {folder} cannot be opened: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// Begins a cut: everything that the writer has stored so far, and nothing later, together with the payload. Writer only, between two batches, one cut at a
    /// time. Returns after some milliseconds at most; the rest happens on the scheduler's threads.
    /// </summary>
    /// <param name="payload">The owner's own state at this point; copied. What <see cref="Recovered"/> will hand back.</param>
    /// <exception cref="InvalidOperationException">The cut before is not completed yet.</exception>
    /// <exception cref="FencedException">A higher epoch exists.</exception>
    /// <exception cref="StorageFailedException">An earlier write or cut failed.</exception>
    public PendingCut BeginCut(ReadOnlyMemory<byte> payload)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, Limits.CutPayloadBytesMax, nameof(payload));
        if (!_pending.IsCompleted)
        {
            throw new InvalidOperationException($"cut {new CutId(Epoch, _lastSequence)} is not completed yet: await {nameof(PendingCut.Completed)} first");
        }

        ThrowIfUnusable();
        var id = new CutId(Epoch, ++_lastSequence);
        long started = _time.GetTimestamp();
        DateTimeOffset takenAt = _time.GetUtcNow();
        foreach (StorePart part in _stores.Parts)
        {
            part.Begin();
        }

        byte[] kept = payload.ToArray();
        TimeSpan captureTime = _time.GetElapsedTime(started);
        Task<CompletedCut> completed = _scheduler.EnqueueCut(() => Finish(id, takenAt, kept, started, captureTime));
        _pending = completed;
        return new PendingCut(id, completed);
    }

    /// <summary>
    /// Looks whether another owner has taken the partition, and returns <see cref="IsFenced"/>. Any thread; lists one small folder.
    /// </summary>
    /// <exception cref="StorageFailedException">The folder cannot be listed.</exception>
    public bool LookForHigherEpoch() => _ownership.LookForHigherEpoch();

    /// <summary>
    /// Reads all that is on disk and verifies it by CRC; returns one entry for each damaged file. Any thread but the writer's; takes
    /// as long as reading the files does.
    /// </summary>
    public IReadOnlyList<Damage> VerifyFiles()
    {
        var damages = new List<Damage>();
        string[] names = ["aggregates", "blocks", "summaries"];
        for (int i = 0; i < names.Length; i++)
        {
            foreach ((string file, string reason) in _stores.Parts[i].Verify())
            {
                string path = Path.Combine(_folder.EpochFolder(Epoch), names[i], file);
                damages.Add(new Damage(Path.GetRelativePath(_folder.Path, path), DamageEffect.ValuesLost, reason));
            }
        }

        return damages;
    }

    /// <summary>
    /// Waits for a cut that is under way and closes the files. What was stored since the last cut is gone. No other call may be under way.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _pending.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).Wait();
        foreach (StorePart part in _stores.Parts)
        {
            part.Close();
        }
    }

    private CompletedCut Finish(CutId id, DateTimeOffset takenAt, ReadOnlyMemory<byte> payload, long started, TimeSpan captureTime)
    {
        try
        {
            var cuts = new StoreCut[_stores.Parts.Count];
            for (int i = 0; i < cuts.Length; i++)
            {
                cuts[i] = _stores.Parts[i].Complete();
            }

            ThrowIfUnusable();
            var manifest = new CutManifest(id, takenAt, _fingerprint, cuts, payload);
            _folder.Publish(manifest, _options.ForceToDisk);
            Tidy(() => Prune(manifest));
            foreach (StorePart part in _stores.Parts)
            {
                Tidy(part.CheckpointIndexIfDue);
            }

            return new CompletedCut(id, captureTime, _time.GetElapsedTime(started));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _failure = _ownership.Explain($"cut {id} of {_folder.Path}", failure);
            _log.LogError(failure, "cut {Cut} of {Folder} failed", id, _folder.Path);
            throw _failure;
        }
    }

    // What follows a published cut does not decide about it, and the next cut does it again.
    private void Tidy(Action action)
    {
        try
        {
            action();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _log.LogWarning(failure, "tidying up {Folder} failed", _folder.Path);
        }
    }

    private void Prune(CutManifest published)
    {
        _ownCuts.Add(published);
        if (_ownCuts.Count > Limits.CutsKept)
        {
            _ownCuts.RemoveAt(0);
        }

        for (int i = 0; i < _stores.Parts.Count; i++)
        {
            _stores.Parts[i].Prune(_ownCuts.ConvertAll(cut => cut.Stores[i]));
        }

        if (_ownCuts.Count == Limits.CutsKept)
        {
            _folder.DeleteManifestsBelow(_ownCuts[0].Id);
            _folder.DeleteEpochsBelow(Epoch, []);
        }
    }

    private void ThrowIfUnusable()
    {
        _ownership.ThrowIfFenced();
        if (_failure is { } failure)
        {
            throw failure;
        }

        foreach (StorePart part in _stores.Parts)
        {
            if (part.Failure() is { } cause)
            {
                throw _ownership.Explain($"writing in {_folder.Path}", cause);
            }
        }
    }
}
