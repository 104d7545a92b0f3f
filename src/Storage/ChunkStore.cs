using System.Buffers;
using System.Collections.Concurrent;
using FASTER.core;
using StreamObserve.Storage.Cuts;
using StreamObserve.Storage.Engine;
using Session = FASTER.core.ClientSession<StreamObserve.Storage.ChunkKey, FASTER.core.SpanByte, uint, StreamObserve.Storage.Engine.ChunkRead, FASTER.core.Empty, StreamObserve.Storage.Engine.ChunkFunctions>;

namespace StreamObserve.Storage;

/// <summary>
/// Byte values under 16-byte keys. One writer at a time (the partition's actor) upserts, deletes, marks and shifts; any number of
/// threads read meanwhile, also while a cut runs. Every call may block on file I/O: call from a dedicated dispatcher or
/// thread, not from the default thread pool.
/// </summary>
public sealed class ChunkStore
{
    private readonly EngineStore<SpanByte> _engine;
    private readonly Ownership _ownership;
    private readonly int _payloadBytesMax;
    private readonly Session _writer;
    private readonly ConcurrentBag<Reader> _idleReaders = [];
    private readonly ConcurrentBag<Reader> _readers = [];
    private readonly Func<long> _refreshWriter;
    private ChunkRead _writerRead = new();

    private ChunkStore(EngineStore<SpanByte> engine, Ownership ownership, int pageBytes)
    {
        _engine = engine;
        _ownership = ownership;
        _payloadBytesMax = pageBytes - Limits.RecordOverheadBytes;
        _writer = NewSession();
        _refreshWriter = () =>
        {
            _writer.Refresh();
            return _writer.Version;
        };
    }

    /// <summary>Bytes of the largest value: a record must fit in a page.</summary>
    public int ValueBytesMax => _payloadBytesMax;

    /// <summary>Bytes of files in the store's folder, those kept for older cuts included. Lists the folder: for metrics.</summary>
    public long DiskBytes => _engine.DiskBytes;

    /// <summary>Bytes of memory that the store holds: log pages, index, fixed part.</summary>
    public long MemoryBytes => _engine.MemoryBytes;

    /// <summary>Bytes of log between the oldest kept and the newest value.</summary>
    public long LogBytes => _engine.Kv.Log.TailAddress - _engine.Kv.Log.BeginAddress;

    /// <summary>Damaged sectors met by reads since the store was opened.</summary>
    public long DamagedSectorCount => _engine.DamagedSectorCount;

    /// <summary>Stores a value, replacing the one under the key. Writer only. Nothing is allocated.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is longer than <see cref="ValueBytesMax"/>.</exception>
    /// <exception cref="StorageFailedException">An earlier write to the files failed.</exception>
    /// <exception cref="FencedException">An earlier write failed because another owner took the partition.</exception>
    public unsafe void Upsert(ChunkKey key, ReadOnlySpan<byte> value)
    {
        if (value.Length > _payloadBytesMax)
        {
            ThrowTooLong(value.Length);
        }

        ThrowIfFailed();
        uint checksum = ChunkFunctions.Checksum(in key, value);
        fixed (byte* payload = value)
        {
            var source = SpanByte.FromPointer(payload, value.Length + ChunkFunctions.ChecksumBytes);
            _ = _writer.Upsert(ref key, ref checksum, ref source, ref _writerRead);
        }
    }

    /// <summary>Removes the value under a key, if there is one. Writer only.</summary>
    /// <exception cref="StorageFailedException">An earlier write to the files failed.</exception>
    /// <exception cref="FencedException">An earlier write failed because another owner took the partition.</exception>
    public void Delete(ChunkKey key)
    {
        ThrowIfFailed();
        _ = _writer.Delete(ref key);
    }

    /// <summary>
    /// Reads a value. Any thread; a value that is not in memory is read from its file on the calling thread.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="destination">Receives the value if it was <see cref="ReadOutcome.Found"/>; else nothing is written.</param>
    public ReadOutcome TryRead(ChunkKey key, IBufferWriter<byte> destination)
    {
        if (!_idleReaders.TryTake(out Reader? reader))
        {
            reader = new Reader(NewSession());
            _readers.Add(reader);
        }

        ChunkRead read = reader.Read;
        read.Destination = destination;
        read.Outcome = ReadOutcome.NotFound;
        uint input = 0;
        long damagedBefore = DamagedSectors.SeenByThisThread;
        Status status = reader.Session.Read(ref key, ref input, ref read);
        if (status.IsPending)
        {
            reader.Session.CompletePending(wait: true);
        }

        ReadOutcome outcome = read.Outcome == ReadOutcome.NotFound && DamagedSectors.SeenByThisThread != damagedBefore
            ? ReadOutcome.Damaged
            : read.Outcome;
        read.Destination = null;
        _idleReaders.Add(reader);
        return outcome;
    }

    /// <summary>
    /// The end of the log now: everything stored before lies below it, everything stored later at or above it. Writer only.
    /// Keep it with the owner's state, for instance one for each bucket of arrival time.
    /// </summary>
    public long TailMark() => _engine.Kv.Log.TailAddress;

    /// <summary>
    /// Drops everything stored below a mark, down to the start of the mark's page. To keep a value that lies below,
    /// read it and upsert it again first. Writer only; call just before a cut. Waits for pages that are still being flushed.
    /// </summary>
    /// <param name="mark">What <see cref="TailMark"/> returned, now or before a restart from a cut taken later.</param>
    public void ShiftBegin(long mark)
    {
        ThrowIfFailed();
        _engine.ShiftBegin(mark);
    }

    internal static ChunkStore Open(
        StoreSettings settings, string folder, CutScheduler scheduler, Ownership ownership, StoreCut? recoverFrom, IReadOnlyCollection<int> sharedSegments) =>
        new(EngineStore<SpanByte>.Open(settings, folder, scheduler, ChunkValueLength.Settings, recoverFrom, sharedSegments), ownership, settings.PageBytes);

    internal StorePart AsPart() => new(
        () => _engine.BeginCheckpoint(_refreshWriter), _engine.CompleteCheckpoint, _engine.CheckpointIndexIfDue, _engine.Prune,
        _engine.VerifyLog, () => _engine.Failure, Close);

    private void Close()
    {
        foreach (Reader reader in _readers)
        {
            reader.Session.Dispose();
        }

        _writer.Dispose();
        _engine.Dispose();
    }

    private Session NewSession() => _engine.Kv.For(new ChunkFunctions()).NewSession<ChunkFunctions>();

    private void ThrowIfFailed()
    {
        if (_engine.Failure is { } failure)
        {
            throw _ownership.Explain("writing to the store", failure);
        }
    }

    private void ThrowTooLong(int length) => throw new ArgumentOutOfRangeException(
        "value", length, $"a value of {length} bytes does not fit in a page: at most {_payloadBytesMax} bytes, see {nameof(PartitionStoreOptions)}");

    private sealed record Reader(Session Session)
    {
        public ChunkRead Read { get; } = new();
    }
}
