namespace StreamObserve.Core.Sketches;

// Format 1, all numbers varints (LEB128) unless said otherwise:
//
//   byte 1 | byte flags | [zero weight] | [negative bins] | [positive bins]
//   bins:  count | zigzag first bin | weight | (distance to the next bin | weight) x (count - 1)
//   flags: 1 weights are integers, varints (else 8-byte little-endian doubles)   2 zero weight there   4 negative bins there
//          8 positive bins there   16 negative collapsed   32 positive collapsed
public sealed partial class QuantileSketch
{
    private const byte ExportFormat = 1;

    // A distance below the number of bins, and a weight that is a varint of an integer that a double holds, or a double.
    private const int BinBytesMax = 2 + 10;

    [Flags]
    private enum ExportFlags : byte
    {
        None = 0,
        Integral = 1,
        Zero = 2,
        Negative = 4,
        Positive = 8,
        NegativeCollapsed = 16,
        PositiveCollapsed = 32,
        All = 63,
    }

    /// <summary>The bytes that <see cref="Export"/> will write.</summary>
    public int ExportSize()
    {
        var writer = SketchWriter.Measuring();
        Write(ref writer);
        return writer.Position;
    }

    /// <summary>At least the bytes that <see cref="Export"/> will write, found in less time than <see cref="ExportSize"/>.</summary>
    internal int ExportSizeMost()
    {
        var ignored = true;
        return 32 + ((CountOf(_negative, ref ignored) + CountOf(_positive, ref ignored)) * BinBytesMax);
    }

    /// <summary>
    /// Writes the sketch, self-delimiting and in one way only: equal contents give equal bytes. Returns the bytes written.
    /// The destination must hold <see cref="ExportSize"/> bytes, else <see cref="IndexOutOfRangeException"/> or <see cref="ArgumentException"/>.
    /// </summary>
    public int Export(Span<byte> destination)
    {
        var writer = SketchWriter.Into(destination);
        Write(ref writer);
        return writer.Position;
    }

    /// <summary>The sketch that was exported at the start of the source, and how many bytes it took. Damage is an <see cref="InvalidDataException"/>.</summary>
    public static QuantileSketch Import(ReadOnlySpan<byte> source, out int read)
    {
        var sketch = new QuantileSketch();
        read = sketch.MergeExported(source);
        return sketch;
    }

    /// <summary>
    /// Merges an exported sketch without making one of it. Returns the bytes read. Damage is an <see cref="InvalidDataException"/>; what this sketch holds
    /// then is undefined.
    /// </summary>
    public int MergeExported(ReadOnlySpan<byte> source)
    {
        var reader = new SketchReader(source);
        var format = reader.ReadByte();
        var flags = (ExportFlags)reader.ReadByte();
        if (format != ExportFormat || (flags & ~ExportFlags.All) != 0)
        {
            throw reader.Damaged($"format {format} with flags {(byte)flags} is not known");
        }

        var integral = flags.HasFlag(ExportFlags.Integral);
        if (flags.HasFlag(ExportFlags.Zero))
        {
            _zero += reader.ReadWeight(integral);
        }

        if (flags.HasFlag(ExportFlags.Negative))
        {
            ReadBins(ref reader, _negative, integral);
        }

        if (flags.HasFlag(ExportFlags.Positive))
        {
            ReadBins(ref reader, _positive, integral);
        }

        _negative.Collapsed |= flags.HasFlag(ExportFlags.NegativeCollapsed);
        _positive.Collapsed |= flags.HasFlag(ExportFlags.PositiveCollapsed);
        return reader.Position;
    }

    private void Write(ref SketchWriter writer)
    {
        var integral = _zero == 0 || SketchWeights.IsIntegral(_zero);
        var negatives = CountOf(_negative, ref integral);
        var positives = CountOf(_positive, ref integral);
        var flags = (integral ? ExportFlags.Integral : 0)
            | (_zero > 0 ? ExportFlags.Zero : 0)
            | (negatives > 0 ? ExportFlags.Negative : 0)
            | (positives > 0 ? ExportFlags.Positive : 0)
            | (_negative.Collapsed ? ExportFlags.NegativeCollapsed : 0)
            | (_positive.Collapsed ? ExportFlags.PositiveCollapsed : 0);
        writer.WriteByte(ExportFormat);
        writer.WriteByte((byte)flags);
        if (_zero > 0)
        {
            writer.WriteWeight(_zero, integral);
        }

        WriteBins(ref writer, _negative, negatives, integral);
        WriteBins(ref writer, _positive, positives, integral);
    }

    private static int CountOf(BinStore store, ref bool integral)
    {
        var count = 0;
        foreach (var weight in store.Weights)
        {
            if (weight != 0)
            {
                count++;
                integral &= SketchWeights.IsIntegral(weight);
            }
        }

        return count;
    }

    private static void WriteBins(ref SketchWriter writer, BinStore store, int count, bool integral)
    {
        if (count == 0)
        {
            return;
        }

        writer.WriteVarint((ulong)count);
        var weights = store.Weights;
        var first = true;
        var previous = 0;
        for (var slot = 0; slot < weights.Length; slot++)
        {
            if (weights[slot] == 0)
            {
                continue;
            }

            var bin = store.Lowest + slot;
            if (first)
            {
                writer.WriteZigZag(bin);
            }
            else
            {
                writer.WriteVarint((ulong)(bin - previous));
            }

            writer.WriteWeight(weights[slot], integral);
            (first, previous) = (false, bin);
        }
    }

    private static void ReadBins(ref SketchReader reader, BinStore store, bool integral)
    {
        var count = reader.ReadCount(SketchLimits.QuantileBinsMax);
        if (count > 0)
        {
            // A look ahead at the last bin, so that the window is made once; the second pass checks what it reads.
            var ahead = reader;
            long first = ahead.ReadZigZag(), last = first;
            ahead.ReadWeight(integral);
            for (var i = 1; i < count; i++)
            {
                last += ahead.ReadCount(SketchLimits.QuantileBinsMax);
                ahead.ReadWeight(integral);
            }

            if (first >= LogBins.Lowest && last <= LogBins.Highest)
            {
                store.EnsureRoom((int)first, (int)last);
            }
        }

        var bin = reader.ReadZigZag();
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
            {
                var distance = reader.ReadCount(SketchLimits.QuantileBinsMax);
                bin = distance > 0 ? bin + distance : throw reader.Damaged("a bin comes twice");
            }

            if (bin is < LogBins.Lowest or > LogBins.Highest)
            {
                throw reader.Damaged($"a bin is {bin}, from {LogBins.Lowest} to {LogBins.Highest} are allowed");
            }

            store.Add(bin, reader.ReadWeight(integral));
        }
    }
}
