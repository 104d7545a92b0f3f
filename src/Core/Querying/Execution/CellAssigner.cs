using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>
/// Finds the cell (group and time bucket) of each selected row of a segment. Breakdown values become codes, the codes of a row together with its bucket an index into a
/// table of cells; where that would be larger than it is worth, into hash tables.
/// Holds scratch memory: one instance a thread and query.
/// </summary>
internal sealed class CellAssigner : IDisposable
{
    /// <summary>Entries of a table for each row at most: clearing it must cost less than the look-ups it saves.</summary>
    private const int EntriesPerRow = 16;

    private const int EntriesMin = 4096;

    private readonly LeafPlan _plan;
    private readonly PartialResult _result;
    private readonly BreakdownCodes[] _codings;
    private readonly List<ColumnVector> _columns = [];
    private readonly ByteWriter _key = new();
    private readonly IntegerMap _sparse = new();
    private int[] _cells = [];
    private int[] _buckets = [];
    private int[] _combined = [];
    private int[] _codes = [];
    private int[] _table = [];
    private int[] _groups = [];

    // Of one breakdown: the group of a text by its number, as long as the result's groups keep theirs.
    private int[] _groupOfText = [];
    private int _textsKnown;
    private TextNumbers? _numbering;
    private int _purges;

    // Of one bucket: the cell of each group.
    private int[] _cellOfGroup = [];
    private int _groupsKnown;
    private int _bucketOfCells = -1;
    private int _purgesOfCells;

    public CellAssigner(LeafPlan plan, PartialResult result)
    {
        _plan = plan;
        _result = result;
        _codings = new BreakdownCodes[plan.Spec.Breakdowns.Count];
        for (var i = 0; i < _codings.Length; i++)
        {
            _codings[i] = new();
        }
    }

    /// <summary>Gives the scratch memory back.</summary>
    public void Dispose()
    {
        LentArray.Return(ref _cells);
        LentArray.Return(ref _buckets);
        LentArray.Return(ref _combined);
        LentArray.Return(ref _codes);
        LentArray.Return(ref _table);
        LentArray.Return(ref _groups);
        LentArray.Return(ref _groupOfText);
        LentArray.Return(ref _cellOfGroup);
        foreach (var coding in _codings)
        {
            coding.Dispose();
        }
    }

    /// <summary>The cell of each row, all of whose times lie in [startNs, endNs). Valid until the next call.</summary>
    public ReadOnlySpan<int> Assign(IRowSegment segment, ReadOnlySpan<int> rows, bool isAll, long startNs, long endNs)
    {
        var firstBucket = _plan.BucketOf(Math.Max(startNs, segment.MinTimeNs));
        var buckets = _plan.BucketOf(Math.Min(endNs - 1, segment.MaxTimeNs)) - firstBucket + 1;
        var cells = LentArray.Room(ref _cells, rows.Length);
        if (buckets > 1)
        {
            Buckets.Assign(segment.Times, rows, isAll, _plan, firstBucket, LentArray.Room(ref _buckets, rows.Length));
        }

        if (_codings.Length == 0)
        {
            AssignUngrouped(cells, firstBucket, buckets);
        }
        else
        {
            var codes = Combine(segment, rows, isAll);
            var entriesMax = EntriesMax(rows.Length);
            if ((long)codes * buckets <= entriesMax)
            {
                AssignByTable(cells, codes, firstBucket, buckets);
            }
            else
            {
                AssignSparse(cells, codes, codes <= entriesMax, firstBucket, buckets);
            }
        }

        return cells;
    }

    /// <summary>
    /// Counts the rows of a segment where that takes no cell for each of them: those that nothing breaks down, and those of one bucket by one text field. False when they are not of that
    /// kind. Each row is taken for one event.
    /// </summary>
    public bool TryCount(IRowSegment segment, ReadOnlySpan<int> rows, bool isAll, long startNs, long endNs)
    {
        var bucket = _plan.BucketOf(Math.Max(startNs, segment.MinTimeNs));
        var buckets = _plan.BucketOf(Math.Min(endNs - 1, segment.MaxTimeNs)) - bucket + 1;
        return _codings.Length switch
        {
            0 => TryCountUngrouped(segment, rows, isAll, bucket, buckets),
            1 when buckets == 1 => TryCountTexts(segment, rows, isAll, bucket),
            _ => false,
        };
    }

    /// <summary>Entries of a table worth having for so many rows.</summary>
    private static int EntriesMax(int rows) => Math.Max(EntriesMin, rows * EntriesPerRow);

