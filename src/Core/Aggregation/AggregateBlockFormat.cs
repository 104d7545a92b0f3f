using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// The bytes of an <see cref="AggregateBlock"/>: a column after the other, numbers as variable-length integers, whole numbers for sums. What folds write is stored as
/// it is, what is merged is compressed as well (<see cref="PackedChunk"/>). Drawn in docs/formats/aggregate-block.md.
/// </summary>
public static class AggregateBlockFormat
{
    private const byte Version = 2;

    /// <summary>Writes the block by way of a buffer, whose content is overwritten.</summary>
    public static byte[] Encode(AggregateBlock block, ByteWriter w) => Encode(block, w, null);

    /// <summary>Reads a block. The bytes' CRC was checked before: damage is a <see cref="FormatException"/>.</summary>
    public static AggregateBlock Decode(ReadOnlySpan<byte> bytes)
    {
        using var unpacked = PackedChunk.UnpackLent(bytes);
        var r = new ByteReader(unpacked.WrittenSpan);
        if (r.U8() is var version && version != Version)
        {
            throw new FormatException($"an aggregate block of version {version}");
        }

        var field = r.Text();
        var slotSeconds = r.Count();
        var datasets = ReadStrings(ref r);
        var values = ReadStrings(ref r);
        var cells = r.Count();
        var block = new AggregateBlock(field, slotSeconds, datasets, values, cells, r.U8() != 0);
        ReadCounts(ref r, block.DatasetCodes);
        ReadCounts(ref r, block.ValueCodes);
        ReadSlots(ref r, block.Slots);
        ReadCounts(ref r, block.Rows);
        ReadFloats(ref r, block.Weights);
        for (var left = r.Count(); left > 0; left--)
        {
            block.Measures.Add(ReadMeasure(ref r, block));
        }

        return block;
    }

    /// <summary>Writes the block, compressed when a packer is given.</summary>
    internal static byte[] Encode(AggregateBlock block, ByteWriter w, ChunkPacker? packer)
    {
        w.Clear();
        w.U8(Version);
        w.Text(block.Field);
        w.Varint((ulong)block.SlotSeconds);
        WriteStrings(w, block.Datasets);
        WriteStrings(w, block.Values);
        w.Varint((ulong)block.Cells);
        w.U8(block.Weights is null ? (byte)0 : (byte)1);
        WriteCounts(w, block.DatasetCodes);
        WriteCounts(w, block.ValueCodes);
        WriteSlots(w, block.Slots);
        WriteCounts(w, block.Rows);
        w.Raw(MemoryMarshal.AsBytes(block.Weights.AsSpan()));
        w.Varint((ulong)block.Measures.Count);
        foreach (var measure in block.Measures)
        {
            WriteMeasure(w, block, measure);
        }

        return packer is null ? PackedChunk.Plain(w.Written) : packer.Pack(w.Written);
    }

    internal static void WriteStrings(ByteWriter w, Utf8Strings strings)
    {
        w.Varint((ulong)strings.Count);
        for (var i = 0; i < strings.Count; i++)
        {
            w.Blob(strings[i]);
        }
    }

    internal static Utf8Strings ReadStrings(ref ByteReader r)
    {
        var count = r.Count();
        var offsets = new int[count + 1];
        var bytes = new ByteWriter();
        for (var i = 0; i < count; i++)
        {
            bytes.Raw(r.Blob());
            offsets[i + 1] = bytes.Length;
        }

        return new(bytes.Written.ToArray(), offsets);
    }

    private static void WriteMeasure(ByteWriter w, AggregateBlock block, MeasureCells measure)
    {
        w.Text(measure.Field);
        var isOfAllRows = measure.Counts.AsSpan().SequenceEqual(block.Rows);
        var isWhole = measure.Decimals >= 0 && AreWhole(measure);
        w.U8((byte)((isOfAllRows ? 1 : 0) | (measure.Weights is null ? 0 : 2) | (measure.Sketches is null ? 0 : 4) | (isWhole ? 8 : 0)));
        if (!isOfAllRows)
        {
            WriteCounts(w, measure.Counts);
        }

        w.Raw(MemoryMarshal.AsBytes(measure.Weights.AsSpan()));
        if (isWhole)
        {
            w.U8((byte)measure.Decimals);
            WriteWhole(w, measure);
        }
        else
        {
            WriteFloats(w, measure);
        }

        if (measure.Sketches is { } sketches)
        {
            SketchCellsFormat.Write(w, sketches);
        }
    }

    private static MeasureCells ReadMeasure(ref ByteReader r, AggregateBlock block)
    {
        var field = r.Text();
        var flags = r.U8();
        var counts = block.Rows;
        if ((flags & 1) == 0)
        {
            ReadCounts(ref r, counts = new int[block.Cells]);
        }

        var weights = (flags & 2) != 0 ? new double[block.Cells] : null;
        ReadFloats(ref r, weights);
        MeasureCells measure;
        if ((flags & 8) != 0)
        {
            var decimals = r.U8();
            measure = decimals <= MeasureCells.DecimalsMax ? new(field, decimals, counts, weights) : throw new FormatException($"a measure of {decimals} decimals");
            ReadWhole(ref r, measure);
        }
        else
        {
            measure = new(field, MeasureCells.Float, counts, weights);
            ReadFloats(ref r, measure);
        }

        if ((flags & 4) != 0)
        {
            measure.Sketches = SketchCellsFormat.Read(ref r, block.Cells);
        }

        return measure;
    }

