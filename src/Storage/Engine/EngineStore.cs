using System.Numerics;
using FASTER.core;
using StreamObserve.Storage.Cuts;
using StreamObserve.Storage.Files;

namespace StreamObserve.Storage.Engine;

/// <summary>
/// One store of a partition on the engine: its log, its index, its checkpoints. Typed by the engine's value; what the
/// value means is the business of <see cref="ChunkStore"/> and <see cref="SummaryStore{T}"/>.
/// </summary>
/// <typeparam name="TValue">The engine's value type.</typeparam>
internal sealed class EngineStore<TValue> : IDisposable
{
    private const int IndexBucketBytes = 64;

    private readonly StoreSettings _settings;
    private readonly string _folder;
    private readonly long _indexBytes;
    private readonly SegmentedLogDevice _device;
    private readonly CheckpointCatalog _catalog;
    private readonly CaptureSignal _capture = new();
    private Guid _logToken;
    private Guid _indexToken;
    private byte[] _indexMetadata = [];
    private CheckpointFile _indexFile;
    private long _indexedUntil;
    private long _capturedTail;

    private EngineStore(
        StoreSettings settings, string folder, long indexBytes, SegmentedLogDevice device, CheckpointCatalog catalog, FasterKV<ChunkKey, TValue> kv)
    {
        _settings = settings;
        _folder = folder;
        _indexBytes = indexBytes;
        _device = device;
        _catalog = catalog;
        Kv = kv;
        kv.UnsafeRegisterCallback(_capture);
    }

    /// <summary>The engine itself.</summary>
    public FasterKV<ChunkKey, TValue> Kv { get; }

    /// <summary>The first failed write, if any.</summary>
    public Exception? Failure => _device.Failure;

    /// <summary>Sectors that failed their CRC when read.</summary>
    public long DamagedSectorCount => _device.DamagedSectorCount;

    /// <summary>Bytes of memory in use: log pages, index, the engine's fixed part.</summary>
    public long MemoryBytes => Kv.Log.MemorySizeBytes + _indexBytes + (Kv.OverflowBucketCount * IndexBucketBytes) + Limits.FixedBytesPerStore;

    /// <summary>Bytes of the store's files. Lists the folder: for metrics, not for hot paths.</summary>
    public long DiskBytes
    {
        get
        {
            long bytes = 0;
            foreach (FileInfo file in new DirectoryInfo(_folder).EnumerateFiles())
            {
                bytes += file.Length;
            }

            return bytes;
        }
    }

    /// <summary>
    /// Opens the store in a folder that already holds the files of <paramref name="recoverFrom"/>, verified; or
    /// in an empty one. Throws what the engine throws when it cannot recover.
    /// </summary>
    public static EngineStore<TValue> Open(
        StoreSettings settings,
        string folder,
        CutScheduler scheduler,
        VariableLengthStructSettings<ChunkKey, TValue>? valueLength,
        StoreCut? recoverFrom,
        IReadOnlyCollection<int> sharedSegments)
    {
        var layout = new SegmentLayout(settings.SegmentBytes);
        var device = new SegmentedLogDevice(folder, layout, scheduler, settings.ForceToDisk, sharedSegments, SegmentRange(settings, recoverFrom));
        var catalog = new CheckpointCatalog(folder, scheduler);
        var logSettings = new LogSettings
        {
            LogDevice = device,
            PageSizeBits = BitOperations.Log2((uint)settings.PageBytes),
            SegmentSizeBits = BitOperations.Log2((uint)settings.SegmentBytes),
            MemorySizeBits = BitOperations.Log2((ulong)settings.MemoryBytes),
            MutableFraction = settings.MutableFraction,
        };
        long indexBytes = recoverFrom?.IndexBytes ?? settings.IndexBytes;
        var kv = new FasterKV<ChunkKey, TValue>(
            indexBytes / IndexBucketBytes,
            logSettings,
            new CheckpointSettings { CheckpointManager = catalog, RemoveOutdated = false },
            comparer: new ChunkKeyComparer(),
            variableLengthStructSettings: valueLength,
            concurrencyControlMode: settings.Concurrency);
        var store = new EngineStore<TValue>(settings, folder, indexBytes, device, catalog, kv);
        if (recoverFrom is not null)
        {
            try
            {
                store.Recover(recoverFrom);
            }
            catch
            {
                store.Dispose();
                throw;
            }
        }

        return store;
    }

    /// <summary>
    /// Captures the store's state for a cut: when this returns, the cut holds exactly the updates made before.
    /// Called by the writer; spins while a reader is inside a disk read.
    /// </summary>
    /// <param name="refreshWriter">Refreshes the writer's session and returns its version.</param>
    public void BeginCheckpoint(Func<long> refreshWriter)
    {
        long versionBefore = refreshWriter();
        _capture.Arm();
        if (!Kv.TryInitiateHybridLogCheckpoint(out Guid token, CheckpointType.FoldOver))
        {
            throw new InvalidOperationException($"a checkpoint of {_settings.Name} is already running");
        }

        _logToken = token;
        while (refreshWriter() == versionBefore || !_capture.IsTaken)
        {
            Thread.Yield();
        }
    }

