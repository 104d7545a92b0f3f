using Microsoft.Win32.SafeHandles;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Log;

/// <summary>
/// Where a reader's next bytes lie: a part of one segment, kept open by a lease until <see cref="Dispose"/>, and the partition's
/// offsets at that moment.
/// </summary>
internal readonly struct FetchSlice : IDisposable
{
    private readonly LogSegment? _segment;

    public FetchSlice(ErrorCode error, long highWatermark, long lastStableOffset, long logStartOffset)
    {
        Error = error;
        HighWatermark = highWatermark;
        LastStableOffset = lastStableOffset;
        LogStartOffset = logStartOffset;
    }

    public FetchSlice(
        LogSegment? segment, long position, long length, long limitOffset, long highWatermark, long lastStableOffset, long logStartOffset)
        : this(ErrorCode.None, highWatermark, lastStableOffset, logStartOffset)
    {
        _segment = segment;
        Position = position;
        Length = length;
        LimitOffset = limitOffset;
    }

    public ErrorCode Error { get; }

    public long HighWatermark { get; }

    public long LastStableOffset { get; }

    public long LogStartOffset { get; }

    /// <summary>The slice's first byte in the segment: the start of the batch that holds the wanted offset.</summary>
    public long Position { get; }

    /// <summary>Bytes of whole batches from there to the end of the segment; some may lie past <see cref="LimitOffset"/>.</summary>
    public long Length { get; }

    /// <summary>The offset before which the reader must stop.</summary>
    public long LimitOffset { get; }

    public SafeFileHandle File => _segment!.Handle;

    /// <summary>The segment; null when there is nothing to read.</summary>
    public LogSegment? Segment => _segment;

    public void Dispose() => _segment?.Release();
}
