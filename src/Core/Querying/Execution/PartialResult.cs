using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Variance;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Bounds of a query's state.</summary>
public static class ExecutionLimits
{
    /// <summary>Groups of one partial result. Past it events of new groups are counted together in the overflow group, and the answer says so.</summary>
    public const int GroupsMax = 100_000;

    /// <summary>Cells (group x time bucket) of one partial result. Past it new groups go to the overflow group too.</summary>
    public const int CellsMax = 2_000_000;
}

/// <summary>
/// Mergeable state of a query: groups, their cells over time, and an accumulator for each of the plan's specs over those cells. Leaves fill one, the query
/// node merges them. Single-threaded.
/// </summary>
public sealed class PartialResult
{
    /// <summary>The group of events past <see cref="ExecutionLimits.GroupsMax"/>.</summary>
    private const byte OverflowKey = 255;

    private const byte Version = 2;

    private readonly StringDictionary _groups = new();
    private readonly IntegerMap _cells = new();
    private readonly ByteWriter _key = new();
    private int _overflowGroup = -1;
    private VarianceCollector? _collector;
    private VarianceTable? _variances;
    private long _sampledFromNs = long.MaxValue;
    private long _sampledToNs = long.MinValue;

    /// <summary>An empty result of a plan.</summary>
    public PartialResult(LeafPlan plan)
    {
        Plan = plan;
        Accumulators = [.. plan.Accumulators.Select(spec => Accumulator.Make(spec.Kind, spec.Column))];
    }

    /// <summary>The plan it answers.</summary>
    public LeafPlan Plan { get; }

    /// <summary>One accumulator for each of the plan's specs.</summary>
    public IReadOnlyList<Accumulator> Accumulators { get; }

    /// <summary>The plain count, which every plan has first.</summary>
    public CountAccumulator Count => (CountAccumulator)Accumulators[0];

    /// <summary>Groups so far.</summary>
    public int Groups => _groups.Count;

    /// <summary>Cells so far.</summary>
    public int Cells => _cells.Count;

    /// <summary>Rows looked at.</summary>
    public long RowsRead { get; set; }

    /// <summary>True when rows of our own sampling took part.</summary>
    public bool IsSampled { get; set; }

    /// <summary>True when rows took part and some had been dropped without others standing for them.</summary>
    public bool HasUncountedDrops { get; set; }

    /// <summary>True when rows that belong to the answer are held but could not be read.</summary>
    public bool HasUnreadRows { get; set; }

    /// <summary>True when aggregates, the recent window, blocks were used.</summary>
    public bool UsedAggregates { get; set; }

    /// <inheritdoc cref="UsedAggregates"/>
    public bool UsedRecent { get; set; }

    /// <inheritdoc cref="UsedAggregates"/>
    public bool UsedBlocks { get; set; }

    /// <summary>True when some events are in the overflow group.</summary>
    public bool HasOverflow => _overflowGroup >= 0;

    /// <summary>Event times, from and to inclusive, of the rows that sampling left out or gave a weight. Never told although rows were sampled: any time.</summary>
    public void AddSampledTimes(long fromNs, long toNs)
    {
        _sampledFromNs = Math.Min(_sampledFromNs, fromNs);
        _sampledToNs = Math.Max(_sampledToNs, toNs);
    }

    /// <summary>True when rows with times in [startNs, endNs) that the question is about may have been left out by sampling. A question about stored rows misses none.</summary>
    public bool LeavesOut(long startNs, long endNs) =>
        !Plan.Spec.UsageMode && (IsSampled || HasUncountedDrops) && (_sampledFromNs > _sampledToNs || (_sampledFromNs < endNs && _sampledToNs >= startNs));

    /// <summary>Collects what the variances follow from, while sampled rows are scanned.</summary>
    internal VarianceCollector Collector => _collector ??= new(this);

    /// <summary>The variances of the numbers; null when no rows were sampled.</summary>
    internal VarianceTable? Variances()
    {
        if (_collector is { } collector)
        {
            _collector = null;
            MergeVariances(collector.Settle(), Identity(Cells), Identity(Groups));
        }

        _variances?.EnsureCells(this);
        return _variances;
    }

    /// <summary>The group's number; it is added when new, or the overflow group when there are too many.</summary>
    public int Group(ReadOnlySpan<byte> key)
    {
        if (_groups.Count >= ExecutionLimits.GroupsMax || _cells.Count >= ExecutionLimits.CellsMax)
        {
            var known = _groups.Find(key);
            if (known >= 0)
            {
                return known;
            }

            ReadOnlySpan<byte> overflow = [OverflowKey];
            return _overflowGroup = _groups.Add(overflow);
        }

        var group = _groups.Add(key);
        if (key.Length == 1 && key[0] == OverflowKey)
        {
            _overflowGroup = group;
        }

        return group;
    }

    /// <summary>The group of these values.</summary>
    public int Group(ReadOnlySpan<FieldValue> values)
    {
        _key.Clear();
        foreach (var value in values)
        {
            GroupKey.Write(_key, value);
        }

        return Group(_key.Written);
    }

    /// <summary>The values of a group; null for the overflow group.</summary>
    public FieldValue[]? GroupValues(int group) => group == _overflowGroup ? null : GroupKey.Read(_groups[group], Plan.Spec.Breakdowns.Count);

