using FASTER.core;
using Microsoft.Win32.SafeHandles;
using StreamObserve.Storage.Files;

namespace StreamObserve.Storage.Engine;

/// <summary>
/// The device under the file of one index checkpoint: written once, then
/// sealed and never changed. Its checksum goes into the cut's manifest and is verified before the engine reads it.
/// </summary>
internal sealed unsafe class CheckpointFileDevice : StorageDeviceBase, IPageWriteTarget
{
    private readonly string _path;
    private readonly CutScheduler _scheduler;
    private readonly SectorTable _table = new();
    private SafeFileHandle? _handle;
    private volatile Exception? _failure;

    public CheckpointFileDevice(string path, CutScheduler scheduler)
        : base(path, SectorChecksum.SectorBytes, Devices.CAPACITY_UNSPECIFIED)
    {
        _path = path;
        _scheduler = scheduler;
    }

    /// <inheritdoc/>
    public override void Initialize(long segmentSize, LightEpoch? epoch = null, bool omitSegmentIdFromFilename = false) =>
        base.Initialize(-1, epoch, omitSegmentIdFromFilename); // one file, whatever the log's segments are

    /// <inheritdoc/>
    public override void WriteAsync(
        nint sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context) =>
        _scheduler.EnqueueWrite(this, sourceAddress, (long)destinationAddress, WholeSectors(numBytesToWrite), new Completion(callback, numBytesToWrite, context));

    /// <inheritdoc/>
    void IPageWriteTarget.Write(nint source, long offset, uint bytes, Span<byte> slice, object context)
    {
        var completion = (Completion)context;
        try
        {
            if (_failure is null)
            {
                WriteSectors(source, offset, bytes, completion.Bytes, slice);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            _failure = failure;
        }
        finally
        {
            completion.Callback(0, completion.Bytes, completion.Context);
        }
    }

    /// <inheritdoc/>
    public override void ReadAsync(
        int segmentId, ulong sourceAddress, nint destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
    {
        _handle ??= File.OpenHandle(_path);
        var destination = new Span<byte>((void*)destinationAddress, (int)readLength);
        int done = 0;
        while (done < destination.Length)
        {
            int read = RandomAccess.Read(_handle, destination[done..], (long)sourceAddress + done);
            if (read == 0)
            {
                destination[done..].Clear();
                break;
            }

            done += read;
        }

        callback(0, readLength, context);
    }

    /// <summary>Forces the finished file to the disk and closes it. Throws <see cref="IOException"/> if a write failed.</summary>
    public CheckpointFile Seal(bool forceToDisk)
    {
        if (_failure is { } failure)
        {
            throw new IOException($"writing {_path} failed: {failure.Message}", failure);
        }

        if (forceToDisk && _handle is { } handle)
        {
            RandomAccess.FlushToDisk(handle);
        }

        Close();
        return new CheckpointFile(_table.FileBytes, _table.Checksum());
    }

    /// <summary>Closes the file.</summary>
    public void Close() => Interlocked.Exchange(ref _handle, null)?.Dispose();

    /// <inheritdoc/>
    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) => callback(result);

    /// <summary>The engine lets go of the device before the file is sealed; the catalog closes it.</summary>
    public override void Dispose()
    {
    }

    private static uint WholeSectors(uint bytes) =>
        (bytes + SectorChecksum.SectorBytes - 1) / SectorChecksum.SectorBytes * SectorChecksum.SectorBytes;

    // The index is written from memory that ends where its last bucket does: the rest of its last sector is zeros.
    private void WriteSectors(nint source, long offset, uint bytes, uint validBytes, Span<byte> slice)
    {
        _handle ??= File.OpenHandle(_path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        for (uint done = 0; done < bytes;)
        {
            int length = (int)Math.Min(bytes - done, (uint)slice.Length);
            int valid = (int)Math.Clamp((long)validBytes - done, 0, length);
            Span<byte> part = slice[..length];
            new ReadOnlySpan<byte>((void*)(source + (nint)done), valid).CopyTo(part);
            part[valid..].Clear();
            _table.Add(offset + done, part);
            RandomAccess.Write(_handle, part, offset + done);
            done += (uint)length;
        }
    }

    private sealed record Completion(DeviceIOCompletionCallback Callback, uint Bytes, object Context);
}
