using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>A breakdown's value of each selected row as a code; 0 = absent. Codes count per segment. Reused from segment to segment; not thread-safe.</summary>
internal sealed class BreakdownCodes : IDisposable
{
    private readonly List<Source> _sources = [];
    private readonly IntegerMap _numbers = new();
    private int[] _chosen = [];
    private int[] _codes = [];
    private int[] _at = [];
    private int _size;
    private IntegerMap? _pairs;

    /// <summary>Fills in the code of each row; returns one more than the highest that there can be. The columns are those of one field: a row has a value in one of them at most.</summary>
    public int Fill(List<ColumnVector> columns, ReadOnlySpan<int> rows, bool isAll, Span<int> codes)
    {
        _sources.Clear();
        var next = 1;
        if (columns is [{ Presence: null } only])
        {
            // Fast path: every row has a value.
            return Fill(only, isAll ? [] : rows, next, codes);
        }

        if (isAll && columns is [{ Type: ColumnType.Dictionary } texts])
        {
            texts.SpreadCodes(next, 0, codes);
            return Use(texts) + texts.Strings.Count;
        }

        codes.Clear();
        foreach (var column in columns)
        {
            LentArray.Room(ref _chosen, rows.Length);
            LentArray.Room(ref _codes, rows.Length);
            LentArray.Room(ref _at, rows.Length);
            var count = 0;
            for (var i = 0; i < rows.Length; i++)
            {
                if (column.Has(rows[i]))
                {
                    _at[count] = i;
                    _chosen[count++] = column.Rank(rows[i]);
                }
            }

            if (count == 0)
            {
                continue;
            }

            next = Fill(column, _chosen.AsSpan(0, count), next, _codes.AsSpan(0, count));
            for (var i = 0; i < count; i++)
            {
                codes[_at[i]] = _codes[i];
            }
        }

        return next;
    }

    /// <summary>Takes a column of texts, the only one of its field; the code of its first text.</summary>
    public int Use(ColumnVector column)
    {
        _sources.Clear();
        Add(new(column, 1, 1 + column.Strings.Count, null, null));
        return 1;
    }

    /// <summary>Gives the scratch memory back.</summary>
    public void Dispose()
    {
        LentArray.Return(ref _chosen);
        LentArray.Return(ref _codes);
        LentArray.Return(ref _at);
    }

    /// <summary>How this breakdown's codes were joined to those of the ones before: as before * size + code, or numbered in the map as (before, code).</summary>
    public void UsePairs(int size, IntegerMap? pairs)
    {
        _size = size;
        _pairs = pairs;
    }

    /// <summary>The parts of a joined code: of the breakdowns before, and of this one.</summary>
    public (int Before, int Code) Split(int joined)
    {
        if (_pairs is null)
        {
            return (joined / _size, joined % _size);
        }

        var pair = _pairs.Key(joined);
        return ((int)(pair >> 32), (int)pair);
    }

    /// <summary>The number of a code's text and what numbered it, the same in other segments; <see cref="TextNumbers.None"/> when it has none.</summary>
    public int TextNumber(int code, out TextNumbers? numbering)
    {
        numbering = null;
        if (_sources is not [{ Column.Numbered: { } numbered } only] || code < only.Start)
        {
            return TextNumbers.None;
        }

        numbering = numbered.Numbering;
        return numbered.Numbers[code - only.Start];
    }

    /// <summary>Writes the value of a code as part of a group's key.</summary>
    public void WriteKey(ByteWriter key, int code)
    {
        if (code == 0)
        {
            key.U8(0);
            return;
        }

        var at = 0;
        while (code >= _sources[at].End)
        {
            at++;
        }

        var source = _sources[at];
        var local = code - source.Start;
        switch (source.Column.Type)
        {
            case ColumnType.Dictionary:
                GroupKey.WriteText(key, source.Column.Strings[local]);
                break;
            case ColumnType.Text or ColumnType.Hex:
                GroupKey.WriteText(key, source.Texts![local]);
                break;
            case ColumnType.Float:
                GroupKey.WriteFloat(key, source.FloatOf(local));
                break;
            case ColumnType.Bool:
                key.U8((byte)(source.IntegerOf(local) != 0 ? 5 : 4));
                break;
            default:
                GroupKey.WriteInteger(key, source.IntegerOf(local));
                break;
        }
    }

    /// <summary>Codes from <paramref name="start"/> on for the chosen entries of a column; for all of them when none is named.</summary>
    private int Fill(ColumnVector column, ReadOnlySpan<int> chosen, int start, Span<int> codes)
    {
        switch (column.Type)
        {
            case ColumnType.Dictionary:
                PackedScan.CopyCodes(column.PackedCodes, chosen, 0, start, codes);
                return Add(new(column, start, start + column.Strings.Count, null, null));
            case ColumnType.Text or ColumnType.Hex:
            {
                var texts = new StringDictionary();
                Span<byte> scratch = stackalloc byte[64];
                for (var i = 0; i < codes.Length; i++)
                {
                    codes[i] = start + texts.Add(column.Utf8(chosen.IsEmpty ? i : chosen[i], scratch));
                }

                return Add(new(column, start, start + texts.Count, null, texts));
            }

            case ColumnType.Float when column.FloatScale == 0:
            {
                var floats = column.Floats;
                var numbers = Numbers();
                for (var i = 0; i < codes.Length; i++)
                {
                    codes[i] = start + numbers.Add(BitConverter.DoubleToInt64Bits(floats[chosen.IsEmpty ? i : chosen[i]]));
                }

                return Add(new(column, start, start + numbers.Count, numbers, null));
            }

            default:
            {
                var packed = column.Type == ColumnType.Float ? column.PackedFloats : column.PackedIntegers;
                if (packed.Width <= 1)
                {
                    // Fast path: so few values that each entry is its own code.
                    PackedScan.CopyCodes(packed, chosen, 0, start, codes);
                    return Add(new(column, start, start + (packed.Width == 0 ? 1 : 256), null, null));
                }

                var numbers = Numbers();
                for (var i = 0; i < codes.Length; i++)
                {
                    codes[i] = start + numbers.Add(packed[chosen.IsEmpty ? i : chosen[i]]);
                }

                return Add(new(column, start, start + numbers.Count, numbers, null));
            }
        }
    }

    /// <summary>A map for a column's numbers: the kept one, or another when a second column of the segment needs one.</summary>
    private IntegerMap Numbers()
    {
        foreach (var source in _sources)
        {
            if (source.Numbers == _numbers)
            {
                return new();
            }
        }

        _numbers.Clear();
        return _numbers;
    }

    private int Add(Source source)
    {
        _sources.Add(source);
        return source.End;
    }

    private sealed record Source(ColumnVector Column, int Start, int End, IntegerMap? Numbers, StringDictionary? Texts)
    {
        public long IntegerOf(int local) => Numbers is not null ? Numbers.Key(local) : Column.PackedIntegers.Least + local;

        public double FloatOf(int local) => (Column.FloatScale, Numbers) switch
        {
            (0, _) => BitConverter.Int64BitsToDouble(Numbers!.Key(local)),
            (var scale, null) => (Column.PackedFloats.Least + local) / scale,
            (var scale, _) => Numbers.Key(local) / scale,
        };
    }
}
