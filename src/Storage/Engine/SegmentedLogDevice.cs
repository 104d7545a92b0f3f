using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FASTER.core;
using Microsoft.Win32.SafeHandles;
using StreamObserve.Storage.Files;

namespace StreamObserve.Storage.Engine;

/// <summary>
/// The device under one store's log: segment files with a CRC for every sector (<see cref="SegmentLayout"/>).
/// <list type="bullet">
/// <item>Reads run on the calling thread and verify each sector. A bad one becomes zeros and is counted, so that
/// the engine, which trusts every byte, never parses garbage.</item>
/// <item>Writes run on the scheduler's write-back thread, from a private copy: the engine changes header bits of records
/// while their page is being written, which would void the CRC.</item>
/// <item>A failed write is kept in <see cref="Failure"/> and reported to the engine as done, which keeps the engine from
/// waiting forever; with a failure set no cut is published any more.</item>
/// <item>Segments shared with an earlier epoch (hard links) are copied before a write touches them.</item>
/// <item>Nothing is deleted on the engine's behalf: older cuts still need what the engine has let go of.</item>
/// </list>
/// </summary>
internal sealed unsafe class SegmentedLogDevice : StorageDeviceBase, IPageWriteTarget
{
    private readonly string _folder;
    private readonly SegmentLayout _layout;
    private readonly CutScheduler _scheduler;
    private readonly bool _forceToDisk;
    private readonly ConcurrentDictionary<int, SafeFileHandle> _handles = new();
    private readonly Lock _sectorsAgree = new();
    private readonly Lock _opening = new();
    private readonly HashSet<int> _written = [];
    private readonly HashSet<int> _shared;
    private volatile Exception? _failure;
    private long _writesQueued;
    private long _damagedSectors;
    private bool _folderChanged = true;

    /// <param name="folder">The store's folder; exists.</param>
    /// <param name="layout">Layout of its segment files.</param>
    /// <param name="scheduler">Runs the writes.</param>
    /// <param name="forceToDisk">Whether <see cref="MakeDurable"/> uses fsync.</param>
    /// <param name="sharedSegments">Segments that are hard links to another epoch's files.</param>
    /// <param name="segments">First and last segment present, or (0, -1).</param>
    public SegmentedLogDevice(
        string folder, SegmentLayout layout, CutScheduler scheduler, bool forceToDisk, IEnumerable<int> sharedSegments, (int First, int Last) segments)
        : base(folder, SectorChecksum.SectorBytes, Devices.CAPACITY_UNSPECIFIED)
    {
        _folder = folder;
        _layout = layout;
        _scheduler = scheduler;
        _forceToDisk = forceToDisk;
        _shared = [.. sharedSegments];
        startSegment = segments.First;
        endSegment = segments.Last;
    }

    /// <summary>The first failed write, if any.</summary>
    public Exception? Failure => _failure;

    /// <summary>Sectors that failed their CRC when read, since the device was opened.</summary>
    public long DamagedSectorCount => Interlocked.Read(ref _damagedSectors);

    /// <inheritdoc/>
    public override void WriteAsync(
        nint sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        Interlocked.Increment(ref _writesQueued);
        long offset = ((long)segmentId * _layout.SegmentBytes) + (long)destinationAddress;
        _scheduler.EnqueueWrite(this, sourceAddress, offset, numBytesToWrite, new Completion(callback, context));
    }

