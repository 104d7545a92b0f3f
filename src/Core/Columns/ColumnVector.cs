using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
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
/// One decoded column of a segment of <see cref="Rows"/> rows. Only present rows have an entry: entry k belongs to the k-th of them. Immutable and safe to share.
/// A block's column keeps its numbers as narrow as they are stored; <see cref="Codes"/>, <see cref="Integers"/>, <see cref="Floats"/> and <see cref="HexBytes"/> then
/// make and keep a wide copy at their first use, which scans avoid: <see cref="CodeAt"/> and its like read a single entry.
/// </summary>
public sealed class ColumnVector
{
    private readonly PackedValues? _packed;
    private readonly int[]? _runEnds;
    private int[]? _ranks;
    private int[]? _codes;
    private long[]? _integers;
    private double[]? _floats;
    private byte[]? _hexBytes;
    private Utf8Strings? _strings;

    private ColumnVector(ColumnType type, int rows, int count, ulong[]? presence, PackedValues? packed = null, int[]? runEnds = null)
    {
        _packed = packed;
        _runEnds = runEnds;
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
    public int[] Codes => _codes ??= WidenCodes();

    /// <summary>Of <see cref="ColumnType.Dictionary"/> the dictionary, of <see cref="ColumnType.Text"/> the values, made and kept at their first use where the column has <see cref="Templates"/>.</summary>
    public Utf8Strings Strings
    {
        get => _strings ??= Templates?.ToStrings() ?? Utf8Strings.Empty;
        private init => _strings = value;
    }

    /// <summary>Of <see cref="ColumnType.Dictionary"/>: the number of each text, found at the first use; null where there is none or the dictionary is small.</summary>
    internal NumberedTexts? Numbered => NumbersSource is not null && Strings.Count >= TextNumbers.EntriesMin ? NumbersSource.Of(Strings) : null;

    private TextNumbersSource? NumbersSource { get; init; }

    /// <summary>Of <see cref="ColumnType.Text"/>: the templates of the values, where they are stored as such.</summary>
    internal TextTemplates? Templates { get; private init; }

    /// <summary>Of <see cref="ColumnType.Integer"/>: the values; of <see cref="ColumnType.Bool"/>: 0 or 1.</summary>
    public long[] Integers => _integers ??= WidenIntegers();

    /// <summary>Of <see cref="ColumnType.Float"/>: the values.</summary>
    public double[] Floats => _floats ??= WidenFloats();

    /// <summary>Of <see cref="ColumnType.Hex"/>: the values' bytes, <see cref="HexWidth"/> each.</summary>
    public byte[] HexBytes => _hexBytes ??= WidenHex();

    /// <summary>Bytes of a hexadecimal value.</summary>
    public int HexWidth { get; private init; }

    /// <summary>Bytes of memory held, wide copies included.</summary>
    public long MemoryBytes =>
        160 + ((Presence?.Length ?? 0) * 8L) + (_packed?.Bytes.Length ?? 0) + ((_runEnds?.Length ?? 0) * 4L) + HexRuns.Length + StoredHex.Length + ((_ranks?.Length ?? 0) * 4L)
        + ((_codes?.Length ?? 0) * 4L) + (NumbersSource?.KeptBytes ?? 0) + ((_integers?.Length ?? 0) * 8L) + ((_floats?.Length ?? 0) * 8L) + (_hexBytes?.Length ?? 0)
        + (_strings is { } strings ? strings.ByteCount + (strings.Count * 4L) : 0) + (Templates?.MemoryBytes ?? 0);

    /// <summary>Of <see cref="ColumnType.Dictionary"/>: the codes as they are held.</summary>
    internal PackedSpan PackedCodes => _packed is { } packed ? packed.Span : PackedSpan.Of(Codes);

    /// <summary>Of <see cref="ColumnType.Integer"/> and <see cref="ColumnType.Bool"/>: the values as they are held.</summary>
    internal PackedSpan PackedIntegers => _packed is { } packed ? packed.Span : PackedSpan.Of(Integers);

    /// <summary>Of <see cref="ColumnType.Float"/>: what <see cref="PackedFloats"/> are to be divided by; 0 = there are none, <see cref="Floats"/> has the values.</summary>
    internal double FloatScale { get; private init; }

    /// <summary>Of <see cref="ColumnType.Float"/> with a <see cref="FloatScale"/>: the values times it, which are whole.</summary>
    internal PackedSpan PackedFloats => _packed!.Value.Span;

    /// <summary>Of <see cref="ColumnType.Hex"/> in runs of equal values: behind which entry each ends; empty when each value stands alone.</summary>
    internal ReadOnlySpan<int> HexRunEnds => _runEnds;

    /// <summary>Of <see cref="ColumnType.Hex"/> in runs: the value of each.</summary>
    internal byte[] HexRuns { get; private init; } = [];

    /// <summary>As <see cref="HexBytes"/>, without a copy where the values stand as they are stored.</summary>
    internal ReadOnlySpan<byte> AllHex => _hexBytes is null && !StoredHex.IsEmpty ? StoredHex.Span : HexBytes;

    private ReadOnlyMemory<byte> StoredHex { get; init; }

    /// <summary>True for integers and floats.</summary>
    public bool IsNumeric => Type is ColumnType.Integer or ColumnType.Float;

    /// <summary>Text by dictionary codes.</summary>
    public static ColumnVector OfDictionary(int rows, ulong[]? presence, int[] codes, Utf8Strings dictionary) => OfDictionary(rows, presence, codes, dictionary, null);

    /// <summary>Text by dictionary codes, the texts numbered.</summary>
    internal static ColumnVector OfDictionary(int rows, ulong[]? presence, int[] codes, Utf8Strings dictionary, TextNumbersSource? numbers) =>
        new(ColumnType.Dictionary, rows, codes.Length, presence) { _codes = codes, Strings = dictionary, NumbersSource = numbers };

    /// <summary>Text as it is.</summary>
    public static ColumnVector OfText(int rows, ulong[]? presence, Utf8Strings values) => new(ColumnType.Text, rows, values.Count, presence) { Strings = values };

    /// <summary>Text as templates and numbers.</summary>
    internal static ColumnVector OfTemplates(int rows, ulong[]? presence, TextTemplates templates) =>
        new(ColumnType.Text, rows, templates.Codes.Count, presence) { Templates = templates };

    /// <summary>Hexadecimal text of <paramref name="width"/> bytes each.</summary>
    public static ColumnVector OfHex(int rows, ulong[]? presence, byte[] bytes, int width) =>
        new(ColumnType.Hex, rows, bytes.Length / width, presence) { _hexBytes = bytes, HexWidth = width };

    /// <summary>Integers.</summary>
    public static ColumnVector OfIntegers(int rows, ulong[]? presence, long[] values) => new(ColumnType.Integer, rows, values.Length, presence) { _integers = values };

    /// <summary>Floats.</summary>
    public static ColumnVector OfFloats(int rows, ulong[]? presence, double[] values) => new(ColumnType.Float, rows, values.Length, presence) { _floats = values };

    /// <summary>Truth values as 0 or 1.</summary>
    public static ColumnVector OfBools(int rows, ulong[]? presence, long[] values) => new(ColumnType.Bool, rows, values.Length, presence) { _integers = values };

    /// <summary>Text by dictionary codes as they are stored.</summary>
    internal static ColumnVector OfPackedDictionary(int rows, ulong[]? presence, PackedValues codes, Utf8Strings dictionary, TextNumbersSource? numbers = null) =>
        new(ColumnType.Dictionary, rows, codes.Count, presence, codes) { Strings = dictionary, NumbersSource = numbers };

    /// <summary>Integers or truth values as they are stored.</summary>
    internal static ColumnVector OfPackedIntegers(ColumnType type, int rows, ulong[]? presence, PackedValues values) => new(type, rows, values.Count, presence, values);

    /// <summary>Floats as they are stored: integers to be divided by <paramref name="scale"/>.</summary>
    internal static ColumnVector OfPackedFloats(int rows, ulong[]? presence, PackedValues values, double scale) =>
        new(ColumnType.Float, rows, values.Count, presence, values) { FloatScale = scale };

    /// <summary>Hexadecimal text of <paramref name="width"/> bytes each, where it is stored.</summary>
    internal static ColumnVector OfPackedHex(int rows, ulong[]? presence, ReadOnlyMemory<byte> bytes, int width) =>
        new(ColumnType.Hex, rows, bytes.Length / width, presence) { StoredHex = bytes, HexWidth = width };

    /// <summary>Hexadecimal text in runs: the value of each, and behind which entry it ends.</summary>
    internal static ColumnVector OfHexRuns(int rows, ulong[]? presence, byte[] runs, int[] ends, int width) =>
        new(ColumnType.Hex, rows, ends.Length == 0 ? 0 : ends[^1], presence, null, ends) { HexRuns = runs, HexWidth = width };

    /// <summary>True when the row has a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Has(int row) => Presence is null || (Presence[row >> 6] >> (row & 63) & 1) != 0;

    /// <summary>The index among the present values of a row that has one; for a row without, that of the next present row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Rank(int row)
    {
        if (Presence is null)
        {
            return row;
        }

        var ranks = _ranks ?? MakeRanks();
        return ranks[row >> 6] + BitOperations.PopCount(Presence[row >> 6] & ((1UL << (row & 63)) - 1));
    }

    /// <summary>True when each of so many rows from <paramref name="row"/> on has a value; their first one's index among the present values.</summary>
    internal bool IsDense(int row, int count, out int rank)
    {
        rank = Rank(row);
        return (row + count < Rows ? Rank(row + count) : Count) - rank == count;
    }

    /// <summary>Of <see cref="ColumnType.Dictionary"/>: the code of each row plus <paramref name="start"/>, <paramref name="absent"/> where there is none.</summary>
    internal void SpreadCodes(int start, int absent, Span<int> to)
    {
        const int RowsAtOnce = 512;
        var packed = PackedCodes;
        for (var from = 0; from < to.Length; from += RowsAtOnce)
        {
            var part = to.Slice(from, Math.Min(RowsAtOnce, to.Length - from));
            if (IsDense(from, part.Length, out var rank))
            {
                // Fast path: hardly any row is without.
                PackedScan.CopyCodes(packed, [], rank, start, part);
                continue;
            }

            for (var i = 0; i < part.Length; i++)
            {
                part[i] = Has(from + i) ? start + (int)packed[rank++] : absent;
            }
        }
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

    /// <summary>The code of the k-th present value.</summary>
    public int CodeAt(int k) => (int)PackedCodes[k];

    /// <summary>The code of each present value.</summary>
    public void CopyCodes(Span<int> to) => PackedScan.CopyCodes(PackedCodes, [], 0, 0, to[..Count]);

    /// <summary>The k-th present integer or truth value.</summary>
    public long IntegerAt(int k) => PackedIntegers[k];

    /// <summary>The k-th present float.</summary>
    public double FloatAt(int k) => FloatScale != 0 ? PackedFloats[k] / FloatScale : Floats[k];

    /// <summary>The bytes of the k-th present hexadecimal text.</summary>
    public ReadOnlySpan<byte> HexAt(int k)
    {
        if (_runEnds is null || _hexBytes is not null)
        {
            return AllHex.Slice(k * HexWidth, HexWidth);
        }

        var run = Array.BinarySearch(_runEnds, k + 1);
        return HexRuns.AsSpan((run < 0 ? ~run : run) * HexWidth, HexWidth);
    }

    /// <summary>The k-th present value, boxed in a <see cref="FieldValue"/>; allocates for text.</summary>
    public FieldValue Value(int k) => Type switch
    {
        ColumnType.Dictionary => FieldValue.Of(Strings.Text(CodeAt(k))),
        ColumnType.Text => FieldValue.Of(Strings.Text(k)),
        ColumnType.Hex => FieldValue.Of(HexText(k)),
        ColumnType.Integer => FieldValue.Of(IntegerAt(k)),
        ColumnType.Float => FloatValue(FloatAt(k)),
        _ => FieldValue.Of(IntegerAt(k) != 0),
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
                return Strings[CodeAt(k)];
            case ColumnType.Text:
                return Strings[k];
            case ColumnType.Hex:
                Hex.EncodeLower(HexAt(k), scratch);
                return scratch[..(HexWidth * 2)];
            case ColumnType.Integer:
                IntegerAt(k).TryFormat(scratch, out var written, default, CultureInfo.InvariantCulture);
                return scratch[..written];
            case ColumnType.Float:
                FloatAt(k).TryFormat(scratch, out written, "R", CultureInfo.InvariantCulture);
                return scratch[..written];
            default:
                return IntegerAt(k) != 0 ? "true"u8 : "false"u8;
        }
    }

    // Two threads may both widen: the same content, so either may win.
    private int[] WidenCodes()
    {
        if (_packed is not { } packed)
        {
            return [];
        }

        var codes = new int[packed.Count];
        PackedScan.CopyCodes(packed.Span, [], 0, 0, codes);
        return codes;
    }

    private long[] WidenIntegers()
    {
        if (_packed is not { } packed)
        {
            return [];
        }

        var values = new long[packed.Count];
        packed.Span.CopyTo(0, values);
        return values;
    }

    private double[] WidenFloats()
    {
        if (_packed is not { } packed)
        {
            return [];
        }

        var values = new double[packed.Count];
        PackedScan.CopyNumbers(packed.Span, FloatScale, [], 0, values);
        return values;
    }

    private byte[] WidenHex()
    {
        if (_runEnds is null)
        {
            return StoredHex.ToArray();
        }

        var bytes = new byte[Count * HexWidth];
        var k = 0;
        for (var run = 0; run < _runEnds.Length; run++)
        {
            for (; k < _runEnds[run]; k++)
            {
                HexRuns.AsSpan(run * HexWidth, HexWidth).CopyTo(bytes.AsSpan(k * HexWidth));
            }
        }

        return bytes;
    }

    private string HexText(int k)
    {
        Span<byte> text = stackalloc byte[HexWidth * 2];
        Hex.EncodeLower(HexAt(k), text);
        return Encoding.ASCII.GetString(text);
    }
}
