namespace StreamObserve.Broker.Records;

/// <summary>One record inside a batch; the spans live as long as the batch's bytes.</summary>
internal readonly ref struct Record(
    ReadOnlySpan<byte> bytes, long timestampDelta, int offsetDelta, bool hasKey, ReadOnlySpan<byte> key, bool hasValue, ReadOnlySpan<byte> value)
{
    /// <summary>The whole record with its length prefix.</summary>
    public ReadOnlySpan<byte> Bytes { get; } = bytes;

    public long TimestampDelta { get; } = timestampDelta;

    public int OffsetDelta { get; } = offsetDelta;

    public bool HasKey { get; } = hasKey;

    public ReadOnlySpan<byte> Key { get; } = key;

    /// <summary>False for a tombstone.</summary>
    public bool HasValue { get; } = hasValue;

    public ReadOnlySpan<byte> Value { get; } = value;
}

/// <summary>Walks the uncompressed records of a batch. Ends at the first that is not well formed.</summary>
internal ref struct RecordReader(ReadOnlySpan<byte> records)
{
    private readonly ReadOnlySpan<byte> _records = records;
    private int _position;

    /// <summary>Reads the next record; false at the end or at bytes that are not a record.</summary>
    public bool TryReadNext(out Record record)
    {
        record = default;
        int start = _position;
        if (!TryReadVarint(_records, ref _position, out long length) || length < 0 || length > _records.Length - _position)
        {
            return false;
        }

        ReadOnlySpan<byte> body = _records.Slice(_position, (int)length);
        _position += (int)length;
        int at = 1;
        if (body.IsEmpty
            || !TryReadVarint(body, ref at, out long timestampDelta)
            || !TryReadVarint(body, ref at, out long offsetDelta)
            || !TryReadBytes(body, ref at, out bool hasKey, out ReadOnlySpan<byte> key)
            || !TryReadBytes(body, ref at, out bool hasValue, out ReadOnlySpan<byte> value))
        {
            return false;
        }

        record = new Record(_records[start.._position], timestampDelta, (int)offsetDelta, hasKey, key, hasValue, value);
        return true;
    }

    private static bool TryReadBytes(ReadOnlySpan<byte> body, scoped ref int at, out bool present, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        present = false;
        if (!TryReadVarint(body, ref at, out long length) || length > body.Length - at)
        {
            return false;
        }

        if (length >= 0)
        {
            present = true;
            bytes = body.Slice(at, (int)length);
            at += (int)length;
        }

        return true;
    }

    // zig-zag LEB128, at most 64 bits
    private static bool TryReadVarint(ReadOnlySpan<byte> data, ref int at, out long value)
    {
        ulong raw = 0;
        value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (at >= data.Length)
            {
                return false;
            }

            byte next = data[at++];
            raw |= (ulong)(next & 0x7F) << shift;
            if ((next & 0x80) == 0)
            {
                value = (long)(raw >> 1) ^ -(long)(raw & 1);
                return true;
            }
        }

        return false;
    }
}
