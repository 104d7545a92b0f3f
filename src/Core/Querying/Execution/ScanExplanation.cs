using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>
/// How a query was answered: what was looked at, what statistics spared, and why aggregates did not answer. A leaf counts, the query node adds the leaves up.
/// BlocksConsidered = BlocksRead + all that were skipped. Not thread-safe.
/// </summary>
public sealed class ScanExplanation
{
    private readonly List<string> _rowsBecause = [];

    /// <summary>Sealed blocks that the leaves hold.</summary>
    public long BlocksConsidered { get; set; }

    /// <summary>Blocks outside of the time range.</summary>
    public long BlocksSkippedByTime { get; set; }

    /// <summary>Blocks without a row of the dataset.</summary>
    public long BlocksSkippedByDataset { get; set; }

    /// <summary>Blocks that lack a field that is compared, or whose least and greatest value exclude the comparison.</summary>
    public long BlocksSkippedByMinMax { get; set; }

    /// <summary>Blocks whose Bloom filter excludes the id asked for.</summary>
    public long BlocksSkippedByBloom { get; set; }

    /// <summary>Blocks of which rows were looked at.</summary>
    public long BlocksRead { get; set; }

    /// <summary>Columns of blocks that had to be read from the store and decoded, times, weights and datasets included; those held from earlier queries cost nothing.</summary>
    public long ColumnsDecoded { get; set; }

    /// <summary>Bytes of those columns, unpacked. Of two queries that run at once over one block either may count the other's.</summary>
    public long BytesDecoded { get; set; }

    /// <summary>Rows looked at in blocks.</summary>
    public long BlockRows { get; set; }

    /// <summary>Rows looked at that are decided and kept, but not in a block yet.</summary>
    public long HeadRows { get; set; }

    /// <summary>Rows looked at that are not decided yet.</summary>
    public long RecentRows { get; set; }

    /// <summary>Rows looked at that stand beside the aggregates because they aren't in them yet.</summary>
    public long UnfoldedRows { get; set; }

    /// <summary>Folds whose aggregates were used.</summary>
    public long FoldsUsed { get; set; }

    /// <summary>Why rows were read where aggregates might have answered: each reason once, as people read it.</summary>
    public IReadOnlyList<string> RowsBecause => _rowsBecause;

    /// <summary>Adds a reason for reading rows.</summary>
    public void Because(string reason)
    {
        if (_rowsBecause.Count < ReasonsMax && !_rowsBecause.Contains(reason))
        {
            _rowsBecause.Add(reason);
        }
    }

    /// <summary>Counts what became of a block.</summary>
    public void Count(SegmentOutcome outcome, int rows)
    {
        switch (outcome)
        {
            case SegmentOutcome.SkippedByTime:
                BlocksSkippedByTime++;
                break;
            case SegmentOutcome.SkippedByDataset:
                BlocksSkippedByDataset++;
                break;
            case SegmentOutcome.SkippedByMinMax:
                BlocksSkippedByMinMax++;
                break;
            case SegmentOutcome.SkippedByBloom:
                BlocksSkippedByBloom++;
                break;
            default:
                BlocksRead++;
                BlockRows += rows;
                break;
        }
    }

    /// <summary>Adds another one.</summary>
    public void Add(ScanExplanation other)
    {
        BlocksConsidered += other.BlocksConsidered;
        BlocksSkippedByTime += other.BlocksSkippedByTime;
        BlocksSkippedByDataset += other.BlocksSkippedByDataset;
        BlocksSkippedByMinMax += other.BlocksSkippedByMinMax;
        BlocksSkippedByBloom += other.BlocksSkippedByBloom;
        BlocksRead += other.BlocksRead;
        ColumnsDecoded += other.ColumnsDecoded;
        BytesDecoded += other.BytesDecoded;
        BlockRows += other.BlockRows;
        HeadRows += other.HeadRows;
        RecentRows += other.RecentRows;
        UnfoldedRows += other.UnfoldedRows;
        FoldsUsed += other.FoldsUsed;
        foreach (var reason in other._rowsBecause)
        {
            Because(reason);
        }
    }

    /// <summary>Writes it.</summary>
    public void Export(ByteWriter writer)
    {
        foreach (var count in (ReadOnlySpan<long>)
            [BlocksConsidered, BlocksSkippedByTime, BlocksSkippedByDataset, BlocksSkippedByMinMax, BlocksSkippedByBloom, BlocksRead, ColumnsDecoded, BytesDecoded,
             BlockRows, HeadRows, RecentRows, UnfoldedRows, FoldsUsed])
        {
            writer.Varint((ulong)count);
        }

        writer.Varint((ulong)_rowsBecause.Count);
        foreach (var reason in _rowsBecause)
        {
            writer.Text(reason);
        }
    }

    /// <summary>Reads a written one. Damage is a <see cref="FormatException"/>.</summary>
    public static ScanExplanation Import(ref ByteReader reader)
    {
        var explanation = new ScanExplanation
        {
            BlocksConsidered = (long)reader.Varint(),
            BlocksSkippedByTime = (long)reader.Varint(),
            BlocksSkippedByDataset = (long)reader.Varint(),
            BlocksSkippedByMinMax = (long)reader.Varint(),
            BlocksSkippedByBloom = (long)reader.Varint(),
            BlocksRead = (long)reader.Varint(),
            ColumnsDecoded = (long)reader.Varint(),
            BytesDecoded = (long)reader.Varint(),
            BlockRows = (long)reader.Varint(),
            HeadRows = (long)reader.Varint(),
            RecentRows = (long)reader.Varint(),
            UnfoldedRows = (long)reader.Varint(),
            FoldsUsed = (long)reader.Varint(),
        };
        for (var left = reader.Count(); left > 0; left--)
        {
            explanation.Because(reader.Text());
        }

        return explanation;
    }

    /// <summary>Reasons kept: partitions mostly have the same ones.</summary>
    private const int ReasonsMax = 16;
}
