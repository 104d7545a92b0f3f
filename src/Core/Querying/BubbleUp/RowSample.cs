using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>A row kept to see which fields go together: its values as codes that are equal for equal values, and in order for numbers; 0 = absent.</summary>
internal sealed class SampledRow(ulong priority, long timeNs, int fields)
{
    private ulong[] _cells = new ulong[fields];

    /// <summary>Rows of the least priority are kept: a number drawn for the row from where it lies.</summary>
    public ulong Priority { get; } = priority;

    /// <summary>The event's time.</summary>
    public long TimeNs { get; } = timeNs;

    /// <summary>Codes by field number.</summary>
    public ReadOnlySpan<ulong> Cells => _cells;

    /// <summary>The code of a field.</summary>
    public ulong this[int field] => field < _cells.Length ? _cells[field] : 0;

    public void Set(int field, ulong code)
    {
        if (field >= _cells.Length)
        {
            Array.Resize(ref _cells, field + 8);
        }

        _cells[field] = code;
    }
}

/// <summary>Codes of values in a <see cref="SampledRow"/>.</summary>
internal static class SampleCode
{
    /// <summary>Of a present value.</summary>
    public static ulong Of(ColumnVector column, int k, Span<byte> scratch) => column.Type switch
    {
        ColumnType.Integer => Of((double)column.Integers[k]),
        ColumnType.Float => Of(column.Floats[k]),
        ColumnType.Bool => Of(column.Integers[k] != 0),
        _ => Of(column.Utf8(k, scratch)),
    };

    /// <summary>Of a text.</summary>
    public static ulong Of(ReadOnlySpan<byte> text) => (uint)Hash64.Of(text) | 1;        // 32 bits: they are sent

    /// <summary>Of a truth value.</summary>
    public static ulong Of(bool value) => value ? 2UL : 1UL;

    /// <summary>Of a number: greater for a greater one.</summary>
    public static ulong Of(double number)
    {
        var bits = BitConverter.DoubleToInt64Bits(number + 0.0);
        return bits < 0 ? Math.Max(~(ulong)bits, 1) : (ulong)bits | (1UL << 63);
    }
}

/// <summary>
/// The rows of least priority of one side, at most <see cref="BubbleUpLimits.SampledRowsMax"/>: a sample of all, since priorities are drawn. Which rows they are does
/// not depend on the order of adding. Single-threaded.
/// </summary>
internal sealed class RowSample
{
    private readonly List<SampledRow> _rows = [];

    /// <summary>The rows.</summary>
    public IReadOnlyList<SampledRow> Rows => _rows;

    /// <summary>A row of this priority or more is not kept.</summary>
    public ulong Threshold { get; private set; } = ulong.MaxValue;

    /// <summary>The priority of a segment's row.</summary>
    public static ulong PriorityOf(ulong segment, int row)
    {
        var x = segment + ((ulong)row * 0x9E3779B97F4A7C15);
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    public void Add(SampledRow row) => _rows.Add(row);

    /// <summary>Lets go of rows past the bound. To be called after some have been added.</summary>
    public void Trim()
    {
        if (_rows.Count <= BubbleUpLimits.SampledRowsMax)
        {
            return;
        }

        _rows.Sort(static (a, b) => a.Priority.CompareTo(b.Priority));
        _rows.RemoveRange(BubbleUpLimits.SampledRowsMax, _rows.Count - BubbleUpLimits.SampledRowsMax);
        Threshold = _rows[^1].Priority;
    }

    /// <summary>Adds another side's rows; <paramref name="fields"/> gives its field numbers here.</summary>
    public void Merge(RowSample other, ReadOnlySpan<int> fields)
    {
        foreach (var theirs in other._rows)
        {
            var row = new SampledRow(theirs.Priority, theirs.TimeNs, fields.Length);
            for (var i = 0; i < theirs.Cells.Length; i++)
            {
                if (theirs.Cells[i] != 0 && i < fields.Length && fields[i] is >= 0 and < BubbleUpLimits.SampledFieldsMax)
                {
                    row.Set(fields[i], theirs.Cells[i]);
                }
            }

            _rows.Add(row);
        }

        Trim();
    }

    public void Export(ByteWriter writer, int fields)
    {
        fields = Math.Min(fields, BubbleUpLimits.SampledFieldsMax);
        writer.Varint((ulong)_rows.Count);
        writer.Varint((ulong)fields);
        foreach (var row in _rows)
        {
            writer.I64((long)row.Priority);
            writer.I64(row.TimeNs);
            for (var field = 0; field < fields; field++)
            {
                writer.Varint(row[field]);
            }
        }
    }

    public void Import(ref ByteReader reader)
    {
        var count = reader.Count();
        var fields = reader.Count();
        if (fields > BubbleUpLimits.SampledFieldsMax)
        {
            throw new FormatException($"sampled rows of {fields} fields");
        }

        for (; count > 0; count--)
        {
            var row = new SampledRow((ulong)reader.I64(), reader.I64(), fields);
            for (var field = 0; field < fields; field++)
            {
                if (reader.Varint() is var code and not 0)
                {
                    row.Set(field, code);
                }
            }

            _rows.Add(row);
        }

        Trim();
    }
}
