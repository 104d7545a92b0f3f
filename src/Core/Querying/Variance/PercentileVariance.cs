using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Variance;

/// <summary>
/// The variances of the weight below a value, at steps of a fifth of a doubling: what the interval of any percentile follows from (Woodruff, 1952). A step's number
/// is <see cref="StepOf"/>; a cell knows the steps in which sampled rows fell, and between them nothing changes.
/// </summary>
internal sealed class PercentileVariance : VarianceState
{
    private const int Middle = 1 << 20;

    private Cell?[] _cells = [];

    /// <summary>The step of a bin of a quantile sketch: numbers ascend with the values.</summary>
    public static int StepOf(int sign, int bin)
    {
        if (sign == 0)
        {
            return 0;
        }

        var step = Middle + (int)Math.Floor((bin - 1) / (double)VarianceLimits.BinsPerStep);
        return sign > 0 ? step : -step;
    }

    /// <summary>The step of a value.</summary>
    public static int StepOf(double value) => LogBins.CountsAsZero(value) ? 0 : value > 0 ? StepOf(1, LogBins.BinOf(value)) : StepOf(-1, LogBins.BinOf(-value));

    /// <summary>Sampled rows of a cell, and the events that they stand for.</summary>
    public (long Rows, double Weight) Sampled(int cell) => _cells[cell] is { } at ? (at.Rows, at.Weight) : default;

    /// <summary>The variance of the weight of all sampled rows.</summary>
    public double WeightVariance(int cell) => _cells[cell]?.WeightVariance ?? 0;

    /// <summary>
    /// The variance of the fraction of <paramref name="weight"/> that lies at or below the end of a step, where <paramref name="fraction"/> is that fraction: of the units'
    /// weights below less the fraction's share of all their weight.
    /// </summary>
    public SampledTotal Fraction(int cell, int step, double fraction, double weight)
    {
        if (_cells[cell] is not { } at)
        {
            return default;
        }

        var point = at.At(step);
        var variance = (point.Below - (2 * fraction * point.Covariance) + (fraction * fraction)) * at.WeightVariance;
        var square = weight * weight;
        return new(fraction, Math.Max(0, variance) / square, point.Peakedness * variance * variance / (square * square));
    }

    /// <summary>Adds what is known of one leaf's units.</summary>
    public void Add(int cell, long rows, double weight, double weightVariance, List<VariancePoint> points) =>
        _cells[cell] = Cell.Sum(_cells[cell], new(rows, weight, weightVariance, points));

    public override void EnsureCells(int count) => Grow(ref _cells, count);

    public override bool IsEmpty(int cell) => cell >= _cells.Length || _cells[cell] is null;

    public override void Merge(int cell, VarianceState other, int otherCell)
    {
        if (((PercentileVariance)other)._cells[otherCell] is { } from)
        {
            _cells[cell] = Cell.Sum(_cells[cell], from);
        }
    }

    public override void Lose(int cell) => _cells[cell] = new(1, double.NaN, double.NaN, []);

    public override void Export(int cell, ByteWriter writer)
    {
        if (_cells[cell] is not { } at)
        {
            writer.Varint(0);
            return;
        }

        writer.Varint((ulong)at.Rows);
        writer.F64(at.Weight);
        writer.F64(at.WeightVariance);
        writer.Varint((ulong)at.Points.Count);
        var last = 0;
        foreach (var point in at.Points)
        {
            writer.Zigzag(point.Step - last);
            last = point.Step;
            writer.F32(point.Below);
            writer.F32(point.Covariance);
            writer.F32(point.Peakedness);
        }
    }

    public override void Import(int cell, ref ByteReader reader)
    {
        var rows = (long)reader.Varint();
        if (rows == 0)
        {
            return;
        }

        var (weight, variance) = (reader.F64(), reader.F64());
        var points = new List<VariancePoint>();
        long step = 0;
        for (var left = reader.Count(); left > 0; left--)
        {
            step += reader.Zigzag();
            points.Add(new((int)step, reader.F32(), reader.F32(), reader.F32()));
        }

        _cells[cell] = Cell.Sum(_cells[cell], new(rows, weight, variance, points));
    }

    private sealed class Cell(long rows, double weight, double weightVariance, List<VariancePoint> points)
    {
        public long Rows { get; } = rows;

        public double Weight { get; } = weight;

        public double WeightVariance { get; } = weightVariance;

        public List<VariancePoint> Points { get; } = points;

        public VariancePoint At(int step)
        {
            int low = 0, high = Points.Count;
            while (low < high)
            {
                var middle = (low + high) / 2;
                (low, high) = Points[middle].Step <= step ? (middle + 1, high) : (low, middle);
            }

            return low == 0 ? new(step, 0, 0, 0) : Points[low - 1];
        }

        public static Cell Sum(Cell? a, Cell b)
        {
            if (a is null)
            {
                return b;
            }

            var total = a.WeightVariance + b.WeightVariance;
            var points = new List<VariancePoint>(a.Points.Count + b.Points.Count);
            for (int i = 0, j = 0; i < a.Points.Count || j < b.Points.Count;)
            {
                var step = Math.Min(i < a.Points.Count ? a.Points[i].Step : int.MaxValue, j < b.Points.Count ? b.Points[j].Step : int.MaxValue);
                i += i < a.Points.Count && a.Points[i].Step == step ? 1 : 0;
                j += j < b.Points.Count && b.Points[j].Step == step ? 1 : 0;
                var ofA = i > 0 ? a.Points[i - 1] : new(step, 0, 0, 0);
                var ofB = j > 0 ? b.Points[j - 1] : new(step, 0, 0, 0);
                points.Add(VariancePoint.Sum(step, ofA, a.WeightVariance / total, ofB, b.WeightVariance / total));
            }

            return new(a.Rows + b.Rows, a.Weight + b.Weight, total, points);
        }
    }
}

/// <summary>
/// At the end of a step, relative to the variance of all weight: the variance of the weight at or below, and its covariance with all weight. Peakedness is the sum of the
/// fourth powers of the units' residuals over the square of their variance: 1 over the number of units, if these are alike.
/// </summary>
internal readonly record struct VariancePoint(int Step, double Below, double Covariance, double Peakedness)
{
    /// <summary>The point of two sets of units together, each with its share of the variance of all weight.</summary>
    public static VariancePoint Sum(int step, in VariancePoint a, double shareA, in VariancePoint b, double shareB)
    {
        var (residualA, residualB) = (Residual(a) * shareA, Residual(b) * shareB);
        var residual = residualA + residualB;
        var quartic = (a.Peakedness * residualA * residualA) + (b.Peakedness * residualB * residualB);
        return new(
            step, (a.Below * shareA) + (b.Below * shareB), (a.Covariance * shareA) + (b.Covariance * shareB), residual > 0 ? quartic / (residual * residual) : 0);
    }

    /// <summary>The residuals' variance about the fraction that makes it least, which is near the one in question.</summary>
    private static double Residual(in VariancePoint point) => Math.Max(0, point.Below - (point.Covariance * point.Covariance));
}
