using K4os.Compression.LZ4;

namespace StreamObserve.Core.Columns;

/// <summary>A column of a segment under its field's name.</summary>
public sealed record NamedColumn(string Name, ColumnVector Vector);

/// <summary>
/// Rows held as decoded columns: a batch read from the log, or rows chosen from one. Immutable and safe to share between threads.
/// Times are unix nanoseconds of the events; weights are the clients' sample rates times ours; datasets are codes into a dictionary.
/// </summary>
public sealed class EventBatch : IRowSegment
{
    /// <summary>From decoded columns. <paramref name="weights"/> null = every row stands for one event.</summary>
    public EventBatch(long[] timesNs, double[]? weights, int[] datasetCodes, Utf8Strings datasets, IReadOnlyList<NamedColumn> columns, bool isSampled = false)
    {
        IsSampled = isSampled;
        TimesNs = timesNs;
        Weights = weights;
        DatasetCodes = datasetCodes;
        Datasets = datasets;
        Columns = columns;
        long min = long.MaxValue, max = long.MinValue;
        foreach (var time in timesNs)
        {
            min = Math.Min(min, time);
            max = Math.Max(max, time);
        }

        (MinTimeNs, MaxTimeNs) = (min, max);
    }

    /// <summary>How many rows.</summary>
    public int Rows => TimesNs.Length;

    /// <summary>Event times, unix nanoseconds.</summary>
    public long[] TimesNs { get; }

    /// <summary>How many events each row stands for; null = one.</summary>
    public double[]? Weights { get; }

    /// <inheritdoc/>
    public bool IsSampled { get; }

    /// <summary>Each row's dataset, as a code into <see cref="Datasets"/>.</summary>
    public int[] DatasetCodes { get; }

    /// <summary>Names of the datasets, lower-case.</summary>
    public Utf8Strings Datasets { get; }

    /// <summary>All columns; a field of several types has several.</summary>
    public IReadOnlyList<NamedColumn> Columns { get; }

    /// <summary>Earliest event time.</summary>
    public long MinTimeNs { get; }

    /// <summary>Latest event time.</summary>
    public long MaxTimeNs { get; }

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => Columns.Select(column => column.Name).Distinct();

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        foreach (var column in Columns)
        {
            if (column.Name == field)
            {
                into.Add(column.Vector);
            }
        }

        if (into.Count == 0 && field == DatasetField)
        {
            into.Add(ColumnVector.OfDictionary(Rows, null, DatasetCodes, Datasets));
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Querying.Condition.Match match) => false;

    /// <summary>The field under which a query reaches a row's dataset, unless events have a field of that name.</summary>
    public const string DatasetField = "dataset";

    /// <summary>Estimate of the memory held.</summary>
    public long MemoryBytes
    {
        get
        {
            long bytes = 64 + (Rows * 12L) + (Weights is null ? 0 : Rows * 8L) + Datasets.ByteCount;
            foreach (var column in Columns)
            {
                var v = column.Vector;
                bytes += 160 + (v.Codes.Length * 4L) + (v.Integers.Length * 8L) + (v.Floats.Length * 8L) + v.HexBytes.Length + v.Strings.ByteCount + (v.Strings.Count * 4L)
                    + ((v.Presence?.Length ?? 0) * 8L);
            }

            return bytes;
        }
    }
}

/// <summary>
/// Reads records of the batches log (docs/formats/event-batch.md) into <see cref="EventBatch"/>es. Keeps the field names it has seen, so that a batch does not
/// make them anew: one reader a partition, not thread-safe.
/// </summary>
public sealed class EventBatchReader : IDisposable
{
    private readonly StringDictionary _nameIndex = new();
    private readonly List<string> _names = [];
    private byte[] _packed = [];

    /// <summary>True when the record is an event batch of a version that this reader knows.</summary>
    public static bool IsEventBatch(ReadOnlySpan<byte> record) => record.Length > 2 && record[0] == EventBatchBuilder.RecordKind;

    /// <summary>Gives the reader's memory back: its last view ends.</summary>
    public void Dispose() => LentArray.Return(ref _packed);

    /// <summary>Decodes a record. Throws <see cref="FormatException"/> on damage: the log's own CRC makes that a bug, not an expected outcome.</summary>
    public EventBatch Read(ReadOnlySpan<byte> record)
    {
        var head = UnpackHere(record);
        return Read(_packed.AsSpan(0, head.PackedLength), record.Slice(head.PlainAt, head.PlainLength), head.Rows);
    }

    /// <summary>Decodes an unpacked record.</summary>
    public EventBatch Read(EventBatchLayout layout) => Read(layout.Bytes.Span, layout.Plain.Span, layout.Rows);

