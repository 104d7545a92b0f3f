using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>
/// Values of mixed kinds, as an expression's parts pass them on. Entry i belongs to row i; or, with <see cref="Codes"/>, row i has entry <c>Codes[i]</c>, so that what
/// depends on one dictionary column is computed once for each distinct value; or a single entry without codes stands for every row. Immutable.
/// </summary>
/// <param name="kinds">Each entry's kind.</param>
/// <param name="bits">Each entry's value: 0 or 1, an integer, a float's bits, or an index into <paramref name="strings"/>.</param>
/// <param name="strings">The texts; not necessarily each once.</param>
/// <param name="codes">The entry of each row, or null.</param>
internal sealed class ValueVector(FieldKind[] kinds, long[] bits, Utf8Strings strings, int[]? codes)
{
    private byte _uniform;      // 0 = not looked yet, 1 = one kind, 2 = several; a single byte, since threads share constants

    public FieldKind[] Kinds { get; } = kinds;

    public long[] Bits { get; } = bits;

    public Utf8Strings Strings { get; } = strings;

    public int[]? Codes { get; } = codes;

    /// <summary>Entries.</summary>
    public int Length => Kinds.Length;

    /// <summary>True when one entry stands for every row.</summary>
    public bool IsConstant => Length == 1 && Codes is null;

    /// <summary>One value for every row.</summary>
    public static ValueVector Of(FieldValue value) => value.Kind switch
    {
        FieldKind.String => new([FieldKind.String], [0], Utf8Strings.From([value.AsString]), null),
        FieldKind.Integer => new([FieldKind.Integer], [value.AsInteger], Utf8Strings.Empty, null),
        FieldKind.Float => new([FieldKind.Float], [BitConverter.DoubleToInt64Bits(value.AsDouble)], Utf8Strings.Empty, null),
        FieldKind.Bool => new([FieldKind.Bool], [value.AsBool ? 1 : 0], Utf8Strings.Empty, null),
        _ => new([FieldKind.Absent], [0], Utf8Strings.Empty, null),
    };

    /// <summary>A field's columns, of a segment of so many rows.</summary>
    public static ValueVector Of(List<ColumnVector> columns, int rows)
    {
        switch (columns)
        {
            case []:
                return Of(FieldValue.Absent);
            case [{ Type: ColumnType.Dictionary } column] when column.Strings.Count < rows:
                return OfDictionary(column, rows);
        }

        var kinds = new FieldKind[rows];
        var bits = new long[rows];
        var texts = columns.Count(column => column.Type is ColumnType.Dictionary or ColumnType.Text or ColumnType.Hex);
        var sink = texts > 1 || columns.Exists(column => column.Type == ColumnType.Hex) ? new TextSink() : null;
        var strings = Utf8Strings.Empty;
        foreach (var column in columns)
        {
            if (sink is null && column.Type is ColumnType.Dictionary or ColumnType.Text)
            {
                strings = column.Strings;
            }

            Load(column, kinds, bits, sink);
        }

        return new(kinds, bits, sink?.ToStrings() ?? strings, null);
    }

    /// <summary>The same values under other codes.</summary>
    public ValueVector WithCodes(int[]? other) => ReferenceEquals(other, Codes) ? this : new(Kinds, Bits, Strings, other);

    /// <summary>An entry a row: without codes.</summary>
    public ValueVector Flatten()
    {
        if (Codes is null)
        {
            return this;
        }

        var kinds = new FieldKind[Codes.Length];
        var bits = new long[Codes.Length];
        for (var row = 0; row < kinds.Length; row++)
        {
            kinds[row] = Kinds[Codes[row]];
            bits[row] = Bits[Codes[row]];
        }

        return new(kinds, bits, Strings, null);
    }

    /// <summary>True when every entry is of this kind.</summary>
    public bool IsAll(FieldKind kind)
    {
        if (_uniform == 0)
        {
            _uniform = Length > 0 && MemoryMarshal.Cast<FieldKind, byte>(Kinds).IndexOfAnyExcept((byte)Kinds[0]) < 0 ? (byte)1 : (byte)2;
        }

        return _uniform == 1 && Kinds[0] == kind;
    }

