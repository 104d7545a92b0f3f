using System.Buffers.Binary;

namespace StreamObserve.Broker.Log;

/// <summary>
/// One entry a <see cref="Limits.IndexIntervalBytes"/> of log: the batch of base offset <see cref="Offset"/> starts at
/// <see cref="Position"/>, and no batch of the segment before it has a later time than <see cref="MaxTimestampBefore"/>.
/// </summary>
internal readonly record struct IndexEntry(long Offset, long Position, long MaxTimestampBefore);

/// <summary>The sparse index of a segment: offsets and times to positions. Guarded by the partition's lock.</summary>
internal sealed class SegmentIndex
{
    private const int EntryBytes = 24;
    private const int HeaderBytes = 24;
    private readonly List<IndexEntry> _entries = [];

    /// <summary>The latest time of the segment's records, Unix milliseconds; -1 when none has one.</summary>
    public long MaxTimestamp { get; private set; } = -1;

    /// <summary>The offset after the segment's last record.</summary>
    public long NextOffset { get; private set; }

    /// <summary>Bytes of the segment that the index covers.</summary>
    public long Size { get; private set; }

    /// <summary>Notes a batch that was appended at the end of what the index covers.</summary>
    public void Add(long baseOffset, long lastOffset, long size, long maxTimestamp)
    {
        if (_entries.Count == 0 || Size - _entries[^1].Position >= Limits.IndexIntervalBytes)
        {
            _entries.Add(new IndexEntry(baseOffset, Size, MaxTimestamp));
        }

        Size += size;
        NextOffset = lastOffset + 1;
        MaxTimestamp = Math.Max(MaxTimestamp, maxTimestamp);
    }

    /// <summary>The entry from which a forward scan meets the batch that holds <paramref name="offset"/>.</summary>
    public IndexEntry FloorByOffset(long offset)
    {
        int low = 0, high = _entries.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) >>> 1;
            if (_entries[middle].Offset <= offset)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return _entries.Count == 0 ? default : _entries[low];
    }

    /// <summary>The last entry before which every time is earlier than <paramref name="timestamp"/>.</summary>
    public IndexEntry FloorByTime(long timestamp)
    {
        int low = 0, high = _entries.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) >>> 1;
            if (_entries[middle].MaxTimestampBefore < timestamp)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return _entries.Count == 0 ? default : _entries[low];
    }

    /// <summary>The index as bytes; the layout is in docs/formats/broker-segments.md.</summary>
    public byte[] Export()
    {
        byte[] bytes = new byte[HeaderBytes + (EntryBytes * _entries.Count)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, MaxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(8), NextOffset);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(16), Size);
        Span<byte> at = bytes.AsSpan(HeaderBytes);
        foreach (IndexEntry entry in _entries)
        {
            BinaryPrimitives.WriteInt64BigEndian(at, entry.Offset);
            BinaryPrimitives.WriteInt64BigEndian(at[8..], entry.Position);
            BinaryPrimitives.WriteInt64BigEndian(at[16..], entry.MaxTimestampBefore);
            at = at[EntryBytes..];
        }

        return bytes;
    }

    /// <summary>The index that <see cref="Export"/> wrote; null when the bytes are not one.</summary>
    public static SegmentIndex? Import(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes || (bytes.Length - HeaderBytes) % EntryBytes != 0)
        {
            return null;
        }

        SegmentIndex index = new()
        {
            MaxTimestamp = BinaryPrimitives.ReadInt64BigEndian(bytes),
            NextOffset = BinaryPrimitives.ReadInt64BigEndian(bytes[8..]),
            Size = BinaryPrimitives.ReadInt64BigEndian(bytes[16..]),
        };
        for (ReadOnlySpan<byte> at = bytes[HeaderBytes..]; !at.IsEmpty; at = at[EntryBytes..])
        {
            index._entries.Add(new IndexEntry(
                BinaryPrimitives.ReadInt64BigEndian(at),
                BinaryPrimitives.ReadInt64BigEndian(at[8..]),
                BinaryPrimitives.ReadInt64BigEndian(at[16..])));
        }

        return index;
    }
}