    private EventBatch Read(ReadOnlySpan<byte> packed, ReadOnlySpan<byte> plainPart, int rows)
    {
        var plain = new ByteReader(plainPart);
        var r = new ByteReader(packed);
        var unit = r.I64();
        var times = PackedNumbers.ReadIntegers(ref r, rows);
        if (unit != 1)
        {
            for (var i = 0; i < times.Length; i++)
            {
                times[i] *= unit;
            }
        }

        var weights = r.U8() == 0 ? null : PackedNumbers.ReadFloats(ref r, rows);
        var datasets = ReadStrings(ref r);
        var datasetCodes = PackedNumbers.ReadCodes(ref r, rows, datasets.Count);
        var columns = new List<NamedColumn>();
        for (var left = r.Count(); left > 0; left--)
        {
            ReadColumn(ref r, ref plain, rows, columns);
        }

        return new EventBatch(times, weights, datasetCodes, datasets, columns);
    }

    /// <summary>
    /// Opens a record without decoding its columns. Valid until this reader opens or reads the next one, or is disposed of. Throws <see cref="FormatException"/> on damage.
    /// </summary>
    public EventBatchView View(ReadOnlyMemory<byte> record)
    {
        var head = UnpackHere(record.Span);
        return new(new EventBatchLayout(_packed.AsMemory(0, head.PackedLength), record.Slice(head.PlainAt, head.PlainLength), head.Rows, utf8 => Name(utf8.Span)));
    }

    /// <summary>Unpacks a record into memory of its own, some <see cref="LayoutBytes"/>. Throws <see cref="FormatException"/> on damage.</summary>
    public EventBatchLayout Layout(ReadOnlySpan<byte> record)
    {
        var head = HeadOf(record);
        var packed = GC.AllocateUninitializedArray<byte>(head.PackedLength);
        Unpack(record, head, packed);
        return new(packed, record.Slice(head.PlainAt, head.PlainLength).ToArray(), head.Rows, utf8 => Name(utf8.Span));
    }

    /// <summary>Bytes of memory that a record's layout takes, about.</summary>
    public static long LayoutBytes(ReadOnlySpan<byte> record)
    {
        var head = HeadOf(record);
        return head.PackedLength + head.PlainLength + (head.Rows * 8L);
    }

    private static RecordHead HeadOf(ReadOnlySpan<byte> record)
    {
        var head = new ByteReader(record);
        var kind = head.U8();
        var version = head.U8();
        if (kind != EventBatchBuilder.RecordKind || version != EventBatchBuilder.Version)
        {
            throw new FormatException($"not an event batch this version reads: kind {kind}, version {version}");
        }

        var rows = head.Count();
        var plainLength = head.Count();
        var packedLength = head.Count();
        return new(rows, packedLength, head.Position, plainLength);
    }

    /// <summary>Unpacks a record's packed part into the reader's memory.</summary>
    private RecordHead UnpackHere(ReadOnlySpan<byte> record)
    {
        var head = HeadOf(record);
        Unpack(record, head, LentArray.Room(ref _packed, head.PackedLength));
        return head;
    }

    private static void Unpack(ReadOnlySpan<byte> record, RecordHead head, Span<byte> into)
    {
        var rest = new ByteReader(record[head.PlainAt..]);
        rest.Take(head.PlainLength);
        var decoded = LZ4Codec.Decode(rest.Take(rest.Remaining), into);
        if (decoded != head.PackedLength)
        {
            throw new FormatException($"an event batch unpacked to {decoded} bytes, {head.PackedLength} were said");
        }
    }

    private void ReadColumn(ref ByteReader r, ref ByteReader plain, int rows, List<NamedColumn> columns)
    {
        var name = Name(r.Blob());
        var type = (ColumnType)r.U8();
        var count = r.Count();
        var presence = count < rows && count > 0 ? r.Words((rows + 63) >> 6) : null;
        ColumnVector vector;
        switch (type)
        {
            case ColumnType.Dictionary:
                var dictionary = ReadStrings(ref r);
                vector = ColumnVector.OfDictionary(rows, presence, PackedNumbers.ReadCodes(ref r, count, dictionary.Count), dictionary);
                break;
            case ColumnType.Text:
                vector = ColumnVector.OfText(rows, presence, ReadStrings(ref r, count));
                break;
            case ColumnType.Hex:
                var width = r.U8();
                vector = ColumnVector.OfHex(rows, presence, plain.Take(count * width).ToArray(), width);
                break;
            case ColumnType.Integer:
                vector = ColumnVector.OfIntegers(rows, presence, PackedNumbers.ReadIntegers(ref r, count));
                break;
            case ColumnType.Float:
                vector = ColumnVector.OfFloats(rows, presence, PackedNumbers.ReadFloats(ref r, count));
                break;
            case ColumnType.Bool:
                vector = ColumnVector.OfBools(rows, presence, PackedNumbers.ReadIntegers(ref r, count));
                break;
            default:
                throw new FormatException($"column {name} of type {(int)type}");
        }

        if (count > 0)
        {
            columns.Add(new(name, vector));
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
        var offsets = new int[count + 1];
        for (var i = 0; i < count; i++)
        {
            offsets[i + 1] = checked(offsets[i] + r.Count());
        }

        return new(r.Take(offsets[count]).ToArray(), offsets);
    }

    /// <summary>How many rows a record has, how long its packed part is when unpacked, and where the other part lies.</summary>
    private readonly record struct RecordHead(int Rows, int PackedLength, int PlainAt, int PlainLength);
}
