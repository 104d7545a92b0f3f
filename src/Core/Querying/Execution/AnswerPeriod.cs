using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Formulas;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>
/// A merged result on its way to an answer: rows over the whole range and over time, of each group and of several groups together. What needs the neighbours in
/// time is made here: RATE_* is the difference to the bucket before that has a value, CONCURRENCY carries spans on over the buckets that they cover.
/// </summary>
internal sealed class AnswerPeriod
{
    private readonly PartialResult _result;
    private readonly CellFinisher _finisher;
    private readonly FormulaSet _formulas;
    private readonly IReadOnlyList<Accumulator> _totals;
    private readonly int[] _totalOf;
    private readonly int _empty;
    private readonly bool _hasRates;
    private readonly bool _hasSpans;
    private AnswerRow? _all;
    private int[]? _byGroup;
    private int[]? _groupStarts;

    public AnswerPeriod(PartialResult result, HeatmapGrid grid, FormulaSet formulas)
    {
        Plan = result.Plan;
        _result = result;
        _finisher = new(Plan, result, grid);
        _formulas = formulas;
        foreach (var calculation in Plan.Spec.Calculations)
        {
            _hasRates |= calculation.Op.RateOf() is not null;
            _hasSpans |= calculation.Op == CalculationOp.Concurrency;
        }

        (_totals, _totalOf, _empty) = !_hasSpans && OnlyCells(result) is { } only ? (result.Accumulators, only, result.EmptyCell()) : MergedTotals(result);
        Overflow = -1;
        for (var group = 0; group < result.Groups && Overflow < 0 && result.HasOverflow; group++)
        {
            Overflow = result.GroupValues(group) is null ? group : -1;
        }
    }

    public LeafPlan Plan { get; }

    /// <summary>The group of the events past the bounds of a result; -1 when there is none.</summary>
    public int Overflow { get; }

    public int Groups => _result.Groups;

    public IEnumerable<int> AllGroups() => Enumerable.Range(0, _result.Groups);

    /// <summary>Events of a group, weighted.</summary>
    public double Events(int group) => ((CountAccumulator)_totals[0]).Weight(_totalOf[group]);

    /// <summary>The group with the same values as another period's; -1 when there is none.</summary>
    public int Find(AnswerPeriod other, int group) => _result.FindGroup(other._result, group);

    public AnswerRow Row(int group) => Whole(_result.GroupValues(group)!, _totals, _totalOf[group], CellPlace.OfGroup(group), _hasRates ? TimelineOf(group) : null);

    /// <summary>The breakdown values of a group that is not the overflow group.</summary>
    public FieldValue[] Values(int group) => _result.GroupValues(group)!;

    /// <summary>True when a column's number follows from a group's own state: it is a calculation that needs no neighbours in time.</summary>
    public bool IsPlain(int column) =>
        column < Plan.Spec.Calculations.Count && Plan.Spec.Calculations[column].Op is var op && op != CalculationOp.Concurrency && op.RateOf() is null;

    /// <summary>The number that the group's row shows in a plain column; NaN when it is absent.</summary>
    public double Number(int column, int group) => _finisher.Value(column, _totals[Plan.AccumulatorOf[column]], _totalOf[group]);

