using K4os.Compression.LZ4;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Reads records of the batches log (docs/formats/event-batch.md) into <see cref="EventBatch"/>es. Keeps the field names it has seen, so that a batch does not
/// make them anew: one reader a partition, not thread-safe.
/// </summary>
/// <param name="numbering">Numbers the texts of the batches that it reads; null = nothing does.</param>
public sealed class EventBatchReader(TextNumbering? numbering = null) : IDisposable
{
    /// <summary>The version before columns were packed by themselves, which is still read.</summary>
    private const byte WholeVersion = 1;

    private readonly StringDictionary _nameIndex = new();
    private readonly List<string> _names = [];
    private readonly List<byte[]> _unpacked = [];
    private byte[] _packed = [];
    private int _unpackedUsed;

    /// <summary>True when the record is an event batch.</summary>
    public static bool IsEventBatch(ReadOnlySpan<byte> record) => record.Length > 2 && record[0] == EventBatchWriter.RecordKind;

    /// <summary>Gives back what the last view is over: it ends.</summary>
    public void EndView()
    {
        foreach (var bytes in _unpacked)
        {
            LentArrays.Return(bytes);
        }

        _unpacked.Clear();
        _unpackedUsed = 0;
    }

    /// <summary>Gives the reader's memory back: its last view ends.</summary>
    public void Dispose()
    {
        LentArray.Return(ref _packed);
        EndView();
    }

    /// <summary>Decodes a record. Throws <see cref="FormatException"/> on damage: the log's own CRC makes that a bug, not an expected outcome.</summary>
    public EventBatch Read(ReadOnlyMemory<byte> record) => Layout(record) is { } layout ? Read(layout) : ReadWhole(record.Span);

    /// <summary>Decodes the record of a layout.</summary>
    public EventBatch Read(EventBatchLayout layout)
    {
        var rows = layout.Rows;
        var times = ReadTimes(layout);
        var r = new ByteReader(Unpack(layout.Weights));
        var weights = layout.Weights.IsEmpty ? null : PackedNumbers.ReadFloats(ref r, rows);
        r = new(Unpack(layout.Datasets));
        var datasets = ReadStrings(ref r);
        var datasetCodes = PackedNumbers.ReadCodes(ref r, rows, datasets.Count);
        var columns = new List<NamedColumn>(layout.Columns.Count);
        var quota = numbering is null ? null : new TextNumbersQuota();
        foreach (var column in layout.Columns)
        {
            r = new(Unpack(column.Chunk));
            columns.Add(new(column.Name, ReadVector(ref r, ref r, column.Type, column.Count, rows, column.Name, quota)));
        }

        return new EventBatch(times, weights, datasetCodes, datasets, columns);
    }

    /// <summary>
    /// Where the columns of a record lie; it refers to the record's memory. Null for one of the version before, of which a column can't be had alone. Throws
    /// <see cref="FormatException"/> on damage.
    /// </summary>
    public EventBatchLayout? Layout(ReadOnlyMemory<byte> record)
    {
        var head = new ByteReader(record.Span);
        var kind = head.U8();
        var version = head.U8();
        if (kind != EventBatchWriter.RecordKind || version is not (WholeVersion or EventBatchWriter.Version))
        {
            throw new FormatException($"not an event batch this version reads: kind {kind}, version {version}");
        }

        return version == WholeVersion ? null : new(record, head.Position, Name);
    }

    /// <summary>Opens a record without decoding its columns. Valid until this reader opens the next one, or is disposed of.</summary>
    /// <param name="layout">Where the columns lie.</param>
    /// <param name="numbers">Keeps the numbers of the record's texts; null = they have none.</param>
    public EventBatchView View(EventBatchLayout layout, RecordTextNumbers? numbers = null)
    {
        _unpackedUsed = 0;
        return new(layout, this, numbers);
    }

    /// <summary>A chunk's bytes: in place, or unpacked into memory that is the reader's until the next view.</summary>
    internal ReadOnlyMemory<byte> UnpackForView(EventBatchLayout.Chunk chunk)
    {
        if (chunk.RawLength == 0)
        {
            return chunk.Stored;
        }

        if (_unpackedUsed == _unpacked.Count)
        {
            _unpacked.Add([]);
        }

        var bytes = _unpacked[_unpackedUsed];
        if (bytes.Length < chunk.RawLength)
        {
            LentArrays.Return(bytes);
            _unpacked[_unpackedUsed] = bytes = LentArrays.Rent<byte>(chunk.RawLength);
        }

        _unpackedUsed++;
        Unpack(chunk, bytes);
        return bytes.AsMemory(0, chunk.RawLength);
    }

    internal static long[] ReadTimes(ref ByteReader r, int rows)
    {
        var unit = r.I64();
        var times = PackedNumbers.ReadIntegers(ref r, rows);
        if (unit != 1)
        {
            for (var i = 0; i < times.Length; i++)
            {
                times[i] *= unit;
            }
        }

        return times;
    }

