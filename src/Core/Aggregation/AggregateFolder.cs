using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>A fold's result: its directory and the blocks' bytes, in the directory's order.</summary>
public sealed record Fold(FoldDirectory Directory, IReadOnlyList<byte[]> Blocks);

/// <summary>
/// Folds batches into aggregate blocks, a column at a time: values become fold-wide codes, (dataset, slot, code) becomes a cell, each measure is added to its cell.
/// An event costs some array adds a dimension. Remembers which fields have too many values to be dimensions. Not thread-safe; one a partition.
/// </summary>
/// <remarks>
/// Why folds of many rows instead of buckets that are open all the time: docs/adr/0004-fold-batches-into-aggregates.md. A fold's content is a function of the
/// batches and of this object's remembered state, which is part of the cut.
/// </remarks>
public sealed class AggregateFolder
{
    /// <summary>Most (dataset, slot, value) triples of a table; past it they are hashed.</summary>
    private const long DenseSpaceMax = 1 << 18;

    private readonly HashSet<string> _sketchFields;
    private readonly Dictionary<string, long> _tooMany = [];
    private readonly HashSet<string> _coarse = [];
    private readonly IntegerMap _cellMap = new();
    private readonly ByteWriter _writer = new(1 << 16);
    private readonly HeavyHitterCounter _heavyHitters = new();

    /// <summary>A folder that keeps quantile sketches for these dimensions besides the totals'.</summary>
    public AggregateFolder(IEnumerable<string> sketchDimensions) => _sketchFields = [.. sketchDimensions];

    /// <summary>Writes what is remembered between folds.</summary>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)_tooMany.Count);
        foreach (var (field, fold) in _tooMany)
        {
            w.Text(field);
            w.Varint((ulong)fold);
        }