    /// <summary>
    /// True when groups can be added up in any order to the last bit: there are but whole counts and distinct values, and no variances. Sums of floats can't.
    /// </summary>
    public bool AddsUpInAnyOrder(List<int> groups)
    {
        if (_result.IsSampled)
        {
            return false;
        }

        foreach (var accumulator in _totals)
        {
            if (accumulator is CountAccumulator count)
            {
                foreach (var group in groups)
                {
                    var weight = count.Weight(_totalOf[group]);
                    if (weight != Math.Floor(weight))
                    {
                        return false;
                    }
                }
            }
            else if (accumulator is not DistinctAccumulator)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The row of the group that has the same values as another period's group, or the one of no events.</summary>
    public AnswerRow Matching(AnswerPeriod other, int group) => Find(other, group) is >= 0 and var mine ? Row(mine) : Empty();

    public AnswerRow Empty() => Whole(
        [], _totals, _empty, CellPlace.Nowhere(), _hasRates ? new Timeline(_totals, [], _empty, -1) : null);

    public AnswerRow All() => _all ??= Together([.. AllGroups()], Plan.Spec.Breakdowns.Count == 0 ? CellPlace.OfGroup(0) : CellPlace.Total);

    /// <summary>A column's label is its total's, whose interval is the total's alone: with groups it is left out.</summary>
    public IReadOnlyList<NumberLabel> Labels() =>
        [.. All().Cells.Select(cell => Plan.Spec.Breakdowns.Count == 0 ? cell.Label : cell.Label with { IntervalLow = null, IntervalHigh = null })];

    /// <summary>The groups past the limit together; <paramref name="kept"/> are those that are rows.</summary>
    public AnswerRow Together(IReadOnlyList<int> groups, IReadOnlyList<int> kept) => Together(groups, CellPlace.Nowhere() with { Kept = kept, Others = groups });

    private AnswerRow Together(IReadOnlyList<int> groups, CellPlace place)
    {
        var totals = Plan.NewAccumulators();
        foreach (var accumulator in totals)
        {
            accumulator.EnsureCells(1);
        }

        foreach (var group in groups)
        {
            MergeCell(totals, 0, _totals, _totalOf[group]);
        }

        return Whole([], totals, 0, place, _hasRates ? TimelineOf(groups) : null);
    }

    /// <summary>The groups over time, oldest point first, rows in the order of the groups.</summary>
    public IReadOnlyList<AnswerPoint> Series(IReadOnlyList<int> groups)
    {
        var rows = new List<(int Bucket, AnswerRow Row)>();
        foreach (var group in groups)
        {
            AddPoints(TimelineOf(group), _result.GroupValues(group)!, rows);
        }

        return Points(rows);
    }

    /// <summary>All events over time.</summary>
    public IReadOnlyList<AnswerPoint> SeriesOfAll()
    {
        var rows = new List<(int Bucket, AnswerRow Row)>();
        AddPoints(TimelineOf([.. AllGroups()]), [], rows);
        return Points(rows);
    }

    private List<AnswerPoint> Points(List<(int Bucket, AnswerRow Row)> rows)
    {
        var points = new List<AnswerPoint>();
        foreach (var bucket in rows.GroupBy(row => row.Bucket).OrderBy(bucket => bucket.Key))
        {
            points.Add(new(Plan.BucketStartNs(bucket.Key), [.. bucket.Select(row => row.Row)]));
        }

        return points;
    }

    private AnswerRow Whole(IReadOnlyList<FieldValue> group, IReadOnlyList<Accumulator> accumulators, int cell, CellPlace place, Timeline? time)
    {
        var cells = Cells(accumulators, cell, place);
        for (var i = 0; time is not null && i < Plan.Spec.Calculations.Count; i++)
        {
            if (Plan.Spec.Calculations[i].Op.RateOf() is { } of)
            {
                cells[i] = RateOverRange(i, of, time);
            }
        }

        _formulas.Complete(cells, CellFinisher.Number);
        return new(group, cells);
    }

    /// <summary>The average, the sum or the greatest of the differences that the series shows.</summary>
    private AnswerCell RateOverRange(int calculation, CalculationOp of, Timeline time)
    {
        double sum = 0, max = double.NegativeInfinity;
        var differences = 0;
        FieldValue? last = null;
        foreach (var (bucket, cell) in time.Cells)
        {
            var value = _finisher.Finish(calculation, time.Accumulators[Plan.AccumulatorOf[calculation]], cell, CellPlace.Nowhere(bucket)).Value;
            if (last is { } before && value.IsNumber)
            {
                var difference = value.AsDouble - before.AsDouble;
                sum += difference;
                max = Math.Max(max, difference);
                differences++;
            }

            last = value.IsNumber ? value : last;
        }

        var label = RateLabel(_finisher.Finish(calculation, _totals[Plan.AccumulatorOf[calculation]], _empty, CellPlace.Nowhere()).Label);
        return differences == 0
            ? new(FieldValue.Absent, null, label)
            : new(CellFinisher.Number(of switch { CalculationOp.Avg => sum / differences, CalculationOp.Sum => sum, _ => max }), null, label);
    }

    private void AddPoints(Timeline time, IReadOnlyList<FieldValue> group, List<(int, AnswerRow)> to)
    {
        var calculations = Plan.Spec.Calculations;
        var covering = new double[_hasSpans ? calculations.Count : 0];
        var last = new FieldValue?[_hasRates ? calculations.Count : 0];
        var next = 0;
        foreach (var (bucket, cell) in time.Cells)
        {
            AddCovered(time, group, next, bucket, covering, to);
            next = bucket + 1;
            var place = PlaceOf(time, bucket, cell);
            var cells = Cells(time.Accumulators, cell, place);
            var covered = false;
            for (var i = 0; i < calculations.Count; i++)
            {
                if (calculations[i].Op == CalculationOp.Concurrency)
                {
                    var spans = (ConcurrencyAccumulator)time.Accumulators[Plan.AccumulatorOf[i]];
                    covering[i] = Settle(covering[i] + spans.Change(cell));
                    var number = covering[i] + (spans.Covered(cell) / Plan.BucketWidthNs(bucket));
                    covered |= number > 0;
                    cells[i] = _finisher.Concurrency(number, place);
                }
                else if (calculations[i].Op.RateOf() is not null)
                {
                    (cells[i], last[i]) = Rate(cells[i], last[i]);
                }
            }

            // A cell in which nothing began and nothing goes on only says that spans ended at its start.
            if (covered || ((CountAccumulator)time.Accumulators[0]).Rows(cell) > 0)
            {
                _formulas.Complete(cells, CellFinisher.Number);
                to.Add((bucket, new(group, cells)));
            }
        }
    }

    /// <summary>The buckets from..to-1, in which no event began: points only where spans cover them.</summary>
    private void AddCovered(Timeline time, IReadOnlyList<FieldValue> group, int from, int to, double[] covering, List<(int, AnswerRow)> rows)
    {
        if (!Array.Exists(covering, number => number > 0))
        {
            return;
        }

        var cells = Cells(time.Accumulators, time.Empty, CellPlace.Nowhere());
        for (var i = 0; i < covering.Length; i++)
        {
            if (Plan.Spec.Calculations[i].Op == CalculationOp.Concurrency)
            {
                cells[i] = _finisher.Concurrency(covering[i], CellPlace.Nowhere());
            }
            else if (Plan.Spec.Calculations[i].Op.RateOf() is not null)
            {
                cells[i] = Rate(cells[i], null).Cell;
            }
        }

        _formulas.Complete(cells, CellFinisher.Number);
        for (var bucket = from; bucket < to; bucket++)
        {
            rows.Add((bucket, new(group, cells)));
        }
    }

    private AnswerCell[] Cells(IReadOnlyList<Accumulator> accumulators, int cell, CellPlace place)
    {
        var cells = new AnswerCell[ResultColumns.Count(Plan.Spec)];
        for (var i = 0; i < Plan.AccumulatorOf.Count; i++)
        {
            cells[i] = _finisher.Finish(i, accumulators[Plan.AccumulatorOf[i]], cell, place);
        }

        return cells;
    }

    private static (AnswerCell Cell, FieldValue? Last) Rate(AnswerCell value, FieldValue? last)
    {
        var difference = last is { } before && value.Value.IsNumber ? CellFinisher.Number(value.Value.AsDouble - before.AsDouble) : FieldValue.Absent;
        return (new(difference, null, RateLabel(value.Label)), value.Value.IsNumber ? value.Value : last);
    }

    // The difference of two numbers that are each too low or too high can be either.
    private static NumberLabel RateLabel(NumberLabel of) => of.Kind == LabelKind.Exact ? of : new(LabelKind.Estimated);

    // Fractional weights leave a last digit behind when they are taken off again.
    private static double Settle(double spans) => Math.Abs(spans) < 1e-6 ? 0 : spans;

    private static void MergeCell(Accumulator[] to, int cell, IReadOnlyList<Accumulator> from, int fromCell)
    {
        for (var i = 0; i < to.Length; i++)
        {
            to[i].Merge(cell, from[i], fromCell);
        }
    }

    /// <summary>The cell of each group when each has exactly one, which then is its total; else null.</summary>
    private static int[]? OnlyCells(PartialResult result)
    {
        if (result.Cells != result.Groups)
        {
            return null;
        }

        var only = new int[result.Groups];
        Array.Fill(only, -1);
        for (var cell = 0; cell < only.Length; cell++)
        {
            ref var of = ref only[result.CellOf(cell).Group];
            if (of >= 0)
            {
                return null;
            }

            of = cell;
        }

        return only;
    }

    /// <summary>The groups over the whole range, the cell of each, and behind them one that stays empty.</summary>
    private static (IReadOnlyList<Accumulator> Totals, int[] TotalOf, int Empty) MergedTotals(PartialResult result)
    {
        var totals = result.Plan.NewAccumulators();
        foreach (var accumulator in totals)
        {
            accumulator.EnsureCells(result.Groups + 1);
        }

        for (var cell = 0; cell < result.Cells; cell++)
        {
            MergeCell(totals, result.CellOf(cell).Group, result.Accumulators, cell);
        }

        var totalOf = new int[result.Groups];
        for (var group = 0; group < totalOf.Length; group++)
        {
            totalOf[group] = group;
        }

        return (totals, totalOf, result.Groups);
    }

    private Timeline TimelineOf(int group)
    {
        EnsureSorted();
        var cells = new List<(int Bucket, int Cell)>();
        for (var i = _groupStarts![group]; i < _groupStarts[group + 1]; i++)
        {
            cells.Add((_result.CellOf(_byGroup![i]).Bucket, _byGroup[i]));
        }

        // By time: a group has one cell of a bucket.
        cells.Sort();
        return new(_result.Accumulators, cells, _result.EmptyCell(), group);
    }

    private Timeline TimelineOf(IReadOnlyList<int> groups)
    {
        if (groups.Count == 1)
        {
            return TimelineOf(groups[0]);
        }

        var wanted = new bool[_result.Groups];
        foreach (var group in groups)
        {
            wanted[group] = true;
        }

        var cellOf = new SortedDictionary<int, int>();
        for (var cell = 0; cell < _result.Cells; cell++)
        {
            var (group, bucket) = _result.CellOf(cell);
            if (wanted[group])
            {
                cellOf.TryAdd(bucket, cellOf.Count);
            }
        }

        var merged = Plan.NewAccumulators();
        foreach (var accumulator in merged)
        {
            accumulator.EnsureCells(cellOf.Count + 1);
        }

        for (var cell = 0; cell < _result.Cells; cell++)
        {
            var (group, bucket) = _result.CellOf(cell);
            if (wanted[group])
            {
                MergeCell(merged, cellOf[bucket], _result.Accumulators, cell);
            }
        }

        return new(merged, [.. cellOf.Select(pair => (pair.Key, pair.Value))], cellOf.Count, -1);
    }

    /// <summary>Lists the cells by group.</summary>
    private void EnsureSorted()
    {
        if (_byGroup is not null)
        {
            return;
        }

        _groupStarts = new int[_result.Groups + 1];
        for (var cell = 0; cell < _result.Cells; cell++)
        {
            _groupStarts[_result.CellOf(cell).Group + 1]++;
        }

        for (var group = 0; group < _result.Groups; group++)
        {
            _groupStarts[group + 1] += _groupStarts[group];
        }

        _byGroup = new int[_result.Cells];
        var next = _groupStarts[..^1];
        for (var cell = 0; cell < _byGroup.Length; cell++)
        {
            _byGroup[next[_result.CellOf(cell).Group]++] = cell;
        }
    }

    private CellPlace PlaceOf(Timeline time, int bucket, int cell) =>
        time.Group < 0 ? CellPlace.Nowhere(bucket) : Plan.Buckets > 1 ? CellPlace.OfSeries(cell, bucket) : CellPlace.OfGroup(time.Group);

    /// <summary>Buckets in order, each with its cell of the accumulators, a cell of them that is empty, and the group that they are of; -1 of several.</summary>
    private sealed record Timeline(IReadOnlyList<Accumulator> Accumulators, List<(int Bucket, int Cell)> Cells, int Empty, int Group);
}
