using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Variance;

/// <summary>
/// Collects, while a leaf scans sampled rows, what the variances of its numbers follow from: the units' totals in each cell, as <see cref="SignedSums"/>. One a leaf's
/// result, whatever it scans, so that a trace's rows come together across blocks. Rows that were sure to be kept add nothing. Single-threaded.
/// </summary>
internal sealed class VarianceCollector
{
    private const int Untouched = -1;
    private const int NoRoom = -2;

    private readonly PartialResult _result;
    private readonly VarianceTable _table;
    private readonly SignedSums _sums;
    private readonly SamplingUnits _units = new();
    private readonly Collected?[][] _collected;
    private readonly List<ColumnVector> _columns = [];
    private readonly int[][] _cellsOf = [[], [], []];
    private int[] _groupOf = [];
    private int _groupsKnown;

    public VarianceCollector(PartialResult result, int numbersMax = VarianceLimits.NumbersMax)
    {
        _result = result;
        _sums = new(numbersMax);
        _table = new(result.Plan);
        _collected = new Collected?[3][];
        for (var level = 0; level < _collected.Length; level++)
        {
            _collected[level] = new Collected?[result.Plan.Accumulators.Count];
            for (var i = 0; i < _collected[level].Length; i++)
            {
                _collected[level][i] = _table[(VarianceLevel)level, i] is null ? null : new((VarianceLevel)level == VarianceLevel.Total);
            }
        }
    }

    /// <summary>Looks at a sampled segment's selected rows, before any <see cref="Update"/> from it; false when all were sure to be kept and no update is wanted.</summary>
    public bool Begin(IRowSegment segment, ReadOnlySpan<int> rows, double[] weights) => _units.Load(segment, rows, weights);

    /// <summary>Adds rows of the segment to one accumulator's variances: the same rows that the accumulator takes.</summary>
    public void Update(int accumulator, in SelectedRows rows)
    {
        if (_collected[(int)VarianceLevel.Group][accumulator] is null)
        {
            return;
        }

        AssignCells(rows.Cells);
        var spec = _result.Plan.Accumulators[accumulator];
        if (spec.Kind == AccumulatorKind.Count)
        {
            AddCounts(accumulator, rows);
            return;
        }

        _columns.Clear();
        rows.Segment.GetColumns(spec.Column!, _columns);
        foreach (var column in _columns)
        {
            if (column.IsNumeric)
            {
                AddNumbers(accumulator, column, rows, spec.Kind == AccumulatorKind.Sketch);
            }
        }
    }

    /// <summary>
    /// Adds what another collector of the same plan has collected, whose cells and groups have the given numbers here: units may have rows in both. What falls into
    /// <paramref name="lostGroup"/> has no intervals.
    /// </summary>
    public void Merge(VarianceCollector other, ReadOnlySpan<int> cells, ReadOnlySpan<int> groups, int lostGroup)
    {
        // The totals first: room is scarce.
        for (var i = 0; i < _collected[0].Length; i++)
        {
            Merge(_collected[(int)VarianceLevel.Total][i], other, other._collected[(int)VarianceLevel.Total][i], [0], -1, i);
            Merge(_collected[(int)VarianceLevel.Group][i], other, other._collected[(int)VarianceLevel.Group][i], groups, lostGroup, i);
            Merge(_collected[(int)VarianceLevel.Series][i], other, other._collected[(int)VarianceLevel.Series][i], cells, -1, i);
        }
    }