    /// <summary>The cell of a group in a bucket, made when new; accumulators have room for it.</summary>
    public int Cell(int group, int bucket)
    {
        var before = _cells.Count;
        var cell = _cells.Add(((long)group << 32) | (uint)bucket);
        if (_cells.Count != before)
        {
            foreach (var accumulator in Accumulators)
            {
                accumulator.EnsureCells(_cells.Count);
            }
        }

        return cell;
    }

    /// <summary>The group and bucket of a cell.</summary>
    public (int Group, int Bucket) CellOf(int cell)
    {
        var key = _cells.Key(cell);
        return ((int)(key >> 32), (int)key);
    }

    /// <summary>Adds another result of the same plan.</summary>
    public void Merge(PartialResult other)
    {
        var groups = new int[other.Groups];
        for (var group = 0; group < groups.Length; group++)
        {
            groups[group] = Group(other._groups[group]);
        }

        var cells = new int[other.Cells];
        for (var cell = 0; cell < other.Cells; cell++)
        {
            var (group, bucket) = other.CellOf(cell);
            var mine = cells[cell] = Cell(groups[group], bucket);
            for (var i = 0; i < Accumulators.Count; i++)
            {
                Accumulators[i].Merge(mine, other.Accumulators[i], cell);
            }
        }

        if (other.Variances() is { } variances)
        {
            MergeVariances(variances, cells, groups);
        }

        AddSampledTimesOf(other.IsSampled || other.HasUncountedDrops, other._sampledFromNs, other._sampledToNs);
        RowsRead += other.RowsRead;
        IsSampled |= other.IsSampled;
        HasUncountedDrops |= other.HasUncountedDrops;
        HasUnreadRows |= other.HasUnreadRows;
        UsedAggregates |= other.UsedAggregates;
        UsedRecent |= other.UsedRecent;
        UsedBlocks |= other.UsedBlocks;
    }

    /// <summary>Writes the result.</summary>
    public void Export(ByteWriter writer)
    {
        writer.U8(Version);
        writer.U8((byte)((IsSampled ? 1 : 0) | (HasUncountedDrops ? 2 : 0) | (UsedAggregates ? 4 : 0) | (UsedRecent ? 8 : 0) | (UsedBlocks ? 16 : 0) | (HasUnreadRows ? 32 : 0)));
        writer.I64(_sampledFromNs);
        writer.I64(_sampledToNs);
        writer.Varint((ulong)RowsRead);
        writer.Varint((ulong)Groups);
        for (var group = 0; group < Groups; group++)
        {
            writer.Blob(_groups[group]);
        }

        writer.Varint((ulong)Cells);
        for (var cell = 0; cell < Cells; cell++)
        {
            var (group, bucket) = CellOf(cell);
            writer.Varint((ulong)group);
            writer.Varint((ulong)bucket);
            foreach (var accumulator in Accumulators)
            {
                accumulator.Export(cell, writer);
            }
        }

        var variances = Variances();
        writer.U8(variances is null ? (byte)0 : (byte)1);
        variances?.Export(this, writer);
    }

    /// <summary>Adds a written result of the same plan. Damage is a <see cref="FormatException"/>.</summary>
    public void Import(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        if (reader.U8() != Version)
        {
            throw new FormatException("a partial result of another version");
        }

        var flags = reader.U8();
        AddSampledTimesOf((flags & 3) != 0, reader.I64(), reader.I64());
        IsSampled |= (flags & 1) != 0;
        HasUncountedDrops |= (flags & 2) != 0;
        UsedAggregates |= (flags & 4) != 0;
        UsedRecent |= (flags & 8) != 0;
        UsedBlocks |= (flags & 16) != 0;
        HasUnreadRows |= (flags & 32) != 0;
        RowsRead += (long)reader.Varint();
        var groups = new int[reader.Count()];
        for (var group = 0; group < groups.Length; group++)
        {
            groups[group] = Group(reader.Blob());
        }

        var cells = new int[reader.Count()];
        for (var i = 0; i < cells.Length; i++)
        {
            var cell = cells[i] = Cell(groups[reader.Count()], reader.Count());
            foreach (var accumulator in Accumulators)
            {
                accumulator.Import(cell, ref reader);
            }
        }

        if (reader.U8() != 0)
        {
            _variances ??= new(Plan);
            _variances.EnsureCells(this);
            _variances.Import(ref reader, cells, groups, _overflowGroup);
        }
    }

    private void MergeVariances(VarianceTable from, ReadOnlySpan<int> cells, ReadOnlySpan<int> groups)
    {
        _variances ??= new(Plan);
        _variances.EnsureCells(this);
        _variances.Merge(from, cells, groups, _overflowGroup);
    }

    /// <summary>Adds the times of another result, of which none were told if it was sampled and they are empty.</summary>
    private void AddSampledTimesOf(bool isSampled, long fromNs, long toNs)
    {
        var isUnknownHere = (IsSampled || HasUncountedDrops) && _sampledFromNs > _sampledToNs;
        if (isUnknownHere || (isSampled && fromNs > toNs))
        {
            AddSampledTimes(long.MinValue, long.MaxValue);
        }
        else
        {
            AddSampledTimes(fromNs, toNs);
        }
    }

    private static int[] Identity(int count)
    {
        var numbers = new int[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = i;
        }

        return numbers;
    }
}