    private long[] ReadTimes(EventBatchLayout layout)
    {
        var r = new ByteReader(Unpack(layout.Times));
        return ReadTimes(ref r, layout.Rows);
    }

    /// <summary>A chunk's bytes: in place, or unpacked into memory that is the reader's until the next call.</summary>
    private ReadOnlySpan<byte> Unpack(EventBatchLayout.Chunk chunk)
    {
        if (chunk.RawLength == 0)
        {
            return chunk.Stored.Span;
        }

        var bytes = LentArray.Room(ref _packed, chunk.RawLength);
        Unpack(chunk, bytes);
        return bytes;
    }

    private static void Unpack(EventBatchLayout.Chunk chunk, Span<byte> into)
    {
        var decoded = LZ4Codec.Decode(chunk.Stored.Span, into[..chunk.RawLength]);
        if (decoded != chunk.RawLength)
        {
            throw new FormatException($"a chunk of an event batch unpacked to {decoded} bytes, {chunk.RawLength} were said");
        }
    }

    /// <summary>Decodes a record of version 1: all columns one after the other, compressed together, the bytes of hexadecimal text apart.</summary>
    private EventBatch ReadWhole(ReadOnlySpan<byte> record)
    {
        var head = new ByteReader(record);
        head.Take(2);
        var rows = head.Count();
        var plainLength = head.Count();
        var packedLength = head.Count();
        var plain = new ByteReader(head.Take(plainLength));
        var packed = LentArray.Room(ref _packed, packedLength);
        var decoded = LZ4Codec.Decode(head.Take(head.Remaining), packed);
        if (decoded != packedLength)
        {
            throw new FormatException($"an event batch unpacked to {decoded} bytes, {packedLength} were said");
        }

        var r = new ByteReader(packed);
        var times = ReadTimes(ref r, rows);
        var weights = r.U8() == 0 ? null : PackedNumbers.ReadFloats(ref r, rows);
        var datasets = ReadStrings(ref r);
        var datasetCodes = PackedNumbers.ReadCodes(ref r, rows, datasets.Count);
        var columns = new List<NamedColumn>();
        for (var left = r.Count(); left > 0; left--)
        {
            var name = Name(r.Blob());
            var type = (ColumnType)r.U8();
            var count = r.Count();
            var vector = ReadVector(ref r, ref plain, type, count, rows, name, null);
            if (count > 0)
            {
                columns.Add(new(name, vector));
            }
        }

        return new EventBatch(times, weights, datasetCodes, datasets, columns);
    }

    private ColumnVector ReadVector(ref ByteReader r, ref ByteReader plain, ColumnType type, int count, int rows, string name, TextNumbersQuota? quota)
    {
        var presence = count < rows && count > 0 ? r.Words((rows + 63) >> 6) : null;
        switch (type)
        {
            case ColumnType.Dictionary:
                var dictionary = ReadStrings(ref r);
                var numbers = quota is not null && dictionary.Count >= TextNumbers.EntriesMin ? new KeptTextNumbers(numbering!, name, quota) : null;
                return ColumnVector.OfDictionary(rows, presence, PackedNumbers.ReadCodes(ref r, count, dictionary.Count), dictionary, numbers);
            case ColumnType.Text:
                return ColumnVector.OfText(rows, presence, ReadStrings(ref r, count));
            case ColumnType.Hex:
                var width = r.U8();
                return ColumnVector.OfHex(rows, presence, plain.Take(checked(count * width)).ToArray(), width);
            case ColumnType.Integer:
                return ColumnVector.OfIntegers(rows, presence, PackedNumbers.ReadIntegers(ref r, count));
            case ColumnType.Float:
                return ColumnVector.OfFloats(rows, presence, PackedNumbers.ReadFloats(ref r, count));
            case ColumnType.Bool:
                return ColumnVector.OfBools(rows, presence, PackedNumbers.ReadIntegers(ref r, count));
            default:
                throw new FormatException($"a column of type {(int)type}");
        }
    }

    private string Name(ReadOnlySpan<byte> utf8)
    {
        if (_names.Count >= Limits.RememberedFieldsMax && _nameIndex.Find(utf8) < 0)
        {
            _nameIndex.Clear();
            _names.Clear();
        }

        var code = _nameIndex.Add(utf8);
        if (code == _names.Count)
        {
            _names.Add(System.Text.Encoding.UTF8.GetString(utf8));
        }

        return _names[code];
    }

    private static Utf8Strings ReadStrings(ref ByteReader r) => ReadStrings(ref r, r.Count());

    private static Utf8Strings ReadStrings(ref ByteReader r, int count)
    {
        var offsets = EventBatchLayout.ReadOffsets(ref r, count);
        return new(r.Take(offsets[count]).ToArray(), offsets);
    }
}
