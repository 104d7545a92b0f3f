using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// What one fold stored: which dimensions and distinct counts, at which resolution, over which event times. Small: kept in memory for every fold, and in the cut.
/// </summary>
public sealed record FoldDirectory
{
    /// <summary>Number of the fold within its partition; its blocks' keys begin with it.</summary>
    public required long Id { get; init; }

    /// <summary>Rows folded.</summary>
    public required long Rows { get; init; }

    /// <summary>Earliest event time, unix nanoseconds.</summary>
    public required long MinTimeNs { get; init; }

    /// <summary>Latest event time.</summary>
    public required long MaxTimeNs { get; init; }

    /// <summary>True when some row stood for more than one event.</summary>
    public required bool IsWeighted { get; init; }

    /// <summary>True when it was made of several folds: its blocks are stored with the sealed blocks, for good.</summary>
    public bool IsMerged { get; init; }

    /// <summary>Of one that is not merged: the store's end before its blocks were stored. What lies below is older.</summary>
    public long StoreMark { get; init; }

    /// <summary>The blocks: entry i is stored under (Id, i). Entry 0 is the totals.</summary>
    public required IReadOnlyList<BlockEntry> Blocks { get; init; }

    /// <summary>The entry of a dimension (empty = totals), -1 when the fold has none.</summary>
    public int Find(string field, bool distinct)
    {
        for (var i = 0; i < Blocks.Count; i++)
        {
            if (Blocks[i].IsDistinct == distinct && !Blocks[i].IsHeavyHitters && Blocks[i].Field == field)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The entry of a field's heavy values, -1 when the fold has none.</summary>
    public int FindHeavyHitters(string field)
    {
        for (var i = 0; i < Blocks.Count; i++)
        {
            if (Blocks[i].IsHeavyHitters && Blocks[i].Field == field)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>True when the field occurs in the fold at all.</summary>
    public bool HasField(string field) => Fields.Contains(field);

    /// <summary>Names of all fields of the folded rows.</summary>
    public required IReadOnlySet<string> Fields { get; init; }

    /// <summary>Writes the directory.</summary>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Id);
        w.Varint((ulong)Rows);
        w.I64(MinTimeNs);
        w.I64(MaxTimeNs);
        w.U8((byte)((IsWeighted ? 1 : 0) | (IsMerged ? 2 : 0)));
        w.I64(StoreMark);
        w.Varint((ulong)Blocks.Count);
        foreach (var block in Blocks)
        {
            w.Text(block.Field);
            w.U8((byte)((block.IsDistinct ? 1 : 0) | (block.IsHeavyHitters ? 2 : 0)));
            w.Varint((ulong)block.SlotSeconds);
            w.Varint((ulong)block.Measures.Count);
            foreach (var (field, sketch) in block.Measures)
            {
                w.Text(field);
                w.U8(sketch ? (byte)1 : (byte)0);
            }
        }

        w.Varint((ulong)Fields.Count);
        foreach (var field in Fields)
        {
            w.Text(field);
        }
    }

    /// <summary>Reads a directory.</summary>
    public static FoldDirectory Read(ref ByteReader r)
    {
        long id = (long)r.Varint(), rows = (long)r.Varint(), min = r.I64(), max = r.I64();
        var flags = r.U8();
        var mark = r.I64();
        var blocks = new BlockEntry[r.Count()];
        for (var i = 0; i < blocks.Length; i++)
        {
            var field = r.Text();
            var kind = r.U8();
            var slot = r.Count();
            var measures = new (string, bool)[r.Count()];
            for (var m = 0; m < measures.Length; m++)
            {
                measures[m] = (r.Text(), r.U8() != 0);
            }

            blocks[i] = new(field, (kind & 1) != 0, slot, measures) { IsHeavyHitters = (kind & 2) != 0 };
        }

        var fields = new HashSet<string>();
        for (var left = r.Count(); left > 0; left--)
        {
            fields.Add(r.Text());
        }

        return new()
        {
            Id = id,
            Rows = rows,
            MinTimeNs = min,
            MaxTimeNs = max,
            IsWeighted = (flags & 1) != 0,
            IsMerged = (flags & 2) != 0,
            StoreMark = mark,
            Blocks = blocks,
            Fields = fields,
        };
    }
}

/// <summary>One block of a fold: a dimension's aggregates (or the totals', <paramref name="Field"/> empty) or a field's distinct counts or heavy values.</summary>
public sealed record BlockEntry(string Field, bool IsDistinct, int SlotSeconds, IReadOnlyList<(string Field, bool HasSketch)> Measures)
{
    /// <summary>True for a <see cref="HeavyHitterBlock"/>.</summary>
    public bool IsHeavyHitters { get; init; }

    /// <summary>True when the block has the measure, and sketches of it when asked for.</summary>
    public bool Has(string field, bool sketch)
    {
        foreach (var measure in Measures)
        {
            if (measure.Field == field)
            {
                return !sketch || measure.HasSketch;
            }
        }

        return false;
    }
}