    /// <summary>Waits until what <see cref="BeginCheckpoint"/> captured is on disk. Called on a cut thread.</summary>
    public StoreCut CompleteCheckpoint()
    {
        Kv.CompleteCheckpointAsync().AsTask().GetAwaiter().GetResult();
        byte[] metadata = _catalog.TakeLogMetadata(_logToken);
        var cut = new StoreCut(_settings.Name, _logToken, metadata, _indexBytes, _indexToken, _indexMetadata, _indexFile, _indexedUntil, []);

        // The engine calls a fold-over finished when nothing was left to mark read-only, even if an earlier
        // flush of the same pages is still under way.
        Kv.Log.ShiftReadOnlyAddress(cut.EndAddress, wait: true);
        _capturedTail = cut.EndAddress;
        _device.MakeDurable();
        return cut with { TailSector = _device.ReadSectorPrefix(cut.EndAddress) };
    }

    /// <summary>
    /// Checkpoints the index if the log has grown enough since the last time. The next cut names it.
    /// Called on a cut thread after <see cref="CompleteCheckpoint"/>.
    /// </summary>
    public void CheckpointIndexIfDue()
    {
        long tail = _capturedTail;
        if (tail - Math.Max(_indexedUntil, Kv.Log.BeginAddress) < _settings.IndexCheckpointLogBytes)
        {
            return;
        }

        if (!Kv.TryInitiateIndexCheckpoint(out Guid token))
        {
            throw new InvalidOperationException($"a checkpoint of {_settings.Name} is already running");
        }

        Kv.CompleteCheckpointAsync().AsTask().GetAwaiter().GetResult();
        _indexMetadata = IndexMetadata.WithStart(_catalog.TakeIndexMetadata(token), tail);
        _indexFile = _catalog.Seal(CheckpointCatalog.IndexFileName(token), _settings.ForceToDisk);
        _indexToken = token;
        _indexedUntil = tail;
    }

    /// <summary>Deletes the files that none of the kept cuts needs. Called on a cut thread after a cut was published.</summary>
    public void Prune(IReadOnlyList<StoreCut> kept)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { CheckpointCatalog.IndexFileName(_indexToken) };
        long begin = long.MaxValue;
        foreach (StoreCut cut in kept)
        {
            names.Add(CheckpointCatalog.IndexFileName(cut.IndexToken));
            begin = Math.Min(begin, cut.BeginAddress);
        }

        foreach (string path in Directory.EnumerateFiles(_folder, "*.ckp"))
        {
            if (!names.Contains(Path.GetFileName(path)))
            {
                File.Delete(path);
            }
        }

        _device.DeleteBelow(begin);
    }

    /// <summary>
    /// Drops everything written below a mark, down to a page's start: reads find nothing there from now on, files go
    /// once no kept cut needs them. Called by the writer; waits for the flush of pages that are only in memory.
    /// </summary>
    public void ShiftBegin(long mark)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mark, Kv.Log.TailAddress);

        // The engine would leave a page that begins in the middle unflushed below that point, and its
        // recovery walks a page's records from the page's start.
        if (mark / _settings.PageBytes * _settings.PageBytes > Kv.Log.BeginAddress)
        {
            Kv.Log.ShiftBeginAddress(mark, snapToPageStart: true, truncateLog: false);
        }
    }

    /// <summary>Verifies by CRC what is on disk and not read by recovery; returns file and reason of the first damage of each segment.</summary>
    public IEnumerable<(string File, string Reason)> VerifyLog()
    {
        long end = Kv.Log.HeadAddress;
        for (long from = Kv.Log.BeginAddress; from < end;)
        {
            long until = Math.Min(end, ((from / _settings.SegmentBytes) + 1) * _settings.SegmentBytes);
            if (_device.Verify(from, until) is { } damage)
            {
                yield return damage;
            }

            from = until;
        }
    }

    /// <summary>Ends the engine. No operation may be under way.</summary>
    public void Dispose()
    {
        _device.Dispose();
        Kv.Dispose();
        _catalog.Dispose();
    }

    private static (int First, int Last) SegmentRange(StoreSettings settings, StoreCut? cut) => cut is null
        ? (0, -1)
        : ((int)(cut.BeginAddress / settings.SegmentBytes), (int)((cut.EndAddress - 1) / settings.SegmentBytes));

    private void Recover(StoreCut cut)
    {
        _catalog.Restore(cut.LogToken, cut.LogMetadata, cut.IndexToken, cut.IndexMetadata);
        Kv.Recover(cut.IndexToken, cut.LogToken, undoNextVersion: true);
        Kv.DisposeRecoverableSessions(); // or every cut would carry the sessions of all earlier owners on
        _catalog.CloseFiles();
        _indexToken = cut.IndexToken;
        _indexMetadata = cut.IndexMetadata;
        _indexFile = cut.Index;
        _indexedUntil = cut.IndexedUntil;
    }

    /// <summary>Hears from the engine when it has fixed the tail of a checkpoint.</summary>
    private sealed class CaptureSignal : IStateMachineCallback
    {
        private volatile bool _taken;

        public bool IsTaken => _taken;

        public void Arm() => _taken = false;

        public void BeforeEnteringState<TKey, TVal>(SystemState next, FasterKV<TKey, TVal> faster)
        {
            if (next.Phase == Phase.WAIT_FLUSH)
            {
                _taken = true;
            }
        }
    }
}
