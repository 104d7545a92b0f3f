using System.Numerics;
using System.Runtime.Intrinsics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Filters;

/// <summary>
/// Marks the rows of a column whose value satisfies a predicate: by ranges over packed numbers and codes, one search over all bytes of a text column, one comparison a
/// run of ids. Holds scratch memory: one instance a thread.
/// </summary>
internal sealed class ColumnMarks
{
    /// <summary>Values of IN up to which each is compared with all rows at once; past it rows are tested one by one.</summary>
    private const int RangesMax = 16;

    private ulong[] _values = [];
    private byte[] _holds = [];

    /// <summary>
    /// Sets the bits in <paramref name="hits"/> of the rows whose value satisfies the predicate. Rows that aren't in <paramref name="wanted"/> may be left out, so that
    /// values that are slow to test are tested only where the answer matters.
    /// </summary>
    public void Mark(ColumnVector column, ValuePredicate predicate, ReadOnlySpan<ulong> wanted, Span<ulong> hits)
    {
        if (predicate.Op == FilterOp.Exists)
        {
            MarkPresent(column, hits);
            return;
        }

        switch (column.Type)
        {
            case ColumnType.Dictionary:
                MarkCoded(column, column.Strings, column.PackedCodes, predicate, hits);
                break;
            case ColumnType.Text when column.Templates is { } templates && IsOfTemplates(predicate):
                MarkCoded(column, templates.Templates, templates.Codes.Span, predicate, hits);
                break;
            case ColumnType.Text when predicate.Op == FilterOp.Contains && predicate.Texts[0].Length > 0 && IsDense(column, wanted):
                MarkContaining(column, predicate.Texts[0], hits);
                break;
            case ColumnType.Hex when predicate.Op == FilterOp.Equal:
                MarkId(column, predicate.Texts[0], hits);
                break;
            case ColumnType.Integer when HasRanges(predicate) && column.PackedIntegers is { Width: < 8 } integers:
                MarkRanges(column, integers, 0, predicate, hits);
                break;
            case ColumnType.Float when HasRanges(predicate) && column.FloatScale != 0 && column.PackedFloats is { Width: < 8 } scaled:
                MarkRanges(column, scaled, column.FloatScale, predicate, hits);
                break;
            case ColumnType.Float when column.FloatScale == 0 && predicate.Op is not (FilterOp.In or FilterOp.StartsWith or FilterOp.EndsWith or FilterOp.Contains)
                && predicate.FloatRangeOf(0) is { } range:
                PackedScan.MarkBetween(column.Floats, range.Low, range.High, Values(column.Count));
                Spread(column, hits);
                break;
            case ColumnType.Bool:
                MarkBools(column, predicate, hits);
                break;
            default:
                MarkOneByOne(column, predicate, wanted, hits);
                break;
        }
    }

    private static bool HasRanges(ValuePredicate predicate) =>
        predicate.Op is not (FilterOp.StartsWith or FilterOp.EndsWith or FilterOp.Contains) && (predicate.Op != FilterOp.In || predicate.Values <= RangesMax);

    /// <summary>True when an eighth of the rows is wanted or more: then one pass over all texts beats a search a row.</summary>
    private static bool IsDense(ColumnVector column, ReadOnlySpan<ulong> wanted)
    {
        var count = 0;
        foreach (var word in wanted)
        {
            count += BitOperations.PopCount(word);
        }

        return count >= column.Rows / 8;
    }

    private static void MarkPresent(ColumnVector column, Span<ulong> hits)
    {
        if (column.Presence is { } presence)
        {
            for (var i = 0; i < hits.Length; i++)
            {
                hits[i] |= presence[i];
            }

            return;
        }

        for (var row = 0; row < column.Rows; row += 64)
        {
            hits[row >> 6] |= column.Rows - row >= 64 ? ulong.MaxValue : (1UL << (column.Rows - row)) - 1;
        }
    }

