using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>The part that counts one column, by its kind.</summary>
public sealed partial class BubbleUpScan
{
    private void AddDictionary(TextCounts texts, ColumnVector column)
    {
        var dictionary = column.Strings;
        Count(column.Codes.AsSpan(0, column.Count), dictionary.Count);
        int known = 0;
        double selection = 0, baseline = 0;
        for (var code = 0; code < dictionary.Count; code++)
        {
            var (s, b) = (Counted(code, Selected), Counted(code, Rest));
            known += s + b > 0 ? 1 : 0;
            selection += s;
            baseline += b;
        }

        var least = known <= BubbleUpLimits.SegmentValuesMax ? 0 : 0.001;
        for (var code = 0; code < dictionary.Count; code++)
        {
            AddText(texts, dictionary[code], Counted(code, Selected), Counted(code, Rest), selection * least, baseline * least);
        }
    }

    private static void AddText(TextCounts texts, ReadOnlySpan<byte> text, double selection, double baseline, double leastSelection, double leastBaseline)
    {
        if (selection > leastSelection || baseline > leastBaseline)
        {
            texts.Add(text, selection, baseline);
        }
        else if (selection + baseline > 0)
        {
            texts.AddUnnamed(selection, baseline);
        }
    }

    /// <summary>Columns that their writer found nearly unique: some rows of each side, evenly spread, stand for all of it.</summary>
    private void AddNearlyUnique(TextCounts texts, ColumnVector column, int segmentRows)
    {
        var limit = Math.Max(BubbleUpLimits.WideRowsMin, segmentRows / 16);
        Span<int> counts = stackalloc int[3];
        foreach (var side in _packedSides.AsSpan(0, column.Count))
        {
            counts[side]++;
        }

        Span<int> steps = [int.MaxValue, ((counts[Selected] - 1) / limit) + 1, ((counts[Rest] - 1) / limit) + 1];
        Span<int> seen = stackalloc int[3];
        Span<double> taken = stackalloc double[3];
        Span<double> all = stackalloc double[3];
        _texts.Clear();
        EnsureZero(ref _sums, (Math.Min(counts[Selected], limit) + Math.Min(counts[Rest], limit)) * 4);
        for (var k = 0; k < column.Count; k++)
        {
            var side = _packedSides[k];
            if (side == Outside)
            {
                continue;
            }

            var weight = _weights is null ? 1 : _packedWeights[k];
            all[side] += weight;
            if (seen[side]++ % steps[side] == 0)
            {
                taken[side] += weight;
                _sums[(_texts.Add(column.Utf8(k, _scratch)) * 4) + side] += weight;
            }
        }

        double selection = taken[Selected] > 0 ? all[Selected] / taken[Selected] : 0, baseline = taken[Rest] > 0 ? all[Rest] / taken[Rest] : 0;
        var least = _texts.Count <= BubbleUpLimits.SegmentValuesMax ? 0 : 0.001;
        for (var code = 0; code < _texts.Count; code++)
        {
            AddText(texts, _texts[code], _sums[(code * 4) + Selected] * selection, _sums[(code * 4) + Rest] * baseline, all[Selected] * least, all[Rest] * least);
        }
    }

    private void AddNumbers(FieldCounts field, ColumnVector column)
    {
        var (numbers, measure) = (field.UseNumbers(), field.UseMeasure());
        if (column.Type == ColumnType.Integer && column.Count > 0)
        {
            var values = column.Integers.AsSpan(0, column.Count);
            long min = long.MaxValue, max = long.MinValue;
            foreach (var value in values)
            {
                min = Math.Min(min, value);
                max = Math.Max(max, value);
            }

            if ((ulong)max - (ulong)min < DirectRangeMax)
            {
                // Fast path: small whole numbers count themselves.
                var distinct = (int)(max - min) + 1;
                Count(values, min, distinct);
                for (var i = 0; i < distinct; i++)
                {
                    AddNumber(numbers, measure, min + i, Counted(i, Selected), Counted(i, Rest));
                }

                return;
            }
        }

        _numbers.Clear();
        Array.Clear(_numberWeights);
        var isCounted = !numbers.IsTooMany;
        var (selection, baseline) = (measure?[0], measure?[1]);
        for (var k = 0; k < column.Count; k++)
        {
            var side = _packedSides[k];
            if (side == Outside)
            {
                continue;
            }

            var value = column.Type == ColumnType.Float ? column.Floats[k] : column.Integers[k];
            var weight = _weights is null ? 1 : _packedWeights[k];
            (side == Selected ? selection : baseline)?.Add(value, weight);
            if (isCounted)
            {
                var code = _numbers.Add(BitConverter.DoubleToInt64Bits(value + 0.0));
                isCounted = _numbers.Count <= BubbleUpLimits.NumbersMax;
                _numberWeights[(code * 2) + side - 1] += weight;
            }
        }

        if (!isCounted)
        {
            numbers.GiveUp();
            return;
        }

        for (var i = 0; i < _numbers.Count; i++)
        {
            numbers.Add(BitConverter.Int64BitsToDouble(_numbers.Key(i)), _numberWeights[i * 2], _numberWeights[(i * 2) + 1]);
        }
    }