    /// <summary>As columns of so many rows: one for each kind that there is.</summary>
    public void ToColumns(int rows, List<ColumnVector> into)
    {
        Span<int> counts = stackalloc int[5];
        for (var row = 0; row < rows; row++)
        {
            counts[(int)Kinds[Entry(row)]]++;
        }

        for (var kind = FieldKind.String; kind <= FieldKind.Bool; kind++)
        {
            if (counts[(int)kind] > 0)
            {
                into.Add(Column(kind, counts[(int)kind], rows));
            }
        }
    }

    /// <summary>The entry of a row.</summary>
    public int Entry(int row) => Codes is not null ? Codes[row] : Length == 1 ? 0 : row;

    private ColumnVector Column(FieldKind kind, int count, int rows)
    {
        var presence = count == rows ? null : new ulong[(rows + 63) >> 6];
        var values = kind is FieldKind.Integer or FieldKind.Bool ? new long[count] : [];
        var floats = kind == FieldKind.Float ? new double[count] : [];
        var codes = kind == FieldKind.String ? new int[count] : [];
        var k = 0;
        for (var row = 0; row < rows; row++)
        {
            var entry = Entry(row);
            if (Kinds[entry] != kind)
            {
                continue;
            }

            if (presence is not null)
            {
                presence[row >> 6] |= 1UL << (row & 63);
            }

            switch (kind)
            {
                case FieldKind.String:
                    codes[k++] = (int)Bits[entry];
                    break;
                case FieldKind.Float:
                    floats[k++] = BitConverter.Int64BitsToDouble(Bits[entry]);
                    break;
                default:
                    values[k++] = Bits[entry];
                    break;
            }
        }

        return kind switch
        {
            FieldKind.String => ColumnVector.OfDictionary(rows, presence, codes, Strings),
            FieldKind.Float => ColumnVector.OfFloats(rows, presence, floats),
            FieldKind.Integer => ColumnVector.OfIntegers(rows, presence, values),
            _ => ColumnVector.OfBools(rows, presence, values),
        };
    }

    /// <summary>Fast path: an entry for each distinct text, and one more for rows without.</summary>
    private static ValueVector OfDictionary(ColumnVector column, int rows)
    {
        var absent = column.Strings.Count;
        var kinds = new FieldKind[absent + 1];
        var bits = new long[absent + 1];
        for (var code = 0; code < absent; code++)
        {
            kinds[code] = FieldKind.String;
            bits[code] = code;
        }

        var codes = new int[rows];
        if (column.Presence is null)
        {
            PackedScan.CopyCodes(column.PackedCodes, [], 0, 0, codes);
        }
        else
        {
            var packed = column.PackedCodes;
            var k = 0;
            for (var row = 0; row < rows; row++)
            {
                codes[row] = column.Has(row) ? (int)packed[k++] : absent;
            }
        }

        return new(kinds, bits, column.Strings, codes);
    }

    private static void Load(ColumnVector column, FieldKind[] kinds, long[] bits, TextSink? sink)
    {
        var kind = column.Type switch
        {
            ColumnType.Integer => FieldKind.Integer,
            ColumnType.Float => FieldKind.Float,
            ColumnType.Bool => FieldKind.Bool,
            _ => FieldKind.String,
        };
        Span<byte> scratch = stackalloc byte[512];
        var k = 0;
        for (var row = 0; row < kinds.Length; row++)
        {
            if (!column.Has(row))
            {
                continue;
            }

            kinds[row] = kind;
            bits[row] = kind switch
            {
                FieldKind.Float => BitConverter.DoubleToInt64Bits(column.FloatAt(k)),
                FieldKind.String when sink is not null => sink.Add(column.Utf8(k, scratch)),
                FieldKind.String => column.Type == ColumnType.Dictionary ? column.CodeAt(k) : k,
                _ => column.IntegerAt(k),
            };
            k++;
        }
    }
}
