using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>A measure's aggregates over the cells of a block: counts, weighted counts, weighted sums, minima, maxima.</summary>
public sealed class MeasureCells(string field, int cells)
{
    /// <summary>The numeric field.</summary>
    public string Field { get; } = field;

    /// <summary>Rows with a number.</summary>
    public long[] Counts { get; } = new long[cells];

    /// <summary>Events with a number.</summary>
    public double[] Weights { get; } = new double[cells];

    /// <summary>Sums over events.</summary>
    public double[] Sums { get; } = new double[cells];

    /// <summary>Least numbers; +infinity where there is none.</summary>
    public double[] Mins { get; } = new double[cells];

    /// <summary>Greatest numbers; -infinity where there is none.</summary>
    public double[] Maxs { get; } = new double[cells];

    /// <summary>Bins of the quantile sketches, by cell; null when the block has no sketches of the field.</summary>
    public SketchCells? Sketches { get; set; }
}

/// <summary>Sketch bins of many cells as flat arrays: those of cell c are [Starts[c], Starts[c + 1]). Bin code = bin * 3 + (sign + 1).</summary>
public sealed record SketchCells(int[] Starts, int[] Bins, double[] Weights);

/// <summary>
/// Aggregates of one fold over one dimension (or over none: the totals): cells of (dataset, time slot, value), each with rows, events and measures.
/// Format: docs/formats/aggregate-block.md. Immutable once built.
/// </summary>
public sealed class AggregateBlock
{
    private const byte Version = 1;

    /// <summary>A block to be filled.</summary>
    public AggregateBlock(string field, int slotSeconds, Utf8Strings datasets, Utf8Strings values, int cells)
    {
        Field = field;
        SlotSeconds = slotSeconds;
        Datasets = datasets;
        Values = values;
        DatasetCodes = new int[cells];
        Slots = new long[cells];
        ValueCodes = new int[cells];
        Rows = new long[cells];
        Weights = new double[cells];
    }

    /// <summary>The dimension; empty = the totals.</summary>
    public string Field { get; }

    /// <summary>Width of a time slot.</summary>
    public int SlotSeconds { get; }

    /// <summary>Names of the datasets.</summary>
    public Utf8Strings Datasets { get; }

    /// <summary>The dimension's values as group keys; of the totals one empty entry.</summary>
    public Utf8Strings Values { get; }

    /// <summary>How many cells.</summary>
    public int Cells => Rows.Length;

    /// <summary>Dataset of each cell.</summary>
    public int[] DatasetCodes { get; }

    /// <summary>Time slot of each cell: its start is this times <see cref="SlotSeconds"/>, unix seconds.</summary>
    public long[] Slots { get; }

    /// <summary>Value of each cell, a code into <see cref="Values"/>.</summary>
    public int[] ValueCodes { get; }

    /// <summary>Rows of each cell.</summary>
    public long[] Rows { get; }

    /// <summary>Events of each cell.</summary>
    public double[] Weights { get; }

    /// <summary>The measures.</summary>
    public List<MeasureCells> Measures { get; } = [];

    /// <summary>Bytes of memory that the decoded block holds, about.</summary>
    public long MemoryBytes
    {
        get
        {
            long bytes = 256 + (Cells * 32L) + Datasets.ByteCount + Values.ByteCount + ((Datasets.Count + Values.Count) * 4L);
            foreach (var measure in Measures)
            {
                bytes += 128 + (Cells * 40L) + (measure.Sketches is { } sketches ? (Cells * 4L) + (sketches.Bins.Length * 12L) : 0);
            }

            return bytes;
        }
    }

    /// <summary>The cells' measure of a field; null when the block has none.</summary>
    public MeasureCells? Measure(string field) => Measures.Find(measure => measure.Field == field);

    /// <summary>Writes the block.</summary>
    public byte[] Encode() => Encode(new ByteWriter(4096));

    /// <summary>Writes the block by way of a buffer, whose content is overwritten.</summary>
    public byte[] Encode(ByteWriter w)
    {
        w.Clear();
        w.U8(Version);
        w.Text(Field);
        w.Varint((ulong)SlotSeconds);
        WriteStrings(w, Datasets);
        WriteStrings(w, Values);
        w.Varint((ulong)Cells);
        long lastSlot = 0;
        var weighted = false;
        for (var cell = 0; cell < Cells; cell++)
        {
            w.Varint((ulong)DatasetCodes[cell]);
            w.Varint((ulong)ValueCodes[cell]);
            w.Zigzag(Slots[cell] - lastSlot);
            lastSlot = Slots[cell];
            w.Varint((ulong)Rows[cell]);
            weighted |= Weights[cell] != Rows[cell];
        }

        WriteWeights(w, weighted, Weights);
        w.Varint((ulong)Measures.Count);
        foreach (var measure in Measures)
        {
            WriteMeasure(w, measure);
        }

        return w.Written.ToArray();
    }