    /// <summary>True when a text satisfies the predicate exactly where its template does.</summary>
    private static bool IsOfTemplates(ValuePredicate predicate)
    {
        var isOne = predicate.Op is FilterOp.Equal or FilterOp.In or FilterOp.StartsWith or FilterOp.EndsWith or FilterOp.Contains;
        for (var i = 0; isOne && i < predicate.Values; i++)
        {
            isOne = TextTemplates.IsOfTemplates(predicate.Texts[i]);
        }

        return isOne;
    }

    private void MarkCoded(ColumnVector column, Utf8Strings dictionary, PackedSpan codes, ValuePredicate predicate, Span<ulong> hits)
    {
        // Each distinct value is tested once.
        if (_holds.Length < dictionary.Count)
        {
            _holds = new byte[Math.Max(256, dictionary.Count * 2)];
        }

        int first = -1, last = -1, count = 0;
        for (var code = 0; code < dictionary.Count; code++)
        {
            var holds = predicate.TestText(dictionary[code]);
            _holds[code] = holds ? (byte)1 : (byte)0;
            if (holds)
            {
                first = first < 0 ? code : first;
                last = code;
                count++;
            }
        }

        if (count == 0)
        {
            return;
        }

        if (count == last - first + 1)
        {
            // Fast path: the codes are a range, in most cases a single one.
            PackedScan.MarkBetween(codes, first, last, Values(column.Count));
        }
        else
        {
            PackedScan.MarkCodes(codes, _holds, Values(column.Count));
        }

        Spread(column, hits);
    }

    private void MarkRanges(ColumnVector column, PackedSpan entries, double scale, ValuePredicate predicate, Span<ulong> hits)
    {
        var greatest = entries.Least + (entries.Width == 0 ? 0 : (1L << (8 * entries.Width)) - 1);
        if (greatest < entries.Least || greatest == long.MaxValue || entries.Least == long.MinValue)
        {
            // Slow path: numbers at the very edge of 64 bits.
            MarkOneByOne(column, predicate, [], hits);
            return;
        }

        for (var i = 0; i < (predicate.Op == FilterOp.In ? predicate.Values : 1); i++)
        {
            var (low, high) = predicate.RangeOf(i, scale, entries.Least, greatest);
            if (low <= high)
            {
                PackedScan.MarkBetween(entries, low, high, Values(column.Count));
                Spread(column, hits);
            }
        }
    }

    private void MarkBools(ColumnVector column, ValuePredicate predicate, Span<ulong> hits)
    {
        bool whenFalse = predicate.TestBool(false), whenTrue = predicate.TestBool(true);
        if (whenFalse || whenTrue)
        {
            PackedScan.MarkBetween(column.PackedIntegers, whenFalse ? 0 : 1, whenTrue ? 1 : 0, Values(column.Count));
            Spread(column, hits);
        }
    }

    private void MarkContaining(ColumnVector column, ReadOnlySpan<byte> wanted, Span<ulong> hits)
    {
        var bits = Values(column.Count);
        bits.Clear();
        var bytes = column.Strings.AllBytes;
        var offsets = column.Strings.Offsets;
        var first = offsets[0];
        for (int at = 0, k = 0; at < bytes.Length;)
        {
            var found = bytes[at..].IndexOf(wanted);
            if (found < 0)
            {
                break;
            }

            at += found;
            k = Containing(offsets, k, at + first);
            if (at + wanted.Length <= offsets[k + 1] - first)
            {
                bits[k >> 6] |= 1UL << (k & 63);
                at = offsets[k + 1] - first;        // one find is enough
            }
            else
            {
                at++;       // the end of one text and the start of the next
            }
        }

        Spread(column, hits);
    }

    /// <summary>The text, at or behind the given one, that the byte at an offset belongs to.</summary>
    private static int Containing(ReadOnlySpan<int> offsets, int from, int offset)
    {
        // Ever larger steps, then halves: finds lie close together or far apart.
        var step = 1;
        while (from + step < offsets.Length && offsets[from + step] <= offset)
        {
            from += step;
            step *= 2;
        }

        var to = Math.Min(from + step, offsets.Length - 1);
        while (to - from > 1)
        {
            var middle = (from + to) / 2;
            if (offsets[middle] <= offset)
            {
                from = middle;
            }
            else
            {
                to = middle;
            }
        }

        return from;
    }

