using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// The heavy values of a field that has too many to be a dimension of its fold: their cells, exact, with those of the absent value and of all other values together, and
/// how many events a value may have that is not among them. Immutable.
/// </summary>
public sealed class HeavyHitterBlock
{
    private const byte Version = 1;

    /// <summary>Of cells that are exact and of values that miss at most so many events each, by their code; a value not there has at most <paramref name="leftOutMax"/>.</summary>
    public HeavyHitterBlock(AggregateBlock cells, double[] missed, double leftOutMax)
    {
        Cells = cells;
        Missed = missed;
        LeftOutMax = leftOutMax;
    }

    /// <summary>The group key of all values that are not kept, together.</summary>
    public static ReadOnlySpan<byte> RestKey => [255];

    /// <summary>Rows and events by (dataset, time slot, value): together all rows of the fold.</summary>
    public AggregateBlock Cells { get; }

    /// <summary>By value: events that it may have beyond its cells, because a part of the fold did not keep it. They are in the rest's cells.</summary>
    public double[] Missed { get; }

    /// <summary>The most events of any value that is not kept.</summary>
    public double LeftOutMax { get; }

    /// <summary>Bytes of memory that the block holds, about.</summary>
    public long MemoryBytes => 64 + Cells.MemoryBytes + (Missed.Length * 8L);

    /// <summary>Writes the block by way of a buffer, whose content is overwritten; compressed when a packer is given.</summary>
    internal byte[] Encode(ByteWriter w, ChunkPacker? packer)
    {
        var cells = AggregateBlockFormat.Encode(Cells, w, packer);
        w.Clear();
        w.U8(Version);
        w.F64(LeftOutMax);
        w.Varint((ulong)Missed.Length);
        foreach (var missed in Missed)
        {
            w.F64(missed);
        }

        w.Blob(cells);
        return w.Written.ToArray();
    }

    /// <summary>Reads a block; damage is a <see cref="FormatException"/>.</summary>
    public static HeavyHitterBlock Decode(ReadOnlySpan<byte> bytes)
    {
        var r = new ByteReader(bytes);
        if (r.U8() is var version && version != Version)
        {
            throw new FormatException($"a heavy-hitter block of version {version}");
        }

        var leftOutMax = r.F64();
        var missed = new double[r.Count()];
        for (var i = 0; i < missed.Length; i++)
        {
            missed[i] = r.F64();
        }

        var cells = AggregateBlockFormat.Decode(r.Blob());
        return missed.Length == 0 || missed.Length == cells.Values.Count
            ? new(cells, missed, leftOutMax)
            : throw new FormatException($"{missed.Length} bounds for {cells.Values.Count} values");
    }
}