    /// <summary>Reads a block. The bytes' CRC was checked before: damage is a <see cref="FormatException"/>.</summary>
    public static AggregateBlock Decode(ReadOnlySpan<byte> bytes)
    {
        var r = new ByteReader(bytes);
        if (r.U8() is var version && version != Version)
        {
            throw new FormatException($"an aggregate block of version {version}");
        }

        var field = r.Text();
        var slotSeconds = r.Count();
        var datasets = ReadStrings(ref r);
        var values = ReadStrings(ref r);
        var block = new AggregateBlock(field, slotSeconds, datasets, values, r.Count());
        long slot = 0;
        for (var cell = 0; cell < block.Cells; cell++)
        {
            block.DatasetCodes[cell] = r.Count();
            block.ValueCodes[cell] = r.Count();
            block.Slots[cell] = slot += r.Zigzag();
            block.Rows[cell] = (long)r.Varint();
        }

        ReadWeights(ref r, block.Weights, block.Rows);
        for (var left = r.Count(); left > 0; left--)
        {
            block.Measures.Add(ReadMeasure(ref r, block.Cells));
        }

        return block;
    }

    private static void WriteMeasure(ByteWriter w, MeasureCells measure)
    {
        w.Text(measure.Field);
        var weighted = false;
        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            w.Varint((ulong)measure.Counts[cell]);
            weighted |= measure.Weights[cell] != measure.Counts[cell];
        }

        WriteWeights(w, weighted, measure.Weights);
        for (var cell = 0; cell < measure.Counts.Length; cell++)
        {
            if (measure.Counts[cell] > 0)
            {
                w.F64(measure.Sums[cell]);
                if (measure.Counts[cell] > 1)
                {
                    w.F64(measure.Mins[cell]);
                    w.F64(measure.Maxs[cell]);
                }
                else if (weighted)
                {
                    w.F64(measure.Mins[cell]);
                }
            }
        }

        w.U8(measure.Sketches is null ? (byte)0 : (byte)1);
        if (measure.Sketches is { } sketches)
        {
            WriteSketches(w, sketches);
        }
    }

    private static MeasureCells ReadMeasure(ref ByteReader r, int cells)
    {
        var measure = new MeasureCells(r.Text(), cells);
        for (var cell = 0; cell < cells; cell++)
        {
            measure.Counts[cell] = (long)r.Varint();
        }

        var weighted = ReadWeights(ref r, measure.Weights, measure.Counts);
        for (var cell = 0; cell < cells; cell++)
        {
            measure.Mins[cell] = double.PositiveInfinity;
            measure.Maxs[cell] = double.NegativeInfinity;
            if (measure.Counts[cell] > 0)
            {
                measure.Sums[cell] = r.F64();
                if (measure.Counts[cell] > 1)
                {
                    measure.Mins[cell] = r.F64();
                    measure.Maxs[cell] = r.F64();
                }
                else
                {
                    measure.Mins[cell] = measure.Maxs[cell] = weighted ? r.F64() : measure.Sums[cell];
                }
            }
        }

        if (r.U8() != 0)
        {
            measure.Sketches = ReadSketches(ref r, cells);
        }

        return measure;
    }

    private static void WriteSketches(ByteWriter w, SketchCells sketches)
    {
        var weighted = false;
        for (var cell = 0; cell + 1 < sketches.Starts.Length; cell++)
        {
            w.Varint((ulong)(sketches.Starts[cell + 1] - sketches.Starts[cell]));
            var last = 0;
            for (var i = sketches.Starts[cell]; i < sketches.Starts[cell + 1]; i++)
            {
                w.Zigzag(sketches.Bins[i] - last);
                last = sketches.Bins[i];
                weighted |= sketches.Weights[i] != Math.Floor(sketches.Weights[i]) || sketches.Weights[i] > 9007199254740992;
            }
        }

        w.U8(weighted ? (byte)1 : (byte)0);
        foreach (var weight in sketches.Weights)
        {
            if (weighted)
            {
                w.F64(weight);
            }
            else
            {
                w.Varint((ulong)weight);
            }
        }
    }

    private static SketchCells ReadSketches(ref ByteReader r, int cells)
    {
        var starts = new int[cells + 1];
        var bins = new List<int>();
        for (var cell = 0; cell < cells; cell++)
        {
            var last = 0;
            for (var left = r.Count(); left > 0; left--)
            {
                bins.Add(last += (int)r.Zigzag());
            }

            starts[cell + 1] = bins.Count;
        }

        var weights = new double[bins.Count];
        var weighted = r.U8() != 0;
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = weighted ? r.F64() : r.Varint();
        }

        return new(starts, [.. bins], weights);
    }

    private static void WriteWeights(ByteWriter w, bool weighted, double[] weights)
    {
        w.U8(weighted ? (byte)1 : (byte)0);
        if (weighted)
        {
            w.Raw(MemoryMarshal.AsBytes(weights.AsSpan()));
        }
    }

    private static bool ReadWeights(ref ByteReader r, double[] weights, long[] counts)
    {
        if (r.U8() != 0)
        {
            r.Take(weights.Length * 8).CopyTo(MemoryMarshal.AsBytes(weights.AsSpan()));
            return true;
        }

        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = counts[i];
        }

        return false;
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
}