    private void Merge(Collected? to, VarianceCollector other, Collected? from, ReadOnlySpan<int> numbers, int lost, int accumulator)
    {
        if (to is null || from is null)
        {
            return;
        }

        var sums = _result.Plan.Accumulators[accumulator].Kind == AccumulatorKind.Measure ? 2 : 1;
        for (var cell = 0; cell < from.Cells; cell++)
        {
            if (from.Sums[cell] == Untouched)
            {
                continue;
            }

            var number = numbers[cell];
            var sum = SumOf(to, number, sums);
            if (sum < 0 || from.Sums[cell] < 0 || number == lost)
            {
                to.Sums[number] = NoRoom;
                continue;
            }

            to.Rows[number] += from.Rows[cell];
            for (var i = 0; i < sums; i++)
            {
                _sums.AddFrom(sum + i, other._sums, from.Sums[cell] + i);
            }
        }

        for (var i = 0; i < from.StepSums.Count; i++)
        {
            var key = from.Steps.Key(i);
            var number = numbers[(int)(key >> 32)];
            if (to.Sums[number] >= 0 && from.StepSums[i] >= 0 && StepSumOf(to, number, (int)key) is >= 0 and var sum)
            {
                _sums.AddFrom(sum, other._sums, from.StepSums[i]);
            }
        }
    }

    /// <summary>Takes over other numbers of cells and groups, of which those that became <paramref name="lostGroup"/>'s have no intervals any more.</summary>
    public void Renumber(ReadOnlySpan<int> cells, ReadOnlySpan<int> groups, int lostGroup)
    {
        for (var i = 0; i < _collected[0].Length; i++)
        {
            _collected[(int)VarianceLevel.Series][i]?.Renumber(cells, -1);
            _collected[(int)VarianceLevel.Group][i]?.Renumber(groups, lostGroup);
        }

        _groupsKnown = 0;
    }

    /// <summary>The variances of everything added. The collector is of no use afterwards.</summary>
    public VarianceTable Settle()
    {
        _table.EnsureCells(_result);
        for (var level = 0; level < _collected.Length; level++)
        {
            for (var i = 0; i < _collected[level].Length; i++)
            {
                if (_collected[level][i] is { } collected)
                {
                    Settle(_table[(VarianceLevel)level, i]!, collected);
                }
            }
        }

        return _table;
    }

    /// <summary>The rows' cells at each level.</summary>
    private void AssignCells(ReadOnlySpan<int> cells)
    {
        if (_groupOf.Length < _result.Cells)
        {
            Array.Resize(ref _groupOf, Math.Max(_result.Cells, _groupOf.Length * 2));
        }

        for (; _groupsKnown < _result.Cells; _groupsKnown++)
        {
            _groupOf[_groupsKnown] = _result.CellOf(_groupsKnown).Group;
        }

        foreach (ref var of in _cellsOf.AsSpan())
        {
            if (of.Length < cells.Length)
            {
                of = new int[Math.Max(cells.Length, of.Length * 2)];
            }
        }

        cells.CopyTo(_cellsOf[(int)VarianceLevel.Series]);
        var groups = _cellsOf[(int)VarianceLevel.Group];
        for (var i = 0; i < cells.Length; i++)
        {
            groups[i] = _groupOf[cells[i]];
        }
    }

    private void AddCounts(int accumulator, in SelectedRows rows)
    {
        var hashes = _units.Hashes;
        var scales = _units.Scale;
        var weights = rows.Weights!;
        for (var level = 0; level < _collected.Length; level++)
        {
            if (_collected[level][accumulator] is not { } collected)
            {
                continue;
            }

            var cells = _cellsOf[level];
            for (var i = 0; i < rows.Rows.Length; i++)
            {
                var row = rows.Rows[i];
                if (scales[row] > 0 && SumOf(collected, cells[i], 1) is >= 0 and var sum)
                {
                    _sums.Add(sum, hashes[row], weights[row], scales[row]);
                }
            }
        }
    }