        w.Varint((ulong)_coarse.Count);
        foreach (var field in _coarse)
        {
            w.Text(field);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote, in place of what is remembered.</summary>
    public void Read(ref ByteReader r)
    {
        _tooMany.Clear();
        _coarse.Clear();
        for (var left = r.Count(); left > 0; left--)
        {
            _tooMany[r.Text()] = (long)r.Varint();
        }

        for (var left = r.Count(); left > 0; left--)
        {
            _coarse.Add(r.Text());
        }
    }

    /// <summary>Folds the batches, of which there is at least one with rows.</summary>
    public Fold Fold(long id, IReadOnlyList<EventBatch> batches)
    {
        using var input = new FoldInput(batches);
        var fields = input.FieldsByPresence();
        var entries = new List<BlockEntry>();
        var blocks = new List<byte[]>();
        var distinct = new List<string>();
        var dimensions = Dimensions(input, fields, id, distinct, out var smallDomains);

        // A number of few values (a status, a partition) is a dimension: its sums are kept in the totals alone, and nobody asks for its quantiles.
        var isSettled = input.Rows >= AggregationLimits.SettledRows;
        var measures = fields.Where(field => field.IsNumeric).Take(AggregationLimits.MeasuresMax).Select(field => input.Measure(field.Name)).ToList();
        var wanted = measures.FindAll(measure => !isSettled || !smallDomains.Contains(measure.Field));
        AddBlock(input, new("", null, Utf8Strings.From([""])), measures, wanted.Contains, entries, blocks);
        var ofDimensions = wanted.Take(AggregationLimits.DimensionMeasuresMax).ToList();
        foreach (var dimension in dimensions)
        {
            var hasSketches = _sketchFields.Contains(dimension.Field);
            AddBlock(input, dimension, ofDimensions, _ => hasSketches, entries, blocks);
        }

        foreach (var field in distinct)
        {
            blocks.Add(Distinct(input, field, out var heavy));
            entries.Add(new(field, true, AggregationLimits.CoarseSeconds, []));
            if (heavy is not null)
            {
                blocks.Add(heavy.Encode(_writer, null));
                entries.Add(new(field, false, AggregationLimits.CoarseSeconds, []) { IsHeavyHitters = true });
            }
        }

        var directory = new FoldDirectory
        {
            Id = id,
            Rows = input.Rows,
            MinTimeNs = input.MinTimeNs,
            MaxTimeNs = input.MaxTimeNs,
            IsWeighted = input.IsWeighted,
            Blocks = entries,
            Fields = fields.Select(field => field.Name).ToHashSet(),
        };
        return new(directory, blocks);
    }

    /// <summary>The fields that are dimensions of this fold, with each row's code; those that have too many values go to <paramref name="distinct"/>.</summary>
    private List<FoldDimension> Dimensions(FoldInput input, List<FoldField> fields, long id, List<string> distinct, out HashSet<string> smallDomains)
    {
        var dimensions = new List<FoldDimension>();
        smallDomains = [];
        foreach (var field in fields)
        {
            if (field.IsFloat)
            {
                continue;
            }

            var valuesMax = field.IsInteger ? AggregationLimits.SmallDomainMax : AggregationLimits.DimensionValuesMax;
            if (dimensions.Count < AggregationLimits.DimensionsMax && IsCandidate(field, id) && input.TryCode(field.Name, valuesMax) is { } dimension)
            {
                _tooMany.Remove(field.Name);
                dimensions.Add(dimension);
                if (field.IsInteger)
                {
                    smallDomains.Add(field.Name);
                }

                continue;
            }

            _tooMany.TryAdd(field.Name, id);
            if (distinct.Count < AggregationLimits.DistinctFieldsMax && !field.IsInteger)
            {
                distinct.Add(field.Name);
            }
        }

        return dimensions;
    }

    private bool IsCandidate(FoldField field, long id)
    {
        if (!_tooMany.TryGetValue(field.Name, out var since))
        {
            return true;
        }

        if (id - since < AggregationLimits.RetryFolds)
        {
            return false;
        }

        _tooMany.Remove(field.Name);
        return true;
    }

    private void AddBlock(
        FoldInput input, FoldDimension dimension, List<FoldMeasure> measures, Func<FoldMeasure, bool> hasSketches, List<BlockEntry> entries, List<byte[]> blocks)
    {
        var field = dimension.Field;
        var seconds = _coarse.Contains(field) ? AggregationLimits.CoarseSeconds : AggregationLimits.FineSeconds;
        var cells = AssignCells(input, dimension, seconds);
        if (seconds == AggregationLimits.FineSeconds && (long)cells * AggregationLimits.DenseRowsPerCell > input.Rows)
        {
            _coarse.Add(field);
            seconds = AggregationLimits.CoarseSeconds;
            cells = AssignCells(input, dimension, seconds);
        }

        var block = new AggregateBlock(field, seconds, input.Datasets, dimension.Values, cells, input.IsWeighted);
        CountRows(input, dimension, seconds, block);
        foreach (var measure in measures)
        {
            var aggregates = new MeasureCells(measure.Field, measure.Decimals, measure.IsOfAllRows ? block.Rows : new int[cells], input.IsWeighted ? new double[cells] : null);
            if (hasSketches(measure))
            {
                aggregates.Sketches = SketchFold.Of(input, measure, cells);
            }

            block.Measures.Add(aggregates);
        }

        AddMeasures(input, measures, block.Measures);

        entries.Add(new(field, false, seconds, [.. block.Measures.Select(measure => (measure.Field, measure.Sketches is not null))]));
        blocks.Add(AggregateBlockFormat.Encode(block, _writer));
    }

    /// <summary>Numbers the cells in order of appearance; the rows' cells are in <see cref="FoldInput.Cells"/>. Returns how many.</summary>
    private int AssignCells(FoldInput input, FoldDimension dimension, int seconds)
    {
        var slots = input.SlotsOf(seconds);
        var slotOf = slots.IndexOf.AsSpan(0, input.Rows);
        var codes = dimension.Codes.AsSpan();
        var cells = input.Cells;
        if (codes.IsEmpty)
        {
            slotOf.CopyTo(cells);
            return slots.Count;
        }

        var values = dimension.Values.Count;
        var space = (long)slots.Count * values;
        if (space > DenseSpaceMax)
        {
            _cellMap.Clear();
            for (var row = 0; row < slotOf.Length; row++)
            {
                cells[row] = _cellMap.Add(((long)slotOf[row] * values) + codes[row]);
            }

            return _cellMap.Count;
        }

        // Fast path: a table over all (dataset, slot, value).
        var rented = LentArrays.Rent<int>((int)space);
        var dense = rented.AsSpan(0, (int)space);
        dense.Clear();
        var count = 0;
        for (var row = 0; row < slotOf.Length; row++)
        {
            ref var entry = ref dense[(slotOf[row] * values) + codes[row]];
            if (entry == 0)
            {
                entry = ++count;
            }

            cells[row] = entry - 1;
        }

        LentArrays.Return(rented);
        return count;
    }

    private static void CountRows(FoldInput input, FoldDimension dimension, int seconds, AggregateBlock block)
    {
        var slots = input.SlotsOf(seconds);
        var cells = input.Cells;
        var rows = block.Rows.AsSpan();
        for (var row = 0; row < cells.Length; row++)
        {
            var cell = cells[row];
            if (rows[cell]++ == 0)
            {
                var slot = slots.IndexOf[row];
                block.DatasetCodes[cell] = slots.Datasets[slot];
                block.Slots[cell] = slots.Slots[slot];
                block.ValueCodes[cell] = dimension.Codes is null ? 0 : dimension.Codes[row];
            }
        }

        if (input.Weights is { } weights)
        {
            for (var row = 0; row < cells.Length; row++)
            {
                block.Weights![cells[row]] += weights[row];
            }
        }
    }

    /// <summary>Adds every row to its cell of each measure; unweighted rows to two measures a pass.</summary>
    private static void AddMeasures(FoldInput input, List<FoldMeasure> measures, List<MeasureCells> aggregates)
    {
        if (input.Weights is { } weights)
        {
            for (var i = 0; i < measures.Count; i++)
            {
                AddWeighted(input.Cells, weights, measures[i], aggregates[i]);
            }

            return;
        }

        for (var i = 0; i < measures.Count; i += 2)
        {
            var hasSecond = i + 1 < measures.Count;
            MeasurePair.Add(input.Cells, measures[i], aggregates[i], hasSecond ? measures[i + 1] : null, hasSecond ? aggregates[i + 1] : null);
        }
    }

    private static void AddWeighted(ReadOnlySpan<int> cells, double[] weights, FoldMeasure measure, MeasureCells aggregates)
    {
        var (sums, mins, maxs) = (aggregates.Sums, aggregates.Mins, aggregates.Maxs);
        for (var row = 0; row < cells.Length; row++)
        {
            var value = measure.Whole[row];
            if (double.IsNaN(value))
            {
                continue;
            }

            var cell = cells[row];
            aggregates.Counts[cell] += measure.IsOfAllRows ? 0 : 1;
            aggregates.Weights![cell] += weights[row];
            sums[cell] += value * weights[row];
            mins[cell] = Math.Min(mins[cell], value);
            maxs[cell] = Math.Max(maxs[cell], value);
        }
    }

    /// <summary>The encoded distinct counts of a field, and its heavy values.</summary>
    private byte[] Distinct(FoldInput input, string field, out HeavyHitterBlock? heavy)
    {
        var slots = input.SlotsOf(AggregationLimits.CoarseSeconds);
        var rented = LentArrays.Rent<uint>(input.Rows);
        var entries = rented.AsSpan(0, input.Rows);
        DistinctFold.Entries(input, field, entries);
        heavy = _heavyHitters.Find(input, field, slots, entries);
        var block = DistinctFold.Of(field, input, slots, entries);
        LentArrays.Return(rented);
        return block.Encode(_writer, null);
    }
}
