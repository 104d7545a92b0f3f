using K4os.Compression.LZ4;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Writes one record of the batches log (docs/formats/event-batch.md), chunk by chunk: times, weights, datasets, then any number of columns. Reusable after
/// <see cref="Finish"/>. Not thread-safe.
/// </summary>
internal sealed class EventBatchWriter
{
    /// <summary>First byte of the record: what kind of record it is.</summary>
    public const byte RecordKind = 1;

    /// <summary>Second byte: the version of the format.</summary>
    public const byte Version = 2;

    /// <summary>Bytes below which a chunk is not compressed: what it would save is less than what it says about it.</summary>
    private const int CompressedMin = 64;

    private readonly ByteWriter _directory = new(1 << 12);
    private readonly ByteWriter _chunks = new(1 << 16);
    private long[] _scaled = [];
    private int _rows;
    private int _columns;
    private long _least, _greatest;

    /// <summary>The body of the chunk that is written next; empty after each.</summary>
    public ByteWriter Body { get; } = new(1 << 14);

    /// <summary>Starts a record and writes the rows' times, Unix ns. The weights' and the datasets' chunks come next.</summary>
    public void Begin(ReadOnlySpan<long> times, ChunkCompression compression)
    {
        Clear();
        _rows = times.Length;
        (_least, _greatest) = WriteTimes(times);
        AddChunk(compression);
    }

    /// <summary>Ends the chunk of a column that so many rows have a value of.</summary>
    public void AddColumn(ReadOnlySpan<byte> name, ColumnType type, int count, ChunkCompression compression)
    {
        _directory.Blob(name);
        _directory.U8((byte)type);
        _directory.Varint((ulong)count);
        AddChunk(compression);
        _columns++;
    }

    /// <summary>Puts the body into a chunk of its own, compressed where that saves an eighth, and clears it.</summary>
    public void AddChunk(ChunkCompression compression)
    {
        var body = Body.Written;
        if (body.Length >= CompressedMin && compression.IsWorthATry())
        {
            var at = _chunks.Length;
            var stored = LZ4Codec.Encode(body, _chunks.Take(LZ4Codec.MaximumOutputSize(body.Length)), LZ4Level.L00_FAST);
            if (compression.Tried(stored <= body.Length - (body.Length >> 3)))
            {
                _chunks.Rewind(at + stored);
                _directory.Varint((ulong)stored);
                _directory.Varint((ulong)body.Length);
                Body.Clear();
                return;
            }

            _chunks.Rewind(at);
        }

        _chunks.Raw(body);
        _directory.Varint((ulong)body.Length);
        _directory.Varint(0);
        Body.Clear();
    }

    /// <summary>The record; the writer starts anew.</summary>
    public byte[] Finish()
    {
        Body.U8(RecordKind);
        Body.U8(Version);
        Body.Varint((ulong)_rows);
        Body.I64(_least);
        Body.I64(_greatest);
        Body.Varint((ulong)_columns);
        byte[] record = [.. Body.Written, .. _directory.Written, .. _chunks.Written];
        Clear();
        return record;
    }

    /// <summary>Starts anew: a record that failed halfway leaves nothing to the next.</summary>
    private void Clear()
    {
        Body.Clear();
        _directory.Clear();
        _chunks.Clear();
        _columns = 0;
    }

    internal static void WriteStrings(ByteWriter w, StringDictionary dictionary)
    {
        w.Varint((ulong)dictionary.Count);
        for (var i = 0; i < dictionary.Count; i++)
        {
            w.Varint((ulong)dictionary[i].Length);
        }

        for (var i = 0; i < dictionary.Count; i++)
        {
            w.Raw(dictionary[i]);
        }
    }

    /// <summary>Writes the times; the least and the greatest of them.</summary>
    private (long Least, long Greatest) WriteTimes(ReadOnlySpan<long> times)
    {
        // Clocks tick in ns, us, ms or s: the coarsest unit that all times share makes the numbers short.
        long unit = 1_000_000_000, least = long.MaxValue, greatest = long.MinValue;
        foreach (var time in times)
        {
            (least, greatest) = (Math.Min(least, time), Math.Max(greatest, time));
            while (time % unit != 0)
            {
                unit /= 1000;
            }
        }

        if (_scaled.Length < times.Length)
        {
            _scaled = new long[Math.Max(times.Length, _scaled.Length * 2)];
        }

        for (var i = 0; i < times.Length; i++)
        {
            _scaled[i] = times[i] / unit;
        }

        Body.I64(unit);
        PackedNumbers.WriteIntegers(Body, _scaled.AsSpan(0, times.Length));
        return (least, greatest);
    }
}
