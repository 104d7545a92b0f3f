using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>A breakdown's value of each selected row as a code; 0 = absent. Codes count per segment.</summary>
internal sealed class BreakdownCodes
{
    private readonly List<Source> _sources = [];

    private BreakdownCodes(int rows) => Codes = new int[rows];

    /// <summary>The code of each selected row.</summary>
    public int[] Codes { get; }

    /// <summary>The numbering of (codes of the breakdowns before, this code); null for the first breakdown.</summary>
    public IntegerMap? Pairs { get; set; }

    public static BreakdownCodes Of(List<ColumnVector> columns, ReadOnlySpan<int> rows)
    {
        var coding = new BreakdownCodes(rows.Length);
        var next = 1;
        foreach (var column in columns)
        {
            next = coding.Fill(column, rows, next);
        }

        return coding;
    }

    /// <summary>Writes the value of a code as part of a group's key.</summary>
    public void WriteKey(ByteWriter key, int code)
    {
        if (code == 0)
        {
            key.U8(0);
            return;
        }

        var source = _sources[^1];
        for (var i = 0; i < _sources.Count; i++)
        {
            if (code < _sources[i].End)
            {
                source = _sources[i];
                break;
            }
        }

        var local = code - source.Start;
        switch (source.Column.Type)
        {
            case ColumnType.Dictionary:
                GroupKey.WriteText(key, source.Column.Strings[local]);
                break;
            case ColumnType.Integer:
                GroupKey.WriteInteger(key, source.Numbers!.Key(local));
                break;
            case ColumnType.Float:
                GroupKey.WriteFloat(key, BitConverter.Int64BitsToDouble(source.Numbers!.Key(local)));
                break;
            case ColumnType.Bool:
                key.U8((byte)(source.Numbers!.Key(local) != 0 ? 5 : 4));
                break;
            default:
                GroupKey.WriteText(key, source.Texts![local]);
                break;
        }
    }

    private int Fill(ColumnVector column, ReadOnlySpan<int> rows, int start)
    {
        IntegerMap? numbers = null;
        StringDictionary? texts = null;
        Span<byte> scratch = stackalloc byte[64];
        switch (column.Type)
        {
            case ColumnType.Dictionary when column.Presence is null:
                // Fast path: the codes are there.
                for (var i = 0; i < rows.Length; i++)
                {
                    Codes[i] = start + column.Codes[rows[i]];
                }

                break;
            case ColumnType.Dictionary:
                for (var i = 0; i < rows.Length; i++)
                {
                    if (column.Has(rows[i]))
                    {
                        Codes[i] = start + column.Codes[column.Rank(rows[i])];
                    }
                }

                break;
            case ColumnType.Text or ColumnType.Hex:
                texts = new();
                for (var i = 0; i < rows.Length; i++)
                {
                    if (column.Has(rows[i]))
                    {
                        Codes[i] = start + texts.Add(column.Utf8(column.Rank(rows[i]), scratch));
                    }
                }

                break;
            default:
                numbers = new();
                for (var i = 0; i < rows.Length; i++)
                {
                    if (column.Has(rows[i]))
                    {
                        var k = column.Rank(rows[i]);
                        Codes[i] = start + numbers.Add(column.Type == ColumnType.Float ? BitConverter.DoubleToInt64Bits(column.Floats[k]) : column.Integers[k]);
                    }
                }

                break;
        }

        var count = column.Type == ColumnType.Dictionary ? column.Strings.Count : numbers?.Count ?? texts!.Count;
        _sources.Add(new(column, start, start + count, numbers, texts));
        return start + count;
    }

    private sealed record Source(ColumnVector Column, int Start, int End, IntegerMap? Numbers, StringDictionary? Texts);
}