    /// <inheritdoc/>
    void IPageWriteTarget.Write(nint source, long offset, uint bytes, Span<byte> slice, object context)
    {
        try
        {
            if (_failure is null)
            {
                WriteSectors(source, (int)(offset / _layout.SegmentBytes), offset % _layout.SegmentBytes, bytes, slice);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            _failure = failure;
        }
        finally
        {
            var completion = (Completion)context;
            completion.Callback(0, bytes, completion.Context);
            Interlocked.Decrement(ref _writesQueued);
        }
    }

    /// <inheritdoc/>
    public override void ReadAsync(
        int segmentId, ulong sourceAddress, nint destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
    {
        ReadSectors(segmentId, (long)sourceAddress, new Span<byte>((void*)destinationAddress, (int)readLength));
        callback(0, readLength, context);
    }

    /// <summary>Makes everything written so far survive a power failure. Throws <see cref="IOException"/> if it cannot.</summary>
    public void MakeDurable()
    {
        if (_failure is { } failure)
        {
            throw new IOException($"writing the log in {_folder} failed: {failure.Message}", failure);
        }

        int[] written;
        bool folderChanged;
        lock (_written)
        {
            written = [.. _written];
            _written.Clear();
            folderChanged = _folderChanged;
            _folderChanged = false;
        }

        if (!_forceToDisk)
        {
            return;
        }

        foreach (int segment in written)
        {
            if (File.Exists(PathOf(segment)))
            {
                RandomAccess.FlushToDisk(Handle(segment, forWriting: true));
            }
        }

        if (folderChanged)
        {
            PosixFiles.ForceFolder(_folder);
        }
    }

    /// <summary>
    /// Reads the bytes of the sector that contains <paramref name="address"/> up to it. Later writes
    /// extend that sector but keep these bytes.
    /// </summary>
    public byte[] ReadSectorPrefix(long address)
    {
        int length = (int)(address % SectorChecksum.SectorBytes);
        if (length == 0)
        {
            return [];
        }

        byte[] prefix = new byte[length];
        int segment = (int)(address / _layout.SegmentBytes);
        if (File.Exists(PathOf(segment)))
        {
            long start = address % _layout.SegmentBytes / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;
            ReadFully(Handle(segment, forWriting: false), prefix, _layout.DataOffset + start);
        }

        return prefix;
    }

    /// <summary>
    /// Verifies the sectors of a log range by their CRC.
    /// </summary>
    /// <param name="from">First address; its sector is included.</param>
    /// <param name="until">Address behind the range, rounded down to a sector.</param>
    /// <returns>File name and reason of the first damaged sector, or null.</returns>
    public (string File, string Reason)? Verify(long from, long until)
    {
        byte[] buffer = new byte[Limits.WriteSliceBytes];
        long address = from / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;
        long end = until / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;
        while (address < end)
        {
            int segment = (int)(address / _layout.SegmentBytes);
            long offset = address % _layout.SegmentBytes;
            int length = (int)Math.Min(Math.Min(buffer.Length, end - address), _layout.SegmentBytes - offset);
            int bad = ReadSectors(segment, offset, buffer.AsSpan(0, length));
            if (bad >= 0)
            {
                return (SegmentLayout.FileName(segment), $"the sector at log address {address + ((long)bad * SectorChecksum.SectorBytes)} fails its CRC");
            }

            address += length;
        }

        return null;
    }

    /// <summary>Deletes the segment files below an address.</summary>
    public void DeleteBelow(long address)
    {
        int end = (int)(address / _layout.SegmentBytes);
        int first = startSegment;
        for (int segment = first; segment < end; segment++)
        {
            if (_handles.TryRemove(segment, out SafeFileHandle? handle))
            {
                handle.Dispose();
            }

            File.Delete(PathOf(segment));
            startSegment = segment + 1;
        }

        if (end > first)
        {
            lock (_written)
            {
                _written.RemoveWhere(segment => segment < end);
                _shared.RemoveWhere(segment => segment < end);
                _folderChanged = true;
            }
        }
    }

    /// <inheritdoc/>
    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) => callback(result);

    /// <inheritdoc/>
    public override void TruncateUntilAddressAsync(long toAddress, AsyncCallback callback, IAsyncResult result) => callback(result);

    /// <inheritdoc/>
    public override void TruncateUntilAddress(long toAddress)
    {
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        SpinWait.SpinUntil(() => Interlocked.Read(ref _writesQueued) == 0);
        foreach (SafeFileHandle handle in _handles.Values)
        {
            handle.Dispose();
        }

        _handles.Clear();
    }

    private string PathOf(int segment) => Path.Combine(_folder, SegmentLayout.FileName(segment));

    private void WriteSectors(nint source, int segment, long offset, uint bytes, Span<byte> slice)
    {
        SafeFileHandle handle = HandleForWriting(segment);
        Span<uint> checksums = stackalloc uint[Limits.WriteSliceBytes / SectorChecksum.SectorBytes];
        for (uint done = 0; done < bytes;)
        {
            int length = (int)Math.Min(bytes - done, (uint)slice.Length);
            Span<byte> part = slice[..length];
            new ReadOnlySpan<byte>((void*)(source + (nint)done), length).CopyTo(part);
            int sectors = length / SectorChecksum.SectorBytes;
            for (int i = 0; i < sectors; i++)
            {
                checksums[i] = SectorChecksum.Of(part.Slice(i * SectorChecksum.SectorBytes, SectorChecksum.SectorBytes));
            }

            long at = offset + done;
            lock (_sectorsAgree)
            {
                RandomAccess.Write(handle, part, _layout.DataOffset + at);
                RandomAccess.Write(
                    handle, MemoryMarshal.AsBytes(checksums[..sectors]), _layout.TableEntryOffset(at / SectorChecksum.SectorBytes));
            }

            done += (uint)length;
        }

        lock (_written)
        {
            _written.Add(segment);
        }
    }

    /// <summary>Reads and verifies whole sectors; returns the index of the first bad one, or -1. Bad ones are zeroed.</summary>
    [SkipLocalsInit]
    private int ReadSectors(int segment, long offset, Span<byte> destination)
    {
        int firstBad = -1;
        Span<uint> checksums = stackalloc uint[Limits.WriteSliceBytes / SectorChecksum.SectorBytes];
        for (int done = 0; done < destination.Length;)
        {
            Span<byte> part = destination.Slice(done, Math.Min(destination.Length - done, Limits.WriteSliceBytes));
            Span<uint> expected = checksums[..(part.Length / SectorChecksum.SectorBytes)];
            bool isRead = TryReadPart(segment, offset + done, part, expected);
            int bad = isRead ? FirstBadSector(part, expected, 0) : 0;
            if (bad >= 0 && isRead)
            {
                // The log's last sector is written again as it fills, and its checksum after it: look once more
                // while nothing is being written. What is bad then is damaged.
                lock (_sectorsAgree)
                {
                    isRead = TryReadPart(segment, offset + done, part, expected);
                }

                bad = isRead ? FirstBadSector(part, expected, 0) : 0;
            }

            if (!isRead)
            {
                expected.Clear();
            }

            for (; bad >= 0; bad = FirstBadSector(part, expected, bad + 1))
            {
                part.Slice(bad * SectorChecksum.SectorBytes, SectorChecksum.SectorBytes).Clear();
                DamagedSectors.Count();
                Interlocked.Increment(ref _damagedSectors);
                firstBad = firstBad < 0 ? (done / SectorChecksum.SectorBytes) + bad : firstBad;
            }

            done += part.Length;
        }

        return firstBad;
    }

    private static int FirstBadSector(ReadOnlySpan<byte> data, ReadOnlySpan<uint> expected, int from)
    {
        for (int i = from; i < expected.Length; i++)
        {
            if (expected[i] == SectorChecksum.NeverWritten
                || SectorChecksum.Of(data.Slice(i * SectorChecksum.SectorBytes, SectorChecksum.SectorBytes)) != expected[i])
            {
                return i;
            }
        }

        return -1;
    }

    private bool TryReadPart(int segment, long offset, Span<byte> data, Span<uint> checksums)
    {
        // A reader may find a handle that another one has just closed to stay under the limit: open it again.
        for (int attempt = 0; attempt < 3; attempt++)
        {
            try
            {
                SafeFileHandle handle = Handle(segment, forWriting: false);
                int read = ReadFully(handle, data, _layout.DataOffset + offset);
                data[read..].Clear();
                Span<byte> table = MemoryMarshal.AsBytes(checksums);
                read = ReadFully(handle, table, _layout.TableEntryOffset(offset / SectorChecksum.SectorBytes));
                table[read..].Clear();
                return true;
            }
            catch (ObjectDisposedException)
            {
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }

        return false;
    }

    private static int ReadFully(SafeFileHandle handle, Span<byte> destination, long offset)
    {
        int done = 0;
        while (done < destination.Length)
        {
            int read = RandomAccess.Read(handle, destination[done..], offset + done);
            if (read == 0)
            {
                break;
            }

            done += read;
        }

        return done;
    }

    private SafeFileHandle HandleForWriting(int segment)
    {
        bool shared;
        lock (_written)
        {
            shared = _shared.Remove(segment);
        }

        if (shared)
        {
            MakePrivate(segment);
        }

        bool isNew = !File.Exists(PathOf(segment));
        SafeFileHandle handle = Handle(segment, forWriting: true);
        if (isNew)
        {
            Span<byte> header = stackalloc byte[SegmentLayout.HeaderLength];
            _layout.WriteHeader(header, segment);
            RandomAccess.Write(handle, header, 0);
            if (segment > endSegment)
            {
                endSegment = segment;
            }

            lock (_written)
            {
                _folderChanged = true;
            }
        }

        return handle;
    }

    // The linked file belongs to an earlier epoch too: replace our name of it by a copy of our own.
    private void MakePrivate(int segment)
    {
        string path = PathOf(segment);
        if (!File.Exists(path))
        {
            return;
        }

        string copy = path + ".tmp";
        File.Copy(path, copy, overwrite: true);
        lock (_opening)
        {
            // A reader that opened the path in between would hand us the linked file's handle to write to.
            if (_handles.TryRemove(segment, out SafeFileHandle? linked))
            {
                linked.Dispose();
            }

            File.Move(copy, path, overwrite: true);
        }

        lock (_written)
        {
            _folderChanged = true;
        }
    }

    private SafeFileHandle Handle(int segment, bool forWriting)
    {
        if (_handles.TryGetValue(segment, out SafeFileHandle? handle))
        {
            return handle;
        }

        if (_handles.Count >= Limits.OpenSegmentsMax)
        {
            CloseOldSegments();
        }

        lock (_opening)
        {
            if (!_handles.TryGetValue(segment, out handle))
            {
                handle = File.OpenHandle(
                    PathOf(segment), forWriting ? FileMode.OpenOrCreate : FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
                _handles[segment] = handle;
            }

            return handle;
        }
    }

    private void CloseOldSegments()
    {
        // The two newest segments are the ones being written; their handles stay.
        foreach (int segment in _handles.Keys)
        {
            if (segment < endSegment - 1 && _handles.TryRemove(segment, out SafeFileHandle? handle))
            {
                handle.Dispose();
            }
        }
    }

    private sealed record Completion(DeviceIOCompletionCallback Callback, object Context);
}