    private void MarkId(ColumnVector column, ReadOnlySpan<byte> text, Span<ulong> hits)
    {
        // The wanted text as bytes; text that isn't lower-case hexadecimal of this length equals none.
        var width = column.HexWidth;
        Span<byte> wanted = width <= 64 ? stackalloc byte[width] : new byte[width];
        if (!Hex.TryDecodeLower(text, wanted))
        {
            return;
        }

        var bits = Values(column.Count);
        bits.Clear();
        var ends = column.HexRunEnds;
        if (ends.IsEmpty)
        {
            MarkEqual(column.AllHex, wanted, bits);
        }
        else
        {
            for (var run = 0; run < ends.Length; run++)
            {
                if (column.HexRuns.AsSpan(run * width, width).SequenceEqual(wanted))
                {
                    for (var k = run == 0 ? 0 : ends[run - 1]; k < ends[run]; k++)
                    {
                        bits[k >> 6] |= 1UL << (k & 63);
                    }
                }
            }
        }

        Spread(column, hits);
    }

    private static void MarkEqual(ReadOnlySpan<byte> ids, ReadOnlySpan<byte> wanted, Span<ulong> bits)
    {
        var width = wanted.Length;
        if (width == 16)
        {
            // Fast path: a trace id is one register.
            var id = Vector128.Create(wanted);
            for (int k = 0, at = 0; at < ids.Length; k++, at += 16)
            {
                bits[k >> 6] |= Vector128.Create(ids.Slice(at, 16)) == id ? 1UL << (k & 63) : 0;
            }

            return;
        }

        for (int k = 0, at = 0; at < ids.Length; k++, at += width)
        {
            bits[k >> 6] |= ids.Slice(at, width).SequenceEqual(wanted) ? 1UL << (k & 63) : 0;
        }
    }

    /// <summary>Slow path: a call a value, for the wanted rows; for all when <paramref name="wanted"/> is empty.</summary>
    private static void MarkOneByOne(ColumnVector column, ValuePredicate predicate, ReadOnlySpan<ulong> wanted, Span<ulong> hits)
    {
        Span<byte> scratch = stackalloc byte[256];
        for (var word = 0; word < hits.Length; word++)
        {
            var bits = column.Presence is { } presence ? presence[word] : column.Rows - (word << 6) >= 64 ? ulong.MaxValue : (1UL << (column.Rows & 63)) - 1;
            for (bits &= wanted.IsEmpty ? ulong.MaxValue : wanted[word]; bits != 0; bits &= bits - 1)
            {
                var row = (word << 6) + BitOperations.TrailingZeroCount(bits);
                hits[word] |= Holds(column, column.Rank(row), predicate, scratch) ? bits & (0 - bits) : 0;
            }
        }
    }

    private static bool Holds(ColumnVector column, int k, ValuePredicate predicate, Span<byte> scratch) => column.Type switch
    {
        ColumnType.Integer => predicate.TestInteger(column.IntegerAt(k)),
        ColumnType.Float => predicate.TestFloat(column.FloatAt(k)),
        ColumnType.Bool => predicate.TestBool(column.IntegerAt(k) != 0),
        _ => predicate.TestText(column.Utf8(k, scratch)),
    };

    /// <summary>Room for a bit a value.</summary>
    private Span<ulong> Values(int count)
    {
        var words = (count + 63) >> 6;
        if (_values.Length < words)
        {
            _values = new ulong[Math.Max(words, 1024)];
        }

        return _values.AsSpan(0, words);
    }

    /// <summary>From bits of values to bits of rows.</summary>
    private void Spread(ColumnVector column, Span<ulong> hits)
    {
        var bits = _values.AsSpan(0, (column.Count + 63) >> 6);
        if (column.Presence is { } presence)
        {
            PackedScan.Spread(bits, presence, hits);
            return;
        }

        for (var i = 0; i < bits.Length; i++)
        {
            hits[i] |= bits[i];
        }
    }
}