    private void AddNumbers(int accumulator, ColumnVector column, in SelectedRows rows, bool isSketch)
    {
        var hashes = _units.Hashes;
        var scales = _units.Scale;
        var weights = rows.Weights!;
        var numbers = new NumberReader(column);
        for (var level = 0; level < _collected.Length; level++)
        {
            if (_collected[level][accumulator] is not { } collected)
            {
                continue;
            }

            var cells = _cellsOf[level];
            for (var i = 0; i < rows.Rows.Length; i++)
            {
                var row = rows.Rows[i];
                if (!(scales[row] > 0) || !numbers.TryGet(row, out var value))
                {
                    continue;
                }

                var sum = SumOf(collected, cells[i], isSketch ? 1 : 2);
                if (sum < 0)
                {
                    continue;
                }

                _sums.Add(sum, hashes[row], weights[row], scales[row]);
                if (!isSketch)
                {
                    _sums.Add(sum + 1, hashes[row], weights[row] * value, scales[row]);
                }
                else if (StepSumOf(collected, cells[i], PercentileVariance.StepOf(value)) is >= 0 and var below)
                {
                    collected.Rows[cells[i]]++;
                    _sums.Add(below, hashes[row], weights[row], scales[row]);
                }
            }
        }
    }

    /// <summary>The first sum of a cell, made when new; negative when there was no room.</summary>
    private int SumOf(Collected collected, int cell, int sums)
    {
        collected.EnsureCells(cell + 1);
        ref var sum = ref collected.Sums[cell];
        return sum != Untouched ? sum : sum = _sums.Allocate(sums, collected.IsTotal) is >= 0 and var first ? first : NoRoom;
    }

    private int StepSumOf(Collected collected, int cell, int step)
    {
        var before = collected.Steps.Count;
        var at = collected.Steps.Add(((long)cell << 32) | (uint)step);
        if (at < before)
        {
            return collected.StepSums[at];
        }

        var sum = _sums.Allocate(1, collected.IsTotal);
        collected.StepSums.Add(sum);
        if (sum < 0)
        {
            collected.Sums[cell] = NoRoom;
        }

        return sum;
    }

    private void Settle(VarianceState state, Collected collected)
    {
        for (var cell = 0; cell < collected.Cells; cell++)
        {
            var sum = collected.Sums[cell];
            if (sum == NoRoom)
            {
                state.Lose(cell);
            }
            else if (sum >= 0 && state is CountVariance count)
            {
                count.Add(cell, Total(_sums.Plain(sum), _sums.Of(sum)));
            }
            else if (sum >= 0 && state is MeasureVariance measure)
            {
                SettleMeasure(measure, cell, sum);
            }
        }

        if (state is PercentileVariance percentile)
        {
            SettlePercentiles(percentile, collected);
        }
    }

    private void SettleMeasure(MeasureVariance measure, int cell, int sum)
    {
        var weights = _sums.Of(sum);
        var values = _sums.Of(sum + 1);
        var average = _sums.Plain(sum + 1) / _sums.Plain(sum);
        double weightVariance = 0, covariance = 0, residualVariance = 0, residualQuartic = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            weightVariance += weights[i] * weights[i];
            covariance += weights[i] * values[i];
            var residual = values[i] - (average * weights[i]);
            residualVariance += residual * residual;
            residualQuartic += residual * residual * residual * residual;
        }

