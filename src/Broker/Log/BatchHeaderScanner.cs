using Microsoft.Win32.SafeHandles;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Log;

/// <summary>Walks the batch headers of a part of a segment; one small read serves neighbouring small batches.</summary>
internal sealed class BatchHeaderScanner(SafeFileHandle file, long start, long end)
{
    private const int WindowBytes = 8 * 1024;
    private readonly byte[] _window = new byte[WindowBytes];
    private long _windowStart = -1;
    private int _windowLength;
    private long _position = start;

    /// <summary>Reads the next batch's header and its position; false at the end, or at bytes that are not a whole batch.</summary>
    public bool TryReadNext(out RecordBatch header, out long position)
    {
        position = _position;
        header = default;
        if (end - position < RecordBatch.HeaderBytes)
        {
            return false;
        }

        if (_windowStart < 0 || position < _windowStart || position + RecordBatch.HeaderBytes > _windowStart + _windowLength)
        {
            _windowStart = position;
            _windowLength = RandomAccess.Read(file, _window, position);
            if (_windowLength < RecordBatch.HeaderBytes)
            {
                return false;
            }
        }

        header = RecordBatch.Read(_window.AsSpan((int)(position - _windowStart)));
        if (!header.IsPlausible(end - position))
        {
            return false;
        }

        _position = position + header.Size;
        return true;
    }
}
