using System.Globalization;
using Microsoft.Win32.SafeHandles;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <summary>
/// One append-only file of record batches, named after its first offset. The partition's lock guards it, except that a reader that
/// holds a lease may read the bytes below the <see cref="Size"/> it saw: they never change, and the file stays open until then.
/// </summary>
internal sealed class LogSegment
{
    private SafeFileHandle? _handle;
    private SegmentIndex? _index;
    private int _leases = 1; // the partition's own

    private LogSegment(string directory, long baseOffset)
    {
        BaseOffset = baseOffset;
        LogPath = Path.Combine(directory, FileName(baseOffset) + ".log");
        IndexPath = Path.Combine(directory, FileName(baseOffset) + ".index");
    }

    public long BaseOffset { get; }

    public string LogPath { get; }

    public string IndexPath { get; }

    /// <summary>Bytes of whole batches.</summary>
    public long Size { get; private set; }

    /// <summary>When the broker opened the segment for appending, Unix milliseconds.</summary>
    public long OpenedMs { get; init; }

    /// <summary>Whether bytes were written since the last fsync.</summary>
    public bool IsDirty { get; set; }

    /// <summary>The offset after the last record, <see cref="BaseOffset"/> when empty.</summary>
    public long NextOffset => Size == 0 ? BaseOffset : Index.NextOffset;

    /// <summary>The index; of a closed segment it is read, or rebuilt from the batches' headers, at the first use.</summary>
    public SegmentIndex Index => _index ??= LoadIndex();

    public SafeFileHandle Handle =>
        _handle ??= File.OpenHandle(LogPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>The name of a segment's files: its base offset in 20 digits.</summary>
    public static string FileName(long baseOffset) => baseOffset.ToString("D20", CultureInfo.InvariantCulture);

    /// <summary>Makes an empty segment.</summary>
    public static LogSegment Create(string directory, long baseOffset, long nowMs) =>
        new LogSegment(directory, baseOffset) { OpenedMs = nowMs, _index = new SegmentIndex() }.Truncate(0);

    /// <summary>Takes over a file that compaction wrote, with its index.</summary>
    public static LogSegment Adopt(string directory, long baseOffset, SegmentIndex index, long nowMs) =>
        new(directory, baseOffset) { OpenedMs = nowMs, _index = index, Size = index.Size };

    /// <summary>Opens an existing file as it is, with an index that loads at its first use.</summary>
    public static LogSegment Open(string directory, long baseOffset, long nowMs)
    {
        LogSegment segment = new(directory, baseOffset) { OpenedMs = nowMs };
        segment.Size = new FileInfo(segment.LogPath).Length;
        return segment;
    }

    /// <summary>Takes an index for the first part of the file, and regards only that part as present.</summary>
    public void ResumeFrom(SegmentIndex index)
    {
        _index = index;
        Size = index.Size;
    }

    /// <summary>Cuts the file.</summary>
    public LogSegment Truncate(long size)
    {
        RandomAccess.SetLength(Handle, size);
        Size = size;
        return this;
    }

    /// <summary>Appends a batch with one write. When that fails, nothing was appended.</summary>
    /// <exception cref="IOException">The write failed, for instance because the disk is full; a retry may help.</exception>
    public void Append(ReadOnlySpan<byte> batch, in RecordBatch header)
    {
        try
        {
            RandomAccess.Write(Handle, batch, Size);
        }
        catch (IOException)
        {
            RandomAccess.SetLength(Handle, Size); // what was written of it
            throw;
        }

        Note(header);
        IsDirty = true;
    }

    /// <summary>Counts a batch in that stands in the file after <see cref="Size"/>.</summary>
    public void Note(in RecordBatch header)
    {
        Index.Add(header.BaseOffset, header.LastOffset, header.Size, header.MaxTimestamp);
        Size += header.Size;
    }

    /// <summary>Writes the index file of a segment that gets no more batches.</summary>
    public void WriteIndexFile() => DurableFile.Replace(IndexPath, Index.Export(), flush: false);

    /// <summary>Keeps the file open until <see cref="Release"/>. Call under the partition's lock.</summary>
    public void Lease() => Interlocked.Increment(ref _leases);

    /// <summary>Ends a lease; the last one closes the file.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _leases) > 0)
        {
            return;
        }

        _handle?.Dispose();
    }

    /// <summary>Ends the partition's own lease and deletes the files; a reader with a lease reads on through the open handle.</summary>
    public void Delete()
    {
        _ = Handle; // a reader with a lease goes on through the open file
        File.Delete(LogPath);
        File.Delete(IndexPath);
        Release();
    }

    /// <summary>As <see cref="Delete"/>, but leaves the file names to whoever replaces the files.</summary>
    public void Detach() => Release();

    private SegmentIndex LoadIndex()
    {
        byte[]? stored = DurableFile.TryRead(IndexPath);
        SegmentIndex? index = stored is null ? null : SegmentIndex.Import(stored);
        if (index is not null && index.Size == Size)
        {
            return index;
        }

        index = new SegmentIndex();
        BatchHeaderScanner scanner = new(Handle, 0, Size);
        while (scanner.TryReadNext(out RecordBatch header, out _))
        {
            index.Add(header.BaseOffset, header.LastOffset, header.Size, header.MaxTimestamp);
        }

        return index;
    }
}