    private static void AddNumber(NumberCounts numbers, MeasureCounts? measure, double value, double selection, double baseline)
    {
        if (selection > 0)
        {
            measure?[0].Add(value, selection);
        }

        if (baseline > 0)
        {
            measure?[1].Add(value, baseline);
        }

        if (selection + baseline > 0)
        {
            numbers.Add(value, selection, baseline);
        }
    }

    /// <summary>Counts by (code, side): no branch a value.</summary>
    private void Count(ReadOnlySpan<int> codes, int distinct)
    {
        var sides = _packedSides.AsSpan(0, codes.Length);
        if (_weights is null)
        {
            EnsureZero(ref _counts, distinct * 4);
            var counts = _counts;
            for (var k = 0; k < codes.Length; k++)
            {
                counts[(codes[k] * 4) + sides[k]]++;
            }
        }
        else
        {
            EnsureZero(ref _sums, distinct * 4);
            for (var k = 0; k < codes.Length; k++)
            {
                _sums[(codes[k] * 4) + sides[k]] += _packedWeights[k];
            }
        }
    }

    private void Count(ReadOnlySpan<long> values, long min, int distinct)
    {
        var sides = _packedSides.AsSpan(0, values.Length);
        if (_weights is null)
        {
            EnsureZero(ref _counts, distinct * 4);
            var counts = _counts;
            for (var k = 0; k < values.Length; k++)
            {
                counts[((int)(values[k] - min) * 4) + sides[k]]++;
            }
        }
        else
        {
            EnsureZero(ref _sums, distinct * 4);
            for (var k = 0; k < values.Length; k++)
            {
                _sums[((int)(values[k] - min) * 4) + sides[k]] += _packedWeights[k];
            }
        }
    }

    private double Counted(int code, byte side) => _weights is null ? _counts[(code * 4) + side] : _sums[(code * 4) + side];

    private void AddTraces(ColumnVector column)
    {
        Span<byte> bytes = stackalloc byte[64];
        for (var side = Selected; side <= Rest; side++)
        {
            var into = _result.Side(side - 1);
            var before = -1;
            for (var k = 0; k < column.Count; k++)
            {
                if (_packedSides[k] != side)
                {
                    continue;
                }

                // Rows of a trace mostly lie side by side.
                if (column.Type == ColumnType.Hex)
                {
                    var width = column.HexWidth;
                    var id = column.HexBytes.AsSpan(k * width, width);
                    into.AddTrace(before >= 0 && id.SequenceEqual(column.HexBytes.AsSpan(before * width, width)) ? null : Hash64.Of(id));
                }
                else
                {
                    var isSame = before >= 0 && column.Type == ColumnType.Dictionary && column.Codes[k] == column.Codes[before];
                    into.AddTrace(isSame ? null : HashOf(column.Utf8(k, _scratch), bytes));
                }

                before = k;
            }
        }
    }

    // The same trace has the same hash whichever way a segment holds it.
    private static ulong HashOf(ReadOnlySpan<byte> text, Span<byte> bytes) =>
        text.Length % 2 == 0 && text.Length <= bytes.Length * 2 && Hex.TryDecodeLower(text, bytes[..(text.Length / 2)]) ? Hash64.Of(bytes[..(text.Length / 2)]) : Hash64.Of(text);

    private static void EnsureZero<T>(ref T[] array, int length)
    {
        if (array.Length < length)
        {
            array = new T[length];
        }
        else
        {
            Array.Clear(array, 0, length);
        }
    }
}
