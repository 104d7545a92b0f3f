namespace StreamObserve.Core.Columns;

/// <summary>
/// A record of the batches log and where in it each column lies. Of its columns nothing is decoded: <see cref="EventBatchView"/> does that for one scan. Immutable, any
/// number of threads; refers to the record's memory.
/// </summary>
public sealed class EventBatchLayout
{
    /// <summary>A thousand times what a batch is given: past it the number is damage.</summary>
    private const int RowsMax = 1 << 23;

    /// <summary>Bytes that a packed byte can stand for at most.</summary>
    private const int PackedTo = 255;

    private readonly Column[] _columns;

    /// <param name="record">The record.</param>
    /// <param name="at">Where its version has been read.</param>
    /// <param name="name">Makes a field's name of its UTF-8.</param>
    internal EventBatchLayout(ReadOnlyMemory<byte> record, int at, Func<ReadOnlySpan<byte>, string> name)
    {
        var r = new ByteReader(record.Span);
        r.Take(at);
        Rows = r.Count();
        if (Rows > RowsMax)
        {
            throw new FormatException($"an event batch of {Rows} rows");
        }

        MinTimeNs = r.I64();
        MaxTimeNs = r.I64();
        var columns = r.Count();
        if (columns > r.Remaining)
        {
            throw new FormatException($"{columns} columns in an event batch of {record.Length} bytes");
        }

        _columns = new Column[columns];
        var times = Length.Read(ref r);
        var weights = Length.Read(ref r);
        var datasets = Length.Read(ref r);
        for (var i = 0; i < _columns.Length; i++)
        {
            _columns[i] = new(name(r.Blob()), (ColumnType)r.U8(), r.Count(), default) { Length = Length.Read(ref r) };
            if (_columns[i].Count == 0 || _columns[i].Count > Rows || _columns[i].Type is < ColumnType.Dictionary or > ColumnType.Bool)
            {
                throw new FormatException($"column {_columns[i].Name}: {_columns[i].Count} values of type {(int)_columns[i].Type} in {Rows} rows");
            }
        }

        var place = r.Position;
        Times = times.At(record, ref place);
        Weights = weights.At(record, ref place);
        Datasets = datasets.At(record, ref place);
        for (var i = 0; i < _columns.Length; i++)
        {
            _columns[i] = _columns[i] with { Chunk = _columns[i].Length.At(record, ref place) };
        }
    }

    /// <summary>How many rows.</summary>
    public int Rows { get; }

    internal long MinTimeNs { get; }

    internal long MaxTimeNs { get; }

    internal Chunk Times { get; }

    /// <summary>Empty = every row stands for one event.</summary>
    internal Chunk Weights { get; }

    internal Chunk Datasets { get; }

    internal IReadOnlyList<Column> Columns => _columns;

    internal static Utf8Strings ReadStrings(ref ByteReader r, ReadOnlyMemory<byte> bytes, int count)
    {
        var offsets = ReadOffsets(ref r, count);
        var at = r.Position;
        r.Take(offsets[count]);
        return new(bytes.Slice(at, offsets[count]), offsets);
    }

    /// <summary>Where each of so many texts begins, and the last one ends, behind their lengths; no further than the bytes go.</summary>
    internal static int[] ReadOffsets(ref ByteReader r, int count)
    {
        if (count > r.Remaining)
        {
            throw new FormatException($"{count} texts in {r.Remaining} bytes");
        }

        var offsets = new int[count + 1];
        for (var i = 0; i < count; i++)
        {
            var length = r.Count();
            if (length > r.Remaining - offsets[i])
            {
                throw new FormatException($"text {i} of {count} is {length} bytes long, {r.Remaining - offsets[i]} are left");
            }

            offsets[i + 1] = offsets[i] + length;
        }

        return offsets;
    }

    /// <summary>Bytes of a record that belong together. <paramref name="RawLength"/>: what they unpack to; 0 = they are not packed.</summary>
    internal readonly record struct Chunk(ReadOnlyMemory<byte> Stored, int RawLength)
    {
        public bool IsEmpty => Stored.IsEmpty;
    }

    /// <summary>A physical column.</summary>
    internal readonly record struct Column(string Name, ColumnType Type, int Count, Chunk Chunk)
    {
        internal Length Length { get; init; }
    }

    /// <summary>A chunk's lengths as the directory says them.</summary>
    internal readonly record struct Length(int Stored, int Raw)
    {
        public static Length Read(ref ByteReader r) => new(r.Count(), r.Count());

        public Chunk At(ReadOnlyMemory<byte> record, ref int place)
        {
            if (Stored > record.Length - place || Raw > (Stored * (long)PackedTo) + PackedTo || (Raw > 0 && Stored == 0))
            {
                throw new FormatException($"a chunk of {Stored} bytes at byte {place} of an event batch of {record.Length}");
            }

            var chunk = new Chunk(record.Slice(place, Stored), Raw);
            place += Stored;
            return chunk;
        }
    }
}