    private static bool AreWhole(MeasureCells measure)
    {
        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            var sum = measure.Sums[cell];
            if (measure.Counts[cell] > 0 && (!(Math.Abs(sum) <= MeasureCells.WholeMax) || sum != Math.Floor(sum)
                || Math.Max(Math.Abs(measure.Mins[cell]), Math.Abs(measure.Maxs[cell])) > MeasureCells.WholeMax))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Minima; how far the maxima and sums lie above what the minima give. A cell of one unweighted row is its minimum alone.</summary>
    private static void WriteWhole(ByteWriter w, MeasureCells measure)
    {
        var (counts, mins, maxs, sums) = (measure.Counts, measure.Mins, measure.Maxs, measure.Sums);
        var run = w.BeginVarints(counts.Length, VarintRun.BytesMax);
        for (var cell = 0; cell < counts.Length; cell++)
        {
            if (counts[cell] > 0)
            {
                run.AddZigzag((long)mins[cell]);
            }
        }

        run.End();
        run = w.BeginVarints(counts.Length, VarintRun.BytesMax);
        for (var cell = 0; cell < counts.Length; cell++)
        {
            if (counts[cell] > 1)
            {
                run.Add((ulong)((long)maxs[cell] - (long)mins[cell]));
            }
        }

        run.End();
        run = w.BeginVarints(counts.Length, VarintRun.BytesMax);
        for (var cell = 0; cell < counts.Length; cell++)
        {
            if (counts[cell] > 1 || (counts[cell] == 1 && measure.Weights is not null))
            {
                run.AddZigzag(unchecked((long)sums[cell] - ((long)mins[cell] * counts[cell])));
            }
        }

        run.End();
    }

    private static void ReadWhole(ref ByteReader r, MeasureCells measure)
    {
        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            if (measure.Counts[cell] > 0)
            {
                measure.Sums[cell] = measure.Mins[cell] = measure.Maxs[cell] = r.Zigzag();
            }
        }

        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            if (measure.Counts[cell] > 1)
            {
                measure.Maxs[cell] += r.Varint();
            }
        }

        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            if (measure.Counts[cell] > 1 || (measure.Counts[cell] == 1 && measure.Weights is not null))
            {
                measure.Sums[cell] = unchecked(r.Zigzag() + ((long)measure.Mins[cell] * measure.Counts[cell]));
            }
        }
    }

    private static void WriteFloats(ByteWriter w, MeasureCells measure)
    {
        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            if (measure.Counts[cell] > 0)
            {
                w.F64(measure.Mins[cell] / measure.Scale);
                if (measure.Counts[cell] > 1)
                {
                    w.F64(measure.Maxs[cell] / measure.Scale);
                }

                if (measure.Counts[cell] > 1 || measure.Weights is not null)
                {
                    w.F64(measure.Sums[cell] / measure.Scale);
                }
            }
        }
    }

    private static void ReadFloats(ref ByteReader r, MeasureCells measure)
    {
        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            if (measure.Counts[cell] > 0)
            {
                measure.Sums[cell] = measure.Mins[cell] = measure.Maxs[cell] = r.F64();
                if (measure.Counts[cell] > 1)
                {
                    measure.Maxs[cell] = r.F64();
                }

                if (measure.Counts[cell] > 1 || measure.Weights is not null)
                {
                    measure.Sums[cell] = r.F64();
                }
            }
        }
    }

    private static void WriteCounts(ByteWriter w, int[] counts)
    {
        var run = w.BeginVarints(counts.Length, VarintRun.BytesMax32);
        run.AddAll(counts);
        run.End();
    }

    private static void ReadCounts(ref ByteReader r, int[] counts)
    {
        if (!r.TryCounts(counts))
        {
            throw new FormatException("a count of more than an int holds");
        }
    }

    private static void WriteSlots(ByteWriter w, long[] slots)
    {
        var run = w.BeginVarints(slots.Length, VarintRun.BytesMax);
        var last = 0L;
        foreach (var slot in slots)
        {
            run.AddZigzag(slot - last);
            last = slot;
        }

        run.End();
    }

    private static void ReadSlots(ref ByteReader r, long[] slots)
    {
        var slot = 0L;
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i] = slot += r.Zigzag();
        }
    }

    private static void ReadFloats(ref ByteReader r, double[]? numbers)
    {
        if (numbers is not null)
        {
            r.Take(numbers.Length * 8).CopyTo(MemoryMarshal.AsBytes(numbers.AsSpan()));
        }
    }
}
