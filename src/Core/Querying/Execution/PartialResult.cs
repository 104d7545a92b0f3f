using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Bounds of a query's state.</summary>
public static class ExecutionLimits
{
    /// <summary>Groups of one partial result. Past it events of new groups are counted together in the overflow group, and the answer says so.</summary>
    public const int GroupsMax = 100_000;

    /// <summary>Cells (group x time bucket) of one partial result. Past it new groups go to the overflow group too.</summary>
    public const int CellsMax = 2_000_000;

    /// <summary>
    /// How long before the range CONCURRENCY looks for spans that last into it, in nanoseconds: ten minutes. Each query pays for reading their rows. Spans that
    /// began earlier are not counted; where spans that long are seen, the number is labelled at_least.
    /// </summary>
    public const long ConcurrencyReachNs = 600L * 1_000_000_000;
}

/// <summary>
/// Mergeable state of a query: groups, their cells over time, and an accumulator for each of the plan's specs over those cells. Leaves fill one, the query
/// node merges them. Single-threaded.
/// </summary>
public sealed class PartialResult
{
    /// <summary>The group of events past <see cref="ExecutionLimits.GroupsMax"/>.</summary>
    private const byte OverflowKey = 255;

    private readonly StringDictionary _groups = new();
    private readonly IntegerMap _cells = new();
    private readonly ByteWriter _key = new();
    private int _overflowGroup = -1;

    /// <summary>An empty result of a plan.</summary>
    public PartialResult(LeafPlan plan)
    {
        Plan = plan;
        Accumulators = plan.NewAccumulators(this);
    }

    private PartialResult(LeafPlan plan, Func<PartialResult, Accumulator[]> accumulators)
    {
        Plan = plan;
        Accumulators = accumulators(this);
    }

    /// <summary>
    /// A result over the <see cref="LeafPlan.Reach"/> of a result's plan, to be thrown away: what its CONCURRENCY takes of spans that last into the range goes to the
    /// result itself.
    /// </summary>
    public static PartialResult InProgress(PartialResult into) => new(
        into.Plan.Reach ?? throw new InvalidOperationException("a plan without CONCURRENCY"), before => InProgressAccumulator.For(before, into));

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

    /// <summary>True when aggregates, the recent window, blocks were used.</summary>
    public bool UsedAggregates { get; set; }

    /// <inheritdoc cref="UsedAggregates"/>
    public bool UsedRecent { get; set; }

    /// <inheritdoc cref="UsedAggregates"/>
    public bool UsedBlocks { get; set; }

    /// <summary>True when some events are in the overflow group.</summary>
    public bool HasOverflow => _overflowGroup >= 0;

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

    /// <summary>The group of the same values as another result's group; it is added when new.</summary>
    public int Group(PartialResult other, int group) => Group(other._groups[group]);

    /// <summary>The group that has the same values as another result's group; -1 when there is none.</summary>
    public int FindGroup(PartialResult other, int group) => _groups.Find(other._groups[group]);

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

    /// <summary>A cell that is empty and of no group, with room for it in every accumulator. Valid until the next <see cref="Cell"/>.</summary>
    public int EmptyCell()
    {
        foreach (var accumulator in Accumulators)
        {
            accumulator.EnsureCells(_cells.Count + 1);
        }

        return _cells.Count;
    }

    /// <summary>The group and bucket of a cell.</summary>
    public (int Group, int Bucket) CellOf(int cell)
    {
        var key = _cells.Key(cell);
        return ((int)(key >> 32), (int)key);
    }

    /// <summary>Adds another result of the same plan; with <paramref name="takeOver"/> one that is not used any more, whose parts may become this one's own.</summary>
    public void Merge(PartialResult other, bool takeOver = false)
    {
        var groups = new int[other.Groups];
        for (var group = 0; group < groups.Length; group++)
        {
            groups[group] = Group(other._groups[group]);
        }

        for (var cell = 0; cell < other.Cells; cell++)
        {
            var (group, bucket) = other.CellOf(cell);
            var mine = Cell(groups[group], bucket);
            for (var i = 0; i < Accumulators.Count; i++)
            {
                if (takeOver)
                {
                    Accumulators[i].TakeOver(mine, other.Accumulators[i], cell);
                }
                else
                {
                    Accumulators[i].Merge(mine, other.Accumulators[i], cell);
                }
            }
        }

        RowsRead += other.RowsRead;
        IsSampled |= other.IsSampled;
        HasUncountedDrops |= other.HasUncountedDrops;
        UsedAggregates |= other.UsedAggregates;
        UsedRecent |= other.UsedRecent;
        UsedBlocks |= other.UsedBlocks;
    }

    /// <summary>Writes the result.</summary>
    public void Export(ByteWriter writer)
    {
        writer.U8(1);
        writer.U8((byte)((IsSampled ? 1 : 0) | (HasUncountedDrops ? 2 : 0) | (UsedAggregates ? 4 : 0) | (UsedRecent ? 8 : 0) | (UsedBlocks ? 16 : 0)));
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
    }

    /// <summary>Adds a written result of the same plan. Damage is a <see cref="FormatException"/>.</summary>
    public void Import(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        if (reader.U8() != 1)
        {
            throw new FormatException("a partial result of another version");
        }

        var flags = reader.U8();
        IsSampled |= (flags & 1) != 0;
        HasUncountedDrops |= (flags & 2) != 0;
        UsedAggregates |= (flags & 4) != 0;
        UsedRecent |= (flags & 8) != 0;
        UsedBlocks |= (flags & 16) != 0;
        RowsRead += (long)reader.Varint();
        var groups = new int[reader.Count()];
        for (var group = 0; group < groups.Length; group++)
        {
            groups[group] = Group(reader.Blob());
        }

        for (var left = reader.Count(); left > 0; left--)
        {
            var cell = Cell(groups[reader.Count()], reader.Count());
            foreach (var accumulator in Accumulators)
            {
                accumulator.Import(cell, ref reader);
            }
        }
    }
}
