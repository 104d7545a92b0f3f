namespace StreamObserve.Core.Columns;

/// <summary>
/// An unpacked record of the batches log and where in it each column lies. Of its columns nothing is decoded: <see cref="EventBatchView"/> does that for one scan. Immutable, any
/// number of threads; as long-lived as the memory that it was made of, which is its own when it comes from <see cref="EventBatchReader.Layout"/>.
/// </summary>
public sealed class EventBatchLayout
{
    private readonly List<Place> _columns = [];

    /// <param name="bytes">The packed part, unpacked.</param>
    /// <param name="plain">The part that is not packed.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="name">Makes a field's name of its UTF-8.</param>
    internal EventBatchLayout(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<byte> plain, int rows, Func<ReadOnlyMemory<byte>, string> name)
    {
        Bytes = bytes;
        Plain = plain;
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

        Weights = r.U8() == 0 ? null : PackedNumbers.ReadFloats(ref r, rows);
        Datasets = ReadStrings(ref r, bytes, r.Count());
        DatasetCodes = PackedNumbers.ReadPackedCodes(ref r, bytes, rows, Datasets.Count);
        var plainAt = 0;
        for (var left = r.Count(); left > 0; left--)
        {
            Locate(ref r, ref plainAt, name);
        }
    }

    /// <summary>How many rows.</summary>
    public int Rows { get; }

    internal ReadOnlyMemory<byte> Bytes { get; }

    internal ReadOnlyMemory<byte> Plain { get; }

    internal long MinTimeNs { get; }

    internal long MaxTimeNs { get; }

    internal long[] TimesNs { get; }

    internal double[]? Weights { get; }

    internal Utf8Strings Datasets { get; }

    internal PackedValues DatasetCodes { get; }

    internal IReadOnlyList<Place> Columns => _columns;

    /// <summary>Notes where a column lies, and goes behind it.</summary>
    private void Locate(ref ByteReader r, ref int plainAt, Func<ReadOnlyMemory<byte>, string> name)
    {
        var length = r.Count();
        var utf8 = Bytes.Slice(r.Position, length);
        r.Take(length);
        var column = new Place { Name = name(utf8), Type = (ColumnType)r.U8(), Count = r.Count() };
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
                PackedNumbers.ReadPackedCodes(ref r, Bytes, column.Count, count);
                break;
            case ColumnType.Text:
                SkipStrings(ref r, column.Count);
                break;
            case ColumnType.Hex:
                column.HexWidth = r.U8();
                column.Hex = Plain.Slice(plainAt, checked(column.Count * column.HexWidth));
                plainAt += column.Hex.Length;
                break;
            case ColumnType.Integer or ColumnType.Bool:
                PackedNumbers.ReadPacked(ref r, Bytes, column.Count);
                break;
            case ColumnType.Float when PackedNumbers.ReadScale(ref r) == 0:
                r.Take(checked(column.Count * 8));
                break;
            case ColumnType.Float:
                PackedNumbers.ReadPacked(ref r, Bytes, column.Count);
                break;
            default:
                throw new FormatException($"column {column.Name} of type {(int)column.Type}");
        }

        if (column.Count > 0)
        {
            _columns.Add(column);
        }
    }

    internal static Utf8Strings ReadStrings(ref ByteReader r, ReadOnlyMemory<byte> bytes, int count)
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

    /// <summary>Where a column lies. Not changed once it is located.</summary>
    internal sealed class Place
    {
        public required string Name { get; init; }

        public required ColumnType Type { get; init; }

        public required int Count { get; init; }

        public int PresenceAt { get; set; }

        public int At { get; set; }

        public int HexWidth { get; set; }

        public ReadOnlyMemory<byte> Hex { get; set; }
    }
}