        measure.Add(cell, Total(_sums.Plain(sum + 1), values), weightVariance, covariance, residualVariance, residualQuartic);
    }

    /// <summary>Walks each cell's steps in order of value, so that a step's buckets hold the units' weights at or below it.</summary>
    private void SettlePercentiles(PercentileVariance percentile, Collected collected)
    {
        var order = new long[collected.Steps.Count];
        var sums = collected.StepSums.ToArray();
        for (var i = 0; i < order.Length; i++)
        {
            // With the sign turned the step's low half sorts as the number it is.
            order[i] = collected.Steps.Key(i) ^ 0x80000000L;
        }

        Array.Sort(order, sums);
        var below = new double[_sums.Buckets];
        for (int from = 0, to; from < order.Length; from = to)
        {
            var cell = (int)(order[from] >> 32);
            for (to = from + 1; to < order.Length && (int)(order[to] >> 32) == cell; to++)
            {
            }

            if (collected.Sums[cell] < 0)
            {
                continue;
            }

            var all = _sums.Of(collected.Sums[cell]);
            var weight = _sums.Plain(collected.Sums[cell]);
            var variance = Dot(all, all);
            if (variance == 0)
            {
                continue;
            }

            Array.Clear(below);
            var points = new List<VariancePoint>(to - from);
            var weightBelow = 0d;
            for (var i = from; i < to; i++)
            {
                weightBelow += _sums.Plain(sums[i]);
                points.Add(Point((int)order[i] ^ int.MinValue, _sums.Of(sums[i]), below, all, weightBelow / weight, variance));
            }

            percentile.Add(cell, collected.Rows[cell], weight, variance, points);
        }
    }

    private static VariancePoint Point(int step, ReadOnlySpan<double> added, Span<double> below, ReadOnlySpan<double> all, double fraction, double variance)
    {
        double belowSquares = 0, covariance = 0, squares = 0, quartic = 0;
        for (var i = 0; i < below.Length; i++)
        {
            below[i] += added[i];
            belowSquares += below[i] * below[i];
            covariance += below[i] * all[i];
            var residual = below[i] - (fraction * all[i]);
            squares += residual * residual;
            quartic += residual * residual * residual * residual;
        }

        return new(step, belowSquares / variance, covariance / variance, squares > 0 ? quartic / (squares * squares) : 0);
    }

    private static SampledTotal Total(double value, ReadOnlySpan<double> buckets)
    {
        double variance = 0, quartic = 0;
        foreach (var bucket in buckets)
        {
            variance += bucket * bucket;
            quartic += bucket * bucket * bucket * bucket;
        }

        return new(value, variance, quartic);
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = 0d;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    /// <summary>Where the sums of one accumulator at one level are.</summary>
    private sealed class Collected(bool isTotal)
    {
        /// <summary>Of all groups together, which room is kept for.</summary>
        public bool IsTotal { get; } = isTotal;

        public int[] Sums { get; private set; } = [];

        public long[] Rows { get; private set; } = [];

        public int Cells { get; private set; }

        public IntegerMap Steps { get; private set; } = new();

        public List<int> StepSums { get; private set; } = [];

        /// <summary>Cells that come to share a number, or get the lost one, are lost.</summary>
        public void Renumber(ReadOnlySpan<int> numbers, int lost)
        {
            var (oldSums, oldRows, count) = (Sums, Rows, Math.Min(Cells, numbers.Length));
            var (oldSteps, oldStepSums) = (Steps, StepSums);
            (Sums, Rows, Cells, Steps, StepSums) = ([], [], 0, new(), []);
            for (var cell = 0; cell < count; cell++)
            {
                EnsureCells(numbers[cell] + 1);
                if (oldSums[cell] != Untouched)
                {
                    Sums[numbers[cell]] = numbers[cell] != lost && Sums[numbers[cell]] == Untouched ? oldSums[cell] : NoRoom;
                    Rows[numbers[cell]] = oldRows[cell];
                }
            }

            for (var i = 0; i < oldStepSums.Count; i++)
            {
                var key = oldSteps.Key(i);
                var to = numbers[(int)(key >> 32)];
                if (Sums[to] >= 0)
                {
                    Steps.Add(((long)to << 32) | (uint)key);
                    StepSums.Add(oldStepSums[i]);
                }
            }
        }

        public void EnsureCells(int count)
        {
            if (count <= Cells)
            {
                return;
            }

            if (count > Sums.Length)
            {
                var room = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, count));
                var sums = new int[room];
                Sums.CopyTo(sums, 0);
                sums.AsSpan(Sums.Length).Fill(Untouched);
                Sums = sums;
                var rows = new long[room];
                Rows.CopyTo(rows, 0);
                Rows = rows;
            }

            Cells = count;
        }
    }
}
