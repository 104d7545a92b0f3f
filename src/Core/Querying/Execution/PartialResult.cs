using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Variance;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Bounds of a query's state.</summary>
public static class ExecutionLimits
{
    /// <summary>
    /// Groups of one partial result between two segments. Past it the lighter half goes to the overflow group; the others' bounds, and the most events that a group left
    /// out may have, are in the answer.
    /// </summary>
    public const int GroupsMax = 100_000;

    /// <summary>Groups that are kept however little memory there is: as many as an answer may show. Where they don't fit either, the question is refused.</summary>
    public const int GroupsMin = QueryLimits.LimitWithoutSeriesMax;

    /// <summary>Cells (group x time bucket) of one partial result. Past it the same.</summary>
    public const int CellsMax = 2_000_000;

    /// <summary>
    /// How long before the range CONCURRENCY looks for spans that last into it, in nanoseconds: ten minutes. Each query pays for reading their rows. Spans that
    /// began earlier are not counted; where spans that long are seen, the number is labelled at_least.
    /// </summary>
    public const long ConcurrencyReachNs = 600L * 1_000_000_000;

    /// <summary>Bytes of the groups' values. Past it the same.</summary>
    public const int GroupBytesMax = 32 << 20;
}

/// <summary>
/// Mergeable state of a query: groups, their cells over time, and an accumulator for each of the plan's specs over those cells. Leaves fill one, the query
/// node merges them. Single-threaded.
/// </summary>
public sealed class PartialResult
{
    /// <summary>The group of events whose groups were left out (<see cref="Purge()"/>).</summary>
    private const byte OverflowKey = 255;

    private const byte Version = 2;

    private Accumulator[] _accumulators;
    private StringDictionary _groups = new();
    private IntegerMap _cells = new();
    private double[] _missed = [];
    private readonly ByteWriter _key = new();
    private int _overflowGroup = -1;
    private VarianceCollector? _collector;
    private VarianceTable? _variances;
    private ulong[]? _sampledBuckets;

    /// <summary>An empty result of a plan.</summary>
    public PartialResult(LeafPlan plan)
    {
        Plan = plan;
        _accumulators = plan.NewAccumulators(this);
    }

    private PartialResult(LeafPlan plan, Func<PartialResult, Accumulator[]> accumulators)
    {
        Plan = plan;
        _accumulators = accumulators(this);
    }

    /// <summary>
    /// A result over the <see cref="LeafPlan.Reach"/> of a result's plan, to be thrown away: what its CONCURRENCY takes of spans that last into the range goes to the
    /// result itself.
    /// </summary>
    public static PartialResult InProgress(PartialResult into) => new(
        into.Plan.Reach ?? throw new InvalidOperationException("a plan without CONCURRENCY"), before => InProgressAccumulator.For(before, into));

    /// <summary>The plan it answers.</summary>
    public LeafPlan Plan { get; }

    /// <summary>What bounds the result's memory; null = nothing. Whoever lets go of the result disposes of it.</summary>
    public QueryMemoryLease? Memory { get; init; }

    /// <summary>Bytes of memory held, about.</summary>
    public long MemoryBytes
    {
        get
        {
            var bytes = 512 + (_groups.ByteCount * 2L) + (_groups.Count * 16L) + (Cells * 24L);
            foreach (var accumulator in _accumulators)
            {
                bytes += accumulator.MemoryBytes;
            }

            return bytes;
        }
    }

    /// <summary>
    /// Takes the memory that the result has come to need. Where there is too little it tells numbers less exactly, then leaves out the lighter half of the groups, as often as
    /// there are more than an answer may show: group and cell numbers change then. Throws <see cref="QueryLimitException"/> when that does not help. After each segment, fold
    /// and merge; before an answer is finished, with room for as much again, which the totals over time may take.
    /// </summary>
    public void HoldMemory(bool isToBeFinished = false)
    {
        var times = isToBeFinished ? 2 : 1;
        if (Memory is null || Memory.TryHold(MemoryBytes * times))
        {
            return;
        }

        foreach (var accumulator in _accumulators)
        {
            accumulator.Shrink();
        }

        while (!Memory.TryHold(MemoryBytes * times))
        {
            if (Groups > ExecutionLimits.GroupsMin * 2)
            {
                Purge(Groups - 1);
                continue;
            }

            throw new QueryLimitException(
                $"the answer needs more than what is left of the {Memory.BytesMax >> 20} MB for all queries of this node: ask for fewer groups, a wider step or a shorter range, ask again later, or raise --memory");
        }
    }

    /// <summary>One accumulator for each of the plan's specs.</summary>
    public IReadOnlyList<Accumulator> Accumulators => _accumulators;

