using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;

namespace StreamObserve.Core.Querying.Variance;

/// <summary>
/// What is known of the sampling variance of one accumulator's numbers, for many cells: sums over units, so those of leaves, whose units differ, add up. The twin of
/// <see cref="Accumulator"/>: the same verbs, by cell. A cell without sampled rows is empty. Single-threaded.
/// </summary>
internal abstract class VarianceState
{
    /// <summary>Makes room for so many cells; new ones are empty.</summary>
    public abstract void EnsureCells(int count);

    /// <summary>True when no sampled row fell into the cell.</summary>
    public abstract bool IsEmpty(int cell);

    /// <summary>Adds a cell of other units.</summary>
    public abstract void Merge(int cell, VarianceState other, int otherCell);

    /// <summary>Sampled rows fell into the cell, and how far its numbers may be off is not known.</summary>
    public abstract void Lose(int cell);

    /// <summary>Writes a cell.</summary>
    public abstract void Export(int cell, ByteWriter writer);

    /// <summary>Adds a written cell to one of this.</summary>
    public abstract void Import(int cell, ref ByteReader reader);

    /// <summary>An empty state; null for the kinds whose numbers have no interval.</summary>
    public static VarianceState? Make(AccumulatorKind kind) => kind switch
    {
        AccumulatorKind.Count => new CountVariance(),
        AccumulatorKind.Measure => new MeasureVariance(),
        AccumulatorKind.Sketch => new PercentileVariance(),
        _ => null,
    };

    private protected static void Grow<T>(ref T[] array, int count)
    {
        if (array.Length < count)
        {
            Array.Resize(ref array, Math.Max(count, array.Length * 2));
        }
    }
}

/// <summary>
/// A weighted total of sampled rows: its value, the variance of it, and the fourth powers of the units' parts, which tell how many units the variance rests on.
/// </summary>
internal readonly record struct SampledTotal(double Value, double Variance, double Quartic)
{
    /// <summary>Degrees of freedom of the variance, by Satterthwaite: twice the number of units if they are alike, fewer if some few dominate.</summary>
    public double DegreesOfFreedom => 2 * Variance * Variance / Quartic;

    public static SampledTotal operator +(SampledTotal a, SampledTotal b) => new(a.Value + b.Value, a.Variance + b.Variance, a.Quartic + b.Quartic);

    public void Write(ByteWriter writer)
    {
        writer.F64(Value);
        writer.F64(Variance);
        writer.F64(Quartic);
    }

    public static SampledTotal Read(ref ByteReader reader) => new(reader.F64(), reader.F64(), reader.F64());
}

/// <summary>The variance of COUNT.</summary>
internal sealed class CountVariance : VarianceState
{
    private SampledTotal[] _totals = [];

    /// <summary>The events that sampled rows stand for.</summary>
    public SampledTotal Weight(int cell) => _totals[cell];

    public void Add(int cell, SampledTotal weight) => _totals[cell] += weight;

    public override void EnsureCells(int count) => Grow(ref _totals, count);

    public override bool IsEmpty(int cell) => cell >= _totals.Length || _totals[cell].Variance == 0;

    public override void Merge(int cell, VarianceState other, int otherCell) => Add(cell, ((CountVariance)other)._totals[otherCell]);

    public override void Lose(int cell) => _totals[cell] = new(double.NaN, double.NaN, double.NaN);

    public override void Export(int cell, ByteWriter writer)
    {
        writer.U8(IsEmpty(cell) ? (byte)0 : (byte)1);
        if (!IsEmpty(cell))
        {
            _totals[cell].Write(writer);
        }
    }

    public override void Import(int cell, ref ByteReader reader)
    {
        if (reader.U8() != 0)
        {
            Add(cell, SampledTotal.Read(ref reader));
        }
    }
}

/// <summary>The variances of SUM and AVG: of the sum, of the weight under it, and of both together.</summary>
internal sealed class MeasureVariance : VarianceState
{
    private Cell[] _cells = [];

    /// <summary>The sum over the events that sampled rows stand for.</summary>
    public SampledTotal Sum(int cell) => _cells[cell].Sum;

    /// <summary>The variance of sum / weight, by linearising: of the units' sums less the average's share of their weights. Its value is the average asked about.</summary>
    public SampledTotal Average(int cell, double average, double weight)
    {
        ref readonly var at = ref _cells[cell];
        var variance = at.Sum.Variance - (2 * average * at.Covariance) + (average * average * at.WeightVariance);
        // The fourth powers were summed about the leaf's own average: only their size relative to that variance counts.
        var quartic = at.ResidualVariance > 0 ? at.ResidualQuartic / (at.ResidualVariance * at.ResidualVariance) * variance * variance : 0;
        var square = weight * weight;
        return new(average, variance / square, quartic / (square * square));
    }

    public void Add(int cell, SampledTotal sum, double weightVariance, double covariance, double residualVariance, double residualQuartic) =>
        Add(cell, new(sum, weightVariance, covariance, residualVariance, residualQuartic));

    public override void EnsureCells(int count) => Grow(ref _cells, count);

    public override bool IsEmpty(int cell) => cell >= _cells.Length || _cells[cell].WeightVariance == 0;

    public override void Merge(int cell, VarianceState other, int otherCell) => Add(cell, ((MeasureVariance)other)._cells[otherCell]);

    public override void Lose(int cell) => _cells[cell] = new(new(double.NaN, double.NaN, double.NaN), double.NaN, double.NaN, double.NaN, double.NaN);

    public override void Export(int cell, ByteWriter writer)
    {
        writer.U8(IsEmpty(cell) ? (byte)0 : (byte)1);
        if (IsEmpty(cell))
        {
            return;
        }

        ref readonly var at = ref _cells[cell];
        at.Sum.Write(writer);
        writer.F64(at.WeightVariance);
        writer.F64(at.Covariance);
        writer.F64(at.ResidualVariance);
        writer.F64(at.ResidualQuartic);
    }

    public override void Import(int cell, ref ByteReader reader)
    {
        if (reader.U8() != 0)
        {
            Add(cell, new(SampledTotal.Read(ref reader), reader.F64(), reader.F64(), reader.F64(), reader.F64()));
        }
    }

    private void Add(int cell, in Cell more)
    {
        ref var at = ref _cells[cell];
        at = new(
            at.Sum + more.Sum, at.WeightVariance + more.WeightVariance, at.Covariance + more.Covariance,
            at.ResidualVariance + more.ResidualVariance, at.ResidualQuartic + more.ResidualQuartic);
    }

    private readonly record struct Cell(SampledTotal Sum, double WeightVariance, double Covariance, double ResidualVariance, double ResidualQuartic);
}
