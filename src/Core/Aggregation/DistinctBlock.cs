using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>The distinct values of one field in one fold: a HyperLogLog for each (dataset, time slot).</summary>
public sealed class DistinctBlock(string field, int slotSeconds, Utf8Strings datasets)
{
    private const byte Version = 1;

    /// <summary>The field.</summary>
    public string Field { get; } = field;

    /// <summary>Width of a time slot.</summary>
    public int SlotSeconds { get; } = slotSeconds;

    /// <summary>Names of the datasets.</summary>
    public Utf8Strings Datasets { get; } = datasets;

    /// <summary>The sketches with their dataset and slot.</summary>
    public List<(int Dataset, long Slot, HyperLogLog Sketch)> Cells { get; } = [];

    /// <summary>Bytes of memory that the decoded block holds, about: a sparse sketch has 8 bytes a hash at most, a full one a byte a register.</summary>
    public long MemoryBytes => 256 + Cells.Sum(cell => 128L + (1L << cell.Sketch.Precision));

    /// <summary>Writes the block.</summary>
    public byte[] Encode() => Encode(new ByteWriter(4096));

    /// <summary>Writes the block by way of a buffer, whose content is overwritten.</summary>
    public byte[] Encode(ByteWriter w)
    {
        w.Clear();
        WriteHead(w, Field, SlotSeconds, Datasets, Cells.Count);
        foreach (var (dataset, slot, sketch) in Cells)
        {
            w.Varint((ulong)dataset);
            w.Zigzag(slot);
            var size = sketch.ExportSize();
            w.Varint((ulong)size);
            sketch.Export(w.Take(size));
        }

        return w.Written.ToArray();
    }

    /// <summary>Writes what stands before the cells.</summary>
    internal static void WriteHead(ByteWriter w, string field, int slotSeconds, Utf8Strings datasets, int cells)
    {
        w.U8(Version);
        w.Text(field);
        w.Varint((ulong)slotSeconds);
        AggregateBlock.WriteStrings(w, datasets);
        w.Varint((ulong)cells);
    }

    /// <summary>Writes a cell whose sketch was never made: its entries ascending, distinct (<see cref="HyperLogLog.EntryOf"/>).</summary>
    internal static void WriteCell(ByteWriter w, int dataset, long slot, int precision, ReadOnlySpan<uint> entries)
    {
        w.Varint((ulong)dataset);
        w.Zigzag(slot);
        var size = HyperLogLog.ExportSize(precision, entries);
        w.Varint((ulong)size);
        HyperLogLog.Export(precision, entries, w.Take(size));
    }

    /// <summary>Reads a block; damage is a <see cref="FormatException"/>.</summary>
    public static DistinctBlock Decode(ReadOnlySpan<byte> bytes)
    {
        var r = new ByteReader(bytes);
        if (r.U8() is var version && version != Version)
        {
            throw new FormatException($"a distinct block of version {version}");
        }

        var block = new DistinctBlock(r.Text(), r.Count(), AggregateBlock.ReadStrings(ref r));
        for (var left = r.Count(); left > 0; left--)
        {
            block.Cells.Add((r.Count(), r.Zigzag(), HyperLogLog.Import(r.Blob(), out _)));
        }

        return block;
    }
}