    /// <summary>The plain count, which every plan has first.</summary>
    public CountAccumulator Count => (CountAccumulator)_accumulators[0];

    /// <summary>Groups so far.</summary>
    public int Groups => _groups.Count;

    /// <summary>Cells so far.</summary>
    public int Cells => _cells.Count;

    /// <summary>How often groups and cells got other numbers.</summary>
    internal int Purges { get; private set; }

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

    /// <summary>The most events that a group which is not here may have, and the most that one added from now on may have had before: 0 while none was left out.</summary>
    public double LeftOutMax { get; private set; }

    /// <summary>The most events that a group has beyond those counted: they were counted in the overflow group while it was not here.</summary>
    public double Missed(int group) => group < _missed.Length ? _missed[group] : 0;

    /// <summary>
    /// Rows with event times in [fromNs, toNs] were scanned where the sampler left some out or gave some a weight. When rows were sampled and this was never told, any
    /// time counts as such.
    /// </summary>
    public void AddSampledTimes(long fromNs, long toNs)
    {
        var (from, to) = (Math.Max(fromNs, Plan.Time.StartNs), Math.Min(toNs, Plan.Time.EndNs - 1));
        _sampledBuckets ??= new ulong[(Plan.Buckets + 63) >> 6];
        for (var bucket = from <= to ? Plan.BucketOf(from) : int.MaxValue; from <= to && bucket <= Plan.BucketOf(to); bucket++)
        {
            _sampledBuckets[bucket >> 6] |= 1UL << (bucket & 63);
        }
    }

    /// <summary>
    /// True when rows of a bucket that the question is about may have been left out by sampling; of any bucket, when -1 is asked for. A question about stored rows misses none.
    /// </summary>
    public bool LeavesOut(int bucket)
    {
        if (Plan.Spec.UsageMode || !(IsSampled || HasUncountedDrops))
        {
            return false;
        }

        return _sampledBuckets is not { } buckets || (bucket < 0 ? buckets.AsSpan().ContainsAnyExcept(0UL) : (buckets[bucket >> 6] >> (bucket & 63) & 1) != 0);
    }

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

    /// <summary>The group's number; it is added when new.</summary>
    public int Group(ReadOnlySpan<byte> key)
    {
        var before = _groups.Count;
        var group = _groups.Add(key);
        if (group < before)
        {
            return group;
        }

        if (key.Length == 1 && key[0] == OverflowKey)
        {
            _overflowGroup = group;
        }
        else if (LeftOutMax > 0)
        {
            SetMissed(group, LeftOutMax);
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
            foreach (var accumulator in _accumulators)
            {
                accumulator.EnsureCells(_cells.Count);
            }
        }

        return cell;
    }

