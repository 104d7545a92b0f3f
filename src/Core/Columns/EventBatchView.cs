using System.Runtime.InteropServices;
using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Columns;

/// <summary>
/// The rows of a record of the batches log of which a column is decoded when a query names it: for records that are scanned once and let go of. Lies in the memory of
/// the <see cref="EventBatchReader"/> that opened it, and is valid until that reads or opens the next one; so are its columns. Not thread-safe.
/// </summary>
public sealed class EventBatchView : IRowSegment
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly List<Column> _columns = [];
    private readonly PackedValues _datasetCodes;
    private readonly double[]? _weights;
    private ColumnVector? _datasetColumn;

    /// <param name="bytes">The packed part, unpacked.</param>
    /// <param name="plain">The part that is not packed.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="name">Makes a field's name of its UTF-8.</param>
    internal EventBatchView(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<byte> plain, int rows, Func<ReadOnlyMemory<byte>, string> name)
    {
        _bytes = bytes;
        Rows = rows;
        var r = new ByteReader(bytes.Span);
        var unit = r.I64();
        TimesNs = PackedNumbers.ReadIntegers(ref r, rows);
        (MinTimeNs, MaxTimeNs) = (long.MaxValue, long.MinValue);
        for (var row = 0; row < TimesNs.Length; row++)
        {
            var time = TimesNs[row] *= unit;
            MinTimeNs = Math.Min(MinTimeNs, time);
            MaxTimeNs = Math.Max(MaxTimeNs, time);
        }

        _weights = r.U8() == 0 ? null : PackedNumbers.ReadFloats(ref r, rows);
        Datasets = ReadStrings(ref r, bytes, r.Count());
        _datasetCodes = PackedNumbers.ReadPackedCodes(ref r, bytes, rows, Datasets.Count);
        var plainAt = 0;
        for (var left = r.Count(); left > 0; left--)
        {
            Locate(ref r, plain, ref plainAt, name);
        }
    }

    /// <inheritdoc/>
    public int Rows { get; }

    /// <inheritdoc/>
    public long MinTimeNs { get; }

    /// <inheritdoc/>
    public long MaxTimeNs { get; }

    /// <inheritdoc/>
    public long[] TimesNs { get; }

    /// <inheritdoc/>
    public double[]? Weights => _weights;

    /// <inheritdoc/>
    public bool IsSampled => false;

    /// <inheritdoc/>
    public int[] DatasetCodes => DatasetColumn.Codes;

    /// <inheritdoc/>
    public Utf8Strings Datasets { get; }

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => _columns.Select(column => column.Name).Distinct();

    ColumnVector IRowSegment.DatasetColumn => DatasetColumn;

    private ColumnVector DatasetColumn => _datasetColumn ??= ColumnVector.OfPackedDictionary(Rows, null, _datasetCodes, Datasets);

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        foreach (var column in _columns)
        {
            if (column.Name == field)
            {
                into.Add(column.Vector ??= Decode(column));
            }
        }

        if (into.Count == 0 && field == EventBatch.DatasetField)
        {
            into.Add(DatasetColumn);
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Condition.Match match) => !_columns.Exists(column => column.Name == match.Column) && match.Column != EventBatch.DatasetField;

    /// <summary>Notes where a column lies, and goes behind it.</summary>
    private void Locate(ref ByteReader r, ReadOnlyMemory<byte> plain, ref int plainAt, Func<ReadOnlyMemory<byte>, string> name)
    {
        var length = r.Count();
        var utf8 = _bytes.Slice(r.Position, length);
        r.Take(length);
        var column = new Column { Name = name(utf8), Type = (ColumnType)r.U8(), Count = r.Count() };
        if (column.Count < Rows && column.Count > 0)
        {
            column.PresenceAt = r.Position;
            r.Take(((Rows + 63) >> 6) * 8);
        }

        column.At = r.Position;
        switch (column.Type)
        {
            case ColumnType.Dictionary:
                var count = r.Count();
                SkipStrings(ref r, count);
                PackedNumbers.ReadPackedCodes(ref r, _bytes, column.Count, count);
                break;
            case ColumnType.Text:
                SkipStrings(ref r, column.Count);
                break;
            case ColumnType.Hex:
                column.HexWidth = r.U8();
                column.Hex = plain.Slice(plainAt, checked(column.Count * column.HexWidth));
                plainAt += column.Hex.Length;
                break;
            case ColumnType.Integer or ColumnType.Bool:
                PackedNumbers.ReadPacked(ref r, _bytes, column.Count);
                break;
            case ColumnType.Float when PackedNumbers.ReadScale(ref r) == 0:
                r.Take(checked(column.Count * 8));
                break;
            case ColumnType.Float:
                PackedNumbers.ReadPacked(ref r, _bytes, column.Count);
                break;
            default:
                throw new FormatException($"column {column.Name} of type {(int)column.Type}");
        }

        if (column.Count > 0)
        {
            _columns.Add(column);
        }
    }

    private ColumnVector Decode(Column column)
    {
        ulong[]? presence = null;
        if (column.PresenceAt > 0)
        {
            presence = MemoryMarshal.Cast<byte, ulong>(_bytes.Span.Slice(column.PresenceAt, ((Rows + 63) >> 6) * 8)).ToArray();
        }

        var rest = _bytes[column.At..];
        var r = new ByteReader(rest.Span);
        switch (column.Type)
        {
            case ColumnType.Dictionary:
                var dictionary = ReadStrings(ref r, rest, r.Count());
                return ColumnVector.OfPackedDictionary(Rows, presence, PackedNumbers.ReadPackedCodes(ref r, rest, column.Count, dictionary.Count), dictionary);
            case ColumnType.Text:
                return ColumnVector.OfText(Rows, presence, ReadStrings(ref r, rest, column.Count));
            case ColumnType.Hex:
                return ColumnVector.OfHex(Rows, presence, column.Hex.ToArray(), column.HexWidth);
            case ColumnType.Float:
                return PackedNumbers.ReadScale(ref r) is var scale && scale != 0
                    ? ColumnVector.OfPackedFloats(Rows, presence, PackedNumbers.ReadPacked(ref r, rest, column.Count), scale)
                    : ColumnVector.OfFloats(Rows, presence, MemoryMarshal.Cast<byte, double>(r.Take(column.Count * 8)).ToArray());
            default:
                return ColumnVector.OfPackedIntegers(column.Type, Rows, presence, PackedNumbers.ReadPacked(ref r, rest, column.Count));
        }
    }

    private static Utf8Strings ReadStrings(ref ByteReader r, ReadOnlyMemory<byte> bytes, int count)
    {
        var offsets = new int[count + 1];
        for (var i = 0; i < count; i++)
        {
            offsets[i + 1] = checked(offsets[i] + r.Count());
        }

        var at = r.Position;
        r.Take(offsets[count]);
        return new(bytes.Slice(at, offsets[count]), offsets);
    }

    private static void SkipStrings(ref ByteReader r, int count)
    {
        var length = 0;
        for (; count > 0; count--)
        {
            length = checked(length + r.Count());
        }

        r.Take(length);
    }

    private sealed class Column
    {
        public required string Name { get; init; }

        public required ColumnType Type { get; init; }

        public required int Count { get; init; }

        public int PresenceAt { get; set; }

        public int At { get; set; }

        public int HexWidth { get; set; }

        public ReadOnlyMemory<byte> Hex { get; set; }

        public ColumnVector? Vector { get; set; }
    }
}