    /// <summary>Once a bucket.</summary>
    private bool TryCountUngrouped(IRowSegment segment, ReadOnlySpan<int> rows, bool isAll, int firstBucket, int buckets)
    {
        if (buckets > EntriesMax(rows.Length))
        {
            return false;
        }

        var group = _result.Group(default(ReadOnlySpan<byte>));
        if (buckets == 1)
        {
            _result.Count.Add(_result.Cell(group, firstBucket), rows.Length, rows.Length);
            return true;
        }

        var bucketOf = LentArray.Room(ref _buckets, rows.Length);
        Buckets.Assign(segment.Times, rows, isAll, _plan, firstBucket, bucketOf);
        var counts = LentArray.Room(ref _table, buckets);
        counts.Clear();
        foreach (var bucket in bucketOf)
        {
            counts[bucket]++;
        }

        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i] > 0)
            {
                _result.Count.Add(_result.Cell(group, firstBucket + i), counts[i], counts[i]);
            }
        }

        return true;
    }

    /// <summary>Once a code.</summary>
    private bool TryCountTexts(IRowSegment segment, ReadOnlySpan<int> rows, bool isAll, int bucket)
    {
        _columns.Clear();
        segment.GetColumns(_plan.Spec.Breakdowns[0], _columns);
        if (_columns is not [{ Type: ColumnType.Dictionary } column] || column.Strings.Count > rows.Length || (column.Presence is not null && !isAll))
        {
            return false;
        }

        var counts = LentArray.Room(ref _table, column.Strings.Count);
        counts.Clear();
        PackedScan.CountCodes(column.PackedCodes, isAll ? [] : rows, counts);
        var first = _codings[0].Use(column);
        if (rows.Length - column.Count is > 0 and var absent && isAll)
        {
            _result.Count.Add(CellOf(Resolve(0), bucket), absent, absent);
        }

        for (var code = 0; code < counts.Length; code++)
        {
            if (counts[code] > 0)
            {
                _result.Count.Add(CellOf(Resolve(first + code), bucket), counts[code], counts[code]);
            }
        }

        return true;
    }

    /// <summary>The cell of a group in a bucket, remembered until another bucket comes.</summary>
    private int CellOf(int group, int bucket)
    {
        if (bucket != _bucketOfCells || _result.Purges != _purgesOfCells)
        {
            (_bucketOfCells, _purgesOfCells, _groupsKnown) = (bucket, _result.Purges, 0);
        }

        if (group >= _groupsKnown)
        {
            LentArray.Grow(ref _cellOfGroup, Math.Max(_result.Groups, group + 1));
            _cellOfGroup.AsSpan(_groupsKnown).Fill(-1);
            _groupsKnown = _cellOfGroup.Length;
        }

        ref var cell = ref _cellOfGroup[group];
        if (cell < 0)
        {
            cell = _result.Cell(group, bucket);
        }

        return cell;
    }

    private void AssignUngrouped(Span<int> cells, int firstBucket, int buckets)
    {
        var group = _result.Group(default(ReadOnlySpan<byte>));
        if (buckets == 1)
        {
            cells.Fill(_result.Cell(group, firstBucket));
            return;
        }

        if (buckets > EntriesMax(cells.Length))
        {
            // Slow path: few rows over very many buckets.
            int lastBucket = -1, lastCell = -1;
            for (var i = 0; i < cells.Length; i++)
            {
                if (_buckets[i] != lastBucket)
                {
                    lastBucket = _buckets[i];
                    lastCell = _result.Cell(group, firstBucket + lastBucket);
                }

                cells[i] = lastCell;
            }

            return;
        }

        var table = LentArray.Room(ref _table, buckets);
        table.Fill(-1);
        var bucketOf = _buckets.AsSpan(0, cells.Length);
        for (var i = 0; i < cells.Length; i++)
        {
            ref var cell = ref table[bucketOf[i]];
            if (cell < 0)
            {
                cell = _result.Cell(group, firstBucket + bucketOf[i]);
            }

            cells[i] = cell;
        }
    }

    private void AssignByTable(Span<int> cells, int codes, int firstBucket, int buckets)
    {
        var combined = _combined.AsSpan(0, cells.Length);
        var groups = LentArray.Room(ref _groups, codes);
        groups.Fill(-1);
        if (buckets == 1)
        {
            // Fast path: a code is a cell.
            var cellOf = LentArray.Room(ref _table, codes);
            cellOf.Fill(-1);
            for (var i = 0; i < cells.Length; i++)
            {
                ref var cell = ref cellOf[combined[i]];
                if (cell < 0)
                {
                    cell = CellOf(GroupOf(groups, combined[i]), firstBucket);
                }

                cells[i] = cell;
            }

            return;
        }

        var table = LentArray.Room(ref _table, codes * buckets);
        table.Fill(-1);
        var bucketOf = _buckets.AsSpan(0, cells.Length);
        for (var i = 0; i < cells.Length; i++)
        {
            ref var cell = ref table[(combined[i] * buckets) + bucketOf[i]];
            if (cell < 0)
            {
                cell = _result.Cell(GroupOf(groups, combined[i]), firstBucket + bucketOf[i]);
            }

            cells[i] = cell;
        }
    }

    private void AssignSparse(Span<int> cells, int codes, bool groupsFit, int firstBucket, int buckets)
    {
        var combined = _combined.AsSpan(0, cells.Length);
        if (groupsFit)
        {
            LentArray.Room(ref _groups, codes).Fill(-1);
        }
        else
        {
            _sparse.Clear();
        }

        int lastCode = -1, lastBucket = -1, lastCell = -1;
        for (var i = 0; i < cells.Length; i++)
        {
            var bucket = buckets == 1 ? 0 : _buckets[i];
            if (combined[i] != lastCode || bucket != lastBucket)
            {
                (lastCode, lastBucket) = (combined[i], bucket);
                lastCell = _result.Cell(groupsFit ? GroupOf(_groups, lastCode) : SparseGroupOf(lastCode), firstBucket + bucket);
            }

            cells[i] = lastCell;
        }
    }

    private int GroupOf(Span<int> groups, int combined)
    {
        ref var group = ref groups[combined];
        if (group < 0)
        {
            group = Resolve(combined);
        }

        return group;
    }

    private int SparseGroupOf(int combined)
    {
        var known = _sparse.Count;
        var at = _sparse.Add(combined);
        if (at == known)
        {
            LentArray.Grow(ref _groups, Math.Max(EntriesMin, at + 1));
            _groups[at] = Resolve(combined);
        }

        return _groups[at];
    }

    /// <summary>Leaves in the combined codes one number a row for all breakdowns together; returns how many there can be.</summary>
    private int Combine(IRowSegment segment, ReadOnlySpan<int> rows, bool isAll)
    {
        var combined = LentArray.Room(ref _combined, rows.Length);
        var count = 0;
        for (var i = 0; i < _codings.Length; i++)
        {
            _columns.Clear();
            segment.GetColumns(_plan.Spec.Breakdowns[i], _columns);
            if (i == 0)
            {
                count = _codings[0].Fill(_columns, rows, isAll, combined);
                continue;
            }

            var codes = LentArray.Room(ref _codes, rows.Length);
            var next = _codings[i].Fill(_columns, rows, isAll, codes);
            if ((long)count * next <= Math.Max(EntriesMin, rows.Length * EntriesPerRow))
            {
                // Fast path: all pairs that there can be.
                _codings[i].UsePairs(next, null);
                for (var k = 0; k < combined.Length; k++)
                {
                    combined[k] = (combined[k] * next) + codes[k];
                }

                count *= next;
            }
            else
            {
                // Pairs are numbered anew, so that the product of the sizes never overflows.
                var pairs = new IntegerMap();
                _codings[i].UsePairs(next, pairs);
                for (var k = 0; k < combined.Length; k++)
                {
                    combined[k] = pairs.Add(((long)combined[k] << 32) | (uint)codes[k]);
                }

                count = pairs.Count;
            }
        }

        return count;
    }

    private int Resolve(int combined)
    {
        if (_codings.Length != 1 || _codings[0].TextNumber(combined, out var numbering) is not (>= 0 and var number))
        {
            return Lookup(combined);
        }

        if (numbering != _numbering || _purges != _result.Purges)
        {
            (_numbering, _purges, _textsKnown) = (numbering, _result.Purges, 0);
        }

        if (number >= _textsKnown)
        {
            LentArray.Grow(ref _groupOfText, Math.Max(numbering!.Count, number + 1));
            _groupOfText.AsSpan(_textsKnown).Fill(-1);
            _textsKnown = _groupOfText.Length;
        }

        ref var group = ref _groupOfText[number];
        if (group < 0)
        {
            group = Lookup(combined);
        }

        return group;
    }

    /// <summary>The group of a combined code by its values.</summary>
    private int Lookup(int combined)
    {
        Span<int> codes = _codings.Length <= 16 ? stackalloc int[_codings.Length] : new int[_codings.Length];
        for (var i = _codings.Length - 1; i > 0; i--)
        {
            (combined, codes[i]) = _codings[i].Split(combined);
        }

        codes[0] = combined;
        _key.Clear();
        for (var i = 0; i < codes.Length; i++)
        {
            _codings[i].WriteKey(_key, codes[i]);
        }

        return _result.Group(_key.Written);
    }
}
