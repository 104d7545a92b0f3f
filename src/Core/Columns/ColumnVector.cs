using System.Globalization;
using System.Numerics;
using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Columns;

/// <summary>The physical type of a column. A field whose values have several types is several columns of one name.</summary>
public enum ColumnType : byte
{
    /// <summary>Text as codes into a dictionary.</summary>
    Dictionary = 1,

    /// <summary>Text as it is, one value a present row.</summary>
    Text = 2,

    /// <summary>Lower-case hexadecimal text of one length, kept as its bytes.</summary>
    Hex = 3,

    /// <summary>64-bit integers.</summary>
    Integer = 4,

    /// <summary>64-bit floats.</summary>
    Float = 5,

    /// <summary>Truth values.</summary>
    Bool = 6,
}

/// <summary>
/// One decoded column of a segment of <see cref="Rows"/> rows. Values are packed: entry k belongs to the k-th present row. Immutable and safe to share.
/// </summary>
public sealed class ColumnVector
{
    private int[]? _ranks;

    private ColumnVector(ColumnType type, int rows, int count, ulong[]? presence)
    {
        Type = type;
        Rows = rows;
        Count = count;
        Presence = count == rows ? null : presence;
    }

    /// <summary>The physical type.</summary>
    public ColumnType Type { get; }

    /// <summary>Rows of the segment.</summary>
    public int Rows { get; }

    /// <summary>Rows that have a value.</summary>
    public int Count { get; }

    /// <summary>One bit a row, set where there is a value; null = every row has one.</summary>
    public ulong[]? Presence { get; }

    /// <summary>Of <see cref="ColumnType.Dictionary"/>: the code of each value.</summary>
    public int[] Codes { get; private init; } = [];

    /// <summary>Of <see cref="ColumnType.Dictionary"/> the dictionary, of <see cref="ColumnType.Text"/> the values.</summary>
    public Utf8Strings Strings { get; private init; } = Utf8Strings.Empty;

    /// <summary>Of <see cref="ColumnType.Integer"/>: the values; of <see cref="ColumnType.Bool"/>: 0 or 1.</summary>
    public long[] Integers { get; private init; } = [];

    /// <summary>Of <see cref="ColumnType.Float"/>: the values.</summary>
    public double[] Floats { get; private init; } = [];

    /// <summary>Of <see cref="ColumnType.Hex"/>: the values' bytes, <see cref="HexWidth"/> each.</summary>
    public byte[] HexBytes { get; private init; } = [];

    /// <summary>Bytes of a hexadecimal value.</summary>
    public int HexWidth { get; private init; }

    /// <summary>True for integers and floats.</summary>
    public bool IsNumeric => Type is ColumnType.Integer or ColumnType.Float;

    /// <summary>Text by dictionary codes.</summary>
    public static ColumnVector OfDictionary(int rows, ulong[]? presence, int[] codes, Utf8Strings dictionary) =>
        new(ColumnType.Dictionary, rows, codes.Length, presence) { Codes = codes, Strings = dictionary };

    /// <summary>Text as it is.</summary>
    public static ColumnVector OfText(int rows, ulong[]? presence, Utf8Strings values) => new(ColumnType.Text, rows, values.Count, presence) { Strings = values };

    /// <summary>Hexadecimal text of <paramref name="width"/> bytes each.</summary>
    public static ColumnVector OfHex(int rows, ulong[]? presence, byte[] bytes, int width) =>
        new(ColumnType.Hex, rows, bytes.Length / width, presence) { HexBytes = bytes, HexWidth = width };

    /// <summary>Integers.</summary>
    public static ColumnVector OfIntegers(int rows, ulong[]? presence, long[] values) => new(ColumnType.Integer, rows, values.Length, presence) { Integers = values };

    /// <summary>Floats.</summary>
    public static ColumnVector OfFloats(int rows, ulong[]? presence, double[] values) => new(ColumnType.Float, rows, values.Length, presence) { Floats = values };

    /// <summary>Truth values as 0 or 1.</summary>
    public static ColumnVector OfBools(int rows, ulong[]? presence, long[] values) => new(ColumnType.Bool, rows, values.Length, presence) { Integers = values };

    /// <summary>True when the row has a value.</summary>
    public bool Has(int row) => Presence is null || (Presence[row >> 6] >> (row & 63) & 1) != 0;

    /// <summary>The index among the present values of a row that has one; for a row without, that of the next present row.</summary>
    public int Rank(int row)
    {
        if (Presence is null)
        {
            return row;
        }

        var ranks = _ranks ?? MakeRanks();
        return ranks[row >> 6] + BitOperations.PopCount(Presence[row >> 6] & ((1UL << (row & 63)) - 1));
    }

    private int[] MakeRanks()
    {
        // Two threads may both make it: the same content, so either may win.
        var ranks = new int[Presence!.Length];
        for (var word = 1; word < ranks.Length; word++)
        {
            ranks[word] = ranks[word - 1] + BitOperations.PopCount(Presence[word - 1]);
        }

        return _ranks = ranks;
    }

    /// <summary>The k-th present value, boxed in a <see cref="FieldValue"/>; allocates for text.</summary>
    public FieldValue Value(int k) => Type switch
    {
        ColumnType.Dictionary => FieldValue.Of(Strings.Text(Codes[k])),
        ColumnType.Text => FieldValue.Of(Strings.Text(k)),
        ColumnType.Hex => FieldValue.Of(HexText(k)),
        ColumnType.Integer => FieldValue.Of(Integers[k]),
        ColumnType.Float => FloatValue(Floats[k]),
        _ => FieldValue.Of(Integers[k] != 0),
    };

    /// <summary>A float as a field value: an integral one within 2^53 is the integer that the JSON number was.</summary>
    public static FieldValue FloatValue(double value) =>
        Math.Abs(value) <= 9007199254740992 && value == Math.Floor(value) ? FieldValue.Of((long)value) : FieldValue.Of(value);

    /// <summary>The k-th present value as UTF-8 text in <paramref name="scratch"/> or in place; numbers as JSON writes them.</summary>
    public ReadOnlySpan<byte> Utf8(int k, Span<byte> scratch)
    {
        switch (Type)
        {
            case ColumnType.Dictionary:
                return Strings[Codes[k]];
            case ColumnType.Text:
                return Strings[k];
            case ColumnType.Hex:
                Hex.EncodeLower(HexBytes.AsSpan(k * HexWidth, HexWidth), scratch);
                return scratch[..(HexWidth * 2)];
            case ColumnType.Integer:
                Integers[k].TryFormat(scratch, out var written, default, CultureInfo.InvariantCulture);
                return scratch[..written];
            case ColumnType.Float:
                Floats[k].TryFormat(scratch, out written, "R", CultureInfo.InvariantCulture);
                return scratch[..written];
            default:
                return Integers[k] != 0 ? "true"u8 : "false"u8;
        }
    }

    private string HexText(int k)
    {
        Span<byte> text = stackalloc byte[HexWidth * 2];
        Hex.EncodeLower(HexBytes.AsSpan(k * HexWidth, HexWidth), text);
        return Encoding.ASCII.GetString(text);
    }
}