    /// <summary>A cell that is empty and of no group, with room for it in every accumulator. Valid until the next <see cref="Cell"/>.</summary>
    public int EmptyCell()
    {
        foreach (var accumulator in _accumulators)
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

    /// <summary>
    /// Leaves out the lighter groups when there are too many; group and cell numbers change then. To be called between segments, folds and merges: none of them may add
    /// so many that memory is at risk.
    /// </summary>
    /// <remarks>
    /// Lossy counting (Manku and Motwani, VLDB 2002), purged by the upper bound of a group's events: what is left out had at most <see cref="LeftOutMax"/>, so every group
    /// with more is here, and one that was never left out has its exact count.
    /// </remarks>
    public void Purge() => Purge(ExecutionLimits.GroupsMax);

    /// <summary>Adds another result of the same plan; with <paramref name="takeOver"/> one that is not used any more, whose parts may become this one's own.</summary>
    public void Merge(PartialResult other, bool takeOver = false)
    {
        var known = Groups;
        var groups = new int[other.Groups];
        for (var group = 0; group < groups.Length; group++)
        {
            groups[group] = Group(other._groups[group]);
        }

        AddMissed(known, groups, other._missed, other.LeftOutMax);
        foreach (var accumulator in _accumulators)
        {
            accumulator.EnsureCells(Math.Max(Cells, other.Cells));
        }

        var cells = new int[other.Cells];
        for (var cell = 0; cell < other.Cells; cell++)
        {
            var (group, bucket) = other.CellOf(cell);
            var mine = cells[cell] = Cell(groups[group], bucket);
            for (var i = 0; i < _accumulators.Length; i++)
            {
                if (takeOver)
                {
                    _accumulators[i].TakeOver(mine, other._accumulators[i], cell);
                }
                else
                {
                    _accumulators[i].Merge(mine, other._accumulators[i], cell);
                }
            }
        }

        // Not settled yet, it may be a part of one scan: a trace may have rows in both.
        if (other._collector is { } collector)
        {
            Collector.Merge(collector, cells, groups, _overflowGroup);
        }

        if (other._variances is { } variances)
        {
            MergeVariances(variances, cells, groups);
        }

        AddSampledBuckets(other.IsSampled || other.HasUncountedDrops, other._sampledBuckets);
        RowsRead += other.RowsRead;
        IsSampled |= other.IsSampled;
        HasUncountedDrops |= other.HasUncountedDrops;
        HasUnreadRows |= other.HasUnreadRows;
        UsedAggregates |= other.UsedAggregates;
        UsedRecent |= other.UsedRecent;
        UsedBlocks |= other.UsedBlocks;
        if (takeOver)
        {
            other.Release();
        }

        Purge();
        HoldMemory();
    }

    /// <summary>Gives what the result holds to the next queries: the last that is asked of it.</summary>
    public void Release()
    {
        foreach (var accumulator in _accumulators)
        {
            accumulator.Release();
        }

        _accumulators = [];
        _groups.Release();
        _cells.Release();
    }

    /// <summary>Writes the result.</summary>
    public void Export(ByteWriter writer)
    {
        Purge();
        writer.U8(Version);
        writer.U8((byte)((IsSampled ? 1 : 0) | (HasUncountedDrops ? 2 : 0) | (UsedAggregates ? 4 : 0) | (UsedRecent ? 8 : 0) | (UsedBlocks ? 16 : 0) | (HasUnreadRows ? 32 : 0)));
        writer.U8(_sampledBuckets is null ? (byte)0 : (byte)1);
        if (_sampledBuckets is not null)
        {
            writer.Words(_sampledBuckets);
        }

        writer.Varint((ulong)RowsRead);
        writer.Varint((ulong)Groups);
        for (var group = 0; group < Groups; group++)
        {
            writer.Blob(_groups[group]);
        }

        writer.F64(LeftOutMax);
        for (var group = 0; LeftOutMax > 0 && group < Groups; group++)
        {
            writer.F32(Missed(group));
        }

        writer.Varint((ulong)Cells);
        for (var cell = 0; cell < Cells; cell++)
        {
            var (group, bucket) = CellOf(cell);
            writer.Varint((ulong)group);
            writer.Varint((ulong)bucket);
            foreach (var accumulator in _accumulators)
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
        AddSampledBuckets((flags & 3) != 0, reader.U8() == 0 ? null : reader.Words((Plan.Buckets + 63) >> 6));
        IsSampled |= (flags & 1) != 0;
        HasUncountedDrops |= (flags & 2) != 0;
        UsedAggregates |= (flags & 4) != 0;
        UsedRecent |= (flags & 8) != 0;
        UsedBlocks |= (flags & 16) != 0;
        HasUnreadRows |= (flags & 32) != 0;
        RowsRead += (long)reader.Varint();
        var known = Groups;
        var groups = new int[reader.Count()];
        for (var group = 0; group < groups.Length; group++)
        {
            groups[group] = Group(reader.Blob());
        }

        var leftOutMax = reader.F64();
        var missed = new double[leftOutMax > 0 ? groups.Length : 0];
        for (var group = 0; group < missed.Length; group++)
        {
            missed[group] = reader.F32();
        }

        AddMissed(known, groups, missed, leftOutMax);
        var cells = new int[reader.Count()];
        for (var i = 0; i < cells.Length; i++)
        {
            var cell = cells[i] = Cell(groups[reader.Count()], reader.Count());
            foreach (var accumulator in _accumulators)
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

        Purge();
        HoldMemory();
    }

    internal void Purge(int groupsMax)
    {
        if (Groups <= groupsMax && Cells <= ExecutionLimits.CellsMax && _groups.ByteCount <= ExecutionLimits.GroupBytesMax)
        {
            return;
        }

        Purges++;
        _variances?.EnsureCells(this);
        var variances = _variances;
        var kept = ChooseKept(groupsMax / 2);
        var (oldGroups, oldCells, oldAccumulators, oldMissed) = (_groups, _cells, _accumulators, _missed);
        (_groups, _cells, _accumulators, _missed) = (new(), new(), Plan.NewAccumulators(this), []);
        var groups = new int[oldGroups.Count];
        for (var group = 0; group < groups.Length; group++)
        {
            if (kept[group])
            {
                groups[group] = _groups.Add(oldGroups[group]);
                SetMissed(groups[group], group < oldMissed.Length ? oldMissed[group] : 0);
            }
        }

        ReadOnlySpan<byte> overflow = [OverflowKey];
        _overflowGroup = _groups.Add(overflow);
        var cells = new int[oldCells.Count];
        for (var cell = 0; cell < cells.Length; cell++)
        {
            var key = oldCells.Key(cell);
            var group = (int)(key >> 32);
            cells[cell] = Cell(kept[group] ? groups[group] : _overflowGroup, (int)key);
            for (var i = 0; i < _accumulators.Length; i++)
            {
                _accumulators[i].Merge(cells[cell], oldAccumulators[i], cell);
            }
        }

        for (var group = 0; group < groups.Length; group++)
        {
            groups[group] = kept[group] ? groups[group] : _overflowGroup;
        }

        foreach (var accumulator in oldAccumulators)
        {
            accumulator.Release();
        }

        oldGroups.Release();
        oldCells.Release();
        _collector?.Renumber(cells, groups, _overflowGroup);
        if (variances is not null)
        {
            _variances = null;
            MergeVariances(variances, cells, groups);
        }
    }

    /// <summary>The groups of the highest upper bounds, as many as wanted; the rest determine the new bound of what is left out.</summary>
    private bool[] ChooseKept(int count)
    {
        var upper = new double[Groups];
        for (var cell = 0; cell < Cells; cell++)
        {
            upper[CellOf(cell).Group] += Count.Weight(cell);
        }

        for (var group = 0; group < upper.Length; group++)
        {
            upper[group] += Missed(group);
        }

        if (_overflowGroup >= 0)
        {
            upper[_overflowGroup] = double.NegativeInfinity;
        }

        var ascending = (double[])upper.Clone();
        Array.Sort(ascending);
        var kept = new bool[upper.Length];
        while (!TryKeep(kept, upper, ascending, count))
        {
            Array.Clear(kept);
            count /= 2;
        }

        return kept;
    }

    /// <summary>Keeps so many groups, the first ones among equals; false when their values take more room than half of the bound, and then nothing has changed but the choice.</summary>
    private bool TryKeep(Span<bool> kept, ReadOnlySpan<double> upper, ReadOnlySpan<double> ascending, int count)
    {
        count = Math.Min(count, upper.Length);
        var least = count == 0 ? double.PositiveInfinity : ascending[^count];
        var equals = count - (ascending.Length - UpperBound(ascending, least));
        long bytes = 0;
        var leftOut = LeftOutMax;
        for (var group = 0; group < upper.Length; group++)
        {
            kept[group] = group != _overflowGroup && (upper[group] > least || (upper[group] == least && equals-- > 0));
            bytes += kept[group] ? _groups[group].Length : 0;
            leftOut = kept[group] ? leftOut : Math.Max(leftOut, upper[group]);
        }

        if (bytes > ExecutionLimits.GroupBytesMax / 2 && count > 0)
        {
            return false;
        }

        LeftOutMax = leftOut;
        return true;
    }

    /// <summary>How many of the ascending numbers are at most the given one.</summary>
    private static int UpperBound(ReadOnlySpan<double> ascending, double value)
    {
        int low = 0, high = ascending.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = ascending[middle] <= value ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>What groups may miss after those of another result were added: a group that the other lacks may have as much there as the other left out.</summary>
    internal void AddMissed(int known, ReadOnlySpan<int> groups, ReadOnlySpan<double> missed, double leftOutMax)
    {
        if (leftOutMax == 0)
        {
            return;
        }

        var isThere = new bool[Groups];
        for (var i = 0; i < groups.Length; i++)
        {
            isThere[groups[i]] = true;
            SetMissed(groups[i], Missed(groups[i]) + (i < missed.Length ? missed[i] : 0));
        }

        for (var group = 0; group < known; group++)
        {
            if (!isThere[group])
            {
                SetMissed(group, Missed(group) + leftOutMax);
            }
        }

        LeftOutMax += leftOutMax;
    }

    private void SetMissed(int group, double value)
    {
        if (value == 0 || group == _overflowGroup)
        {
            return;
        }

        if (group >= _missed.Length)
        {
            Array.Resize(ref _missed, Math.Max(group + 1, _missed.Length * 2));
        }

        _missed[group] = value;
    }

    private void MergeVariances(VarianceTable from, ReadOnlySpan<int> cells, ReadOnlySpan<int> groups)
    {
        _variances ??= new(Plan);
        _variances.EnsureCells(this);
        _variances.Merge(from, cells, groups, _overflowGroup);
    }

    /// <summary>Adds the sampled buckets of another result: all of them if it was sampled and never told which.</summary>
    private void AddSampledBuckets(bool isSampled, ulong[]? buckets)
    {
        if ((isSampled && buckets is null) || ((IsSampled || HasUncountedDrops) && _sampledBuckets is null))
        {
            AddSampledTimes(long.MinValue, long.MaxValue);
        }

        for (var i = 0; i < buckets?.Length; i++)
        {
            (_sampledBuckets ??= new ulong[buckets.Length])[i] |= buckets[i];
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
