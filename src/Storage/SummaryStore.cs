using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using FASTER.core;
using StreamObserve.Storage.Cuts;
using StreamObserve.Storage.Engine;

namespace StreamObserve.Storage;

/// <summary>
/// Fixed-size records under 16-byte keys, updated in place: the summaries of traces. One writer at a time (the partition's actor)
/// updates; any number of threads read meanwhile and see a record before or after an update, never within.
/// Records that have left the memory are read from their file on the calling thread: call from a dedicated dispatcher.
/// </summary>
/// <remarks>
/// Retention is by age of the record's place in the log: <see cref="TailMark"/> now, <see cref="ShiftBegin"/> with it
/// when the late-span retention has passed. A record lives at least from its creation; an update of a record that was in
/// memory does not move it, one of a record that had to be read back from disk, or was part of a running cut, does.
/// </remarks>
/// <typeparam name="T">The record; at most <see cref="Limits.SummaryBytesMax"/> bytes. Its layout is part of the format.</typeparam>
public sealed class SummaryStore<T>
    where T : unmanaged
{
    private readonly EngineStore<SummaryRecord<T>> _engine;
    private readonly Ownership _ownership;
    private readonly ClientSession<ChunkKey, SummaryRecord<T>, SummaryUpdate<T>, SummaryCell<T>, Empty, SummaryFunctions<T>> _writer;
    private readonly ConcurrentBag<Reader> _idleReaders = [];
    private readonly ConcurrentBag<Reader> _readers = [];
    private readonly Func<long> _refreshWriter;
    private SummaryCell<T> _writerCell = new();

    private SummaryStore(EngineStore<SummaryRecord<T>> engine, Ownership ownership)
    {
        _engine = engine;
        _ownership = ownership;
        _writer = NewSession();
        _refreshWriter = () =>
        {
            _writer.Refresh();
            return _writer.Version;
        };
    }

    /// <summary>Bytes of files in the store's folder, those kept for older cuts included. Lists the folder: for metrics.</summary>
    public long DiskBytes => _engine.DiskBytes;

    /// <summary>Bytes of memory that the store holds: log pages, index, fixed part.</summary>
    public long MemoryBytes => _engine.MemoryBytes;

    /// <summary>Bytes of log between the oldest kept and the newest record.</summary>
    public long LogBytes => _engine.Kv.Log.TailAddress - _engine.Kv.Log.BeginAddress;

    /// <summary>Damaged sectors met by reads since the store was opened.</summary>
    public long DamagedSectorCount => _engine.DamagedSectorCount;

    /// <summary>
    /// Updates the record under a key, creating it if it is absent. Writer only. Nothing is allocated unless the record
    /// has to be read from disk.
    /// </summary>
    /// <returns>
    /// What was there before: <see cref="ReadOutcome.Found"/>, <see cref="ReadOutcome.NotFound"/> (created), or
    /// <see cref="ReadOutcome.Damaged"/> (lost, and created anew).
    /// </returns>
    /// <exception cref="StorageFailedException">An earlier write to the files failed.</exception>
    /// <exception cref="FencedException">An earlier write failed because another owner took the partition.</exception>
    public unsafe ReadOutcome Update<TUpdater>(ChunkKey key, ref TUpdater updater)
        where TUpdater : struct, ISummaryUpdater<T>
    {
        ThrowIfFailed();
        long damagedBefore = DamagedSectors.SeenByThisThread;
#pragma warning disable CS8500 // the updater is pinned while its address is in use, whatever it holds
        fixed (TUpdater* pinned = &updater)
#pragma warning restore CS8500
        {
            var update = new SummaryUpdate<T> { Updater = pinned, Apply = &Apply<TUpdater> };
            Status status = _writer.RMW(ref key, ref update, ref _writerCell);
            if (status.IsPending)
            {
                _writer.CompletePending(wait: true);
            }
        }

        return _writerCell.Outcome == ReadOutcome.NotFound && DamagedSectors.SeenByThisThread != damagedBefore
            ? ReadOutcome.Damaged
            : _writerCell.Outcome;
    }

    /// <summary>Reads the record under a key. Any thread.</summary>
    /// <param name="key">The key.</param>
    /// <param name="summary">The record if it was <see cref="ReadOutcome.Found"/>, else all zeros.</param>
    public ReadOutcome TryGet(ChunkKey key, out T summary)
    {
        if (!_idleReaders.TryTake(out Reader? reader))
        {
            reader = new Reader(NewSession());
            _readers.Add(reader);
        }

        ReadOutcome outcome = Read(reader.Session, reader.Cell, key, out summary);
        _idleReaders.Add(reader);
        return outcome;
    }

    /// <summary>As <see cref="TryGet"/>, in less time. Writer only.</summary>
    public ReadOutcome TryGetByWriter(ChunkKey key, out T summary) => Read(_writer, _writerCell, key, out summary);

    /// <summary>Removes the record under a key, if there is one. Writer only.</summary>
    /// <exception cref="StorageFailedException">An earlier write to the files failed.</exception>
    /// <exception cref="FencedException">An earlier write failed because another owner took the partition.</exception>
    public void Delete(ChunkKey key)
    {
        ThrowIfFailed();
        _ = _writer.Delete(ref key);
    }

    /// <summary>The end of the log now; see <see cref="ChunkStore.TailMark"/>. Writer only.</summary>
    public long TailMark() => _engine.Kv.Log.TailAddress;

    /// <summary>Drops every record that lies below a mark, down to the start of the mark's page; see <see cref="ChunkStore.ShiftBegin"/>. Writer only.</summary>
    public void ShiftBegin(long mark)
    {
        ThrowIfFailed();
        _engine.ShiftBegin(mark);
    }

    internal static SummaryStore<T> Open(
        StoreSettings settings, string folder, CutScheduler scheduler, Ownership ownership, StoreCut? recoverFrom, IReadOnlyCollection<int> sharedSegments) =>
        new(EngineStore<SummaryRecord<T>>.Open(settings, folder, scheduler, valueLength: null, recoverFrom, sharedSegments), ownership);

    internal StorePart AsPart() => new(
        () => _engine.BeginCheckpoint(_refreshWriter), _engine.CompleteCheckpoint, _engine.CheckpointIndexIfDue, _engine.Prune,
        _engine.VerifyLog, () => _engine.Failure, Close);

    private static ReadOutcome Read(
        ClientSession<ChunkKey, SummaryRecord<T>, SummaryUpdate<T>, SummaryCell<T>, Empty, SummaryFunctions<T>> session, SummaryCell<T> cell, ChunkKey key, out T summary)
    {
        cell.Outcome = ReadOutcome.NotFound;
        SummaryUpdate<T> input = default;
        long damagedBefore = DamagedSectors.SeenByThisThread;
        Status status = session.Read(ref key, ref input, ref cell);
        if (status.IsPending)
        {
            session.CompletePending(wait: true);
        }

        ReadOutcome outcome = cell.Outcome == ReadOutcome.NotFound && DamagedSectors.SeenByThisThread != damagedBefore
            ? ReadOutcome.Damaged
            : cell.Outcome;
        summary = outcome == ReadOutcome.Found ? cell.Summary : default;
        return outcome;
    }

    private static unsafe void Apply<TUpdater>(void* updater, ref T summary, bool isNew)
        where TUpdater : struct, ISummaryUpdater<T> => Unsafe.AsRef<TUpdater>(updater).Update(ref summary, isNew);

    private void Close()
    {
        foreach (Reader reader in _readers)
        {
            reader.Session.Dispose();
        }

        _writer.Dispose();
        _engine.Dispose();
    }

    private ClientSession<ChunkKey, SummaryRecord<T>, SummaryUpdate<T>, SummaryCell<T>, Empty, SummaryFunctions<T>> NewSession() =>
        _engine.Kv.For(new SummaryFunctions<T>()).NewSession<SummaryFunctions<T>>();

    private void ThrowIfFailed()
    {
        if (_engine.Failure is { } failure)
        {
            throw _ownership.Explain("writing to the store", failure);
        }
    }

    private sealed record Reader(
        ClientSession<ChunkKey, SummaryRecord<T>, SummaryUpdate<T>, SummaryCell<T>, Empty, SummaryFunctions<T>> Session)
    {
        public SummaryCell<T> Cell { get; } = new();
    }
}
