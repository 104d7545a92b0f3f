using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>The selected rows of one segment with the cell (group and time bucket) to which each belongs, rows ascending.</summary>
public readonly ref struct SelectedRows(IRowSegment segment, ReadOnlySpan<int> rows, ReadOnlySpan<int> cells, double[]? weights, bool isAll = false)
{
    /// <summary>The segment.</summary>
    public IRowSegment Segment { get; } = segment;

    /// <summary>Row numbers within the segment.</summary>
    public ReadOnlySpan<int> Rows { get; } = rows;

    /// <summary>The cell of each of <see cref="Rows"/>.</summary>
    public ReadOnlySpan<int> Cells { get; } = cells;

    /// <summary>Weights by row number, not by index into <see cref="Rows"/>; null = one.</summary>
    public double[]? Weights { get; } = weights;

    /// <summary>True when the rows are all of the segment.</summary>
    public bool IsAll { get; } = isAll;
}

/// <summary>
/// What an accumulator keeps: calculations over the same column and filter share one (P50 and P99 one sketch; SUM, AVG, MIN and MAX one set of sums).
/// </summary>
public enum AccumulatorKind : byte
{
    /// <summary>Rows and weights.</summary>
    Count,

    /// <summary>Count, sum, min and max of a numeric column.</summary>
    Measure,

    /// <summary>A quantile sketch of a numeric column.</summary>
    Sketch,

    /// <summary>The distinct values of a column.</summary>
    Distinct,

    /// <summary>How much of each bucket spans cover.</summary>
    Concurrency,
}

/// <summary>
/// Mergeable state of one kind for many cells, as arrays over cells. The verbs: update (from rows, and by the subclasses' own methods from aggregates), merge,
/// export, import; finishing a number is <see cref="Calculations"/>' part. Single-threaded.
/// </summary>
public abstract class Accumulator
{
    /// <summary>Makes room for so many cells; new ones are empty.</summary>
    public abstract void EnsureCells(int count);

    /// <summary>Adds rows.</summary>
    public abstract void Update(in SelectedRows rows);

    /// <summary>Adds another accumulator's cell to one of this.</summary>
    public abstract void Merge(int cell, Accumulator other, int otherCell);

    /// <summary>As <see cref="Merge"/>, of an accumulator that is not used any more: what it holds may become this one's own.</summary>
    public virtual void TakeOver(int cell, Accumulator other, int otherCell) => Merge(cell, other, otherCell);

    /// <summary>Bytes of memory held, about. May look at every cell.</summary>
    public abstract long MemoryBytes { get; }

    /// <summary>Gives what is held to the next queries: nothing may be asked of the accumulator any more.</summary>
    public virtual void Release()
    {
    }

    /// <summary>Lets go of what can be told less exactly; labels say so.</summary>
    public virtual void Shrink()
    {
    }

    /// <summary>Writes a cell.</summary>
    public abstract void Export(int cell, ByteWriter writer);

    /// <summary>Adds a written cell to one of this.</summary>
    public abstract void Import(int cell, ref ByteReader reader);

    /// <summary>An empty accumulator of a kind over a column; <see cref="ConcurrencyAccumulator"/> alone needs its plan as well.</summary>
    public static Accumulator Make(AccumulatorKind kind, string? column) => kind switch
    {
        AccumulatorKind.Count => new CountAccumulator(),
        AccumulatorKind.Measure => new MeasureAccumulator(column!),
        AccumulatorKind.Sketch => new SketchAccumulator(column!),
        AccumulatorKind.Distinct => new DistinctAccumulator(column!),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <summary>Which kind a calculation needs.</summary>
    public static AccumulatorKind KindOf(CalculationOp op) => op switch
    {
        CalculationOp.Count => AccumulatorKind.Count,
        CalculationOp.Concurrency => AccumulatorKind.Concurrency,
        CalculationOp.Sum or CalculationOp.Avg or CalculationOp.Min or CalculationOp.Max => AccumulatorKind.Measure,
        CalculationOp.RateSum or CalculationOp.RateAvg or CalculationOp.RateMax => AccumulatorKind.Measure,
        CalculationOp.CountDistinct => AccumulatorKind.Distinct,
        CalculationOp.Heatmap => AccumulatorKind.Sketch,
        _ when op.Quantile() is not null => AccumulatorKind.Sketch,
        _ => throw new NotSupportedException($"no accumulator for {op.Name()}"),
    };

    /// <summary>As <see cref="Grow"/>, with zeros, in lent memory.</summary>
    private protected static void GrowLent<T>(ref T[] array, int count)
        where T : unmanaged
    {
        var old = array.Length;
        LentArray.Grow(ref array, count);
        array.AsSpan(old).Clear();
    }

    private protected static void Grow<T>(ref T[] array, int count, T fill)
    {
        if (array.Length < count)
        {
            var old = array.Length;
            Array.Resize(ref array, Math.Max(count, old * 2));
            array.AsSpan(old).Fill(fill);
        }
    }
}

/// <summary>Numbers of one column at given rows.</summary>
internal readonly ref struct NumberReader(ColumnVector column)
{
    private readonly ColumnVector _column = column;

    public bool TryGet(int row, out double value)
    {
        if (!_column.Has(row))
        {
            value = 0;
            return false;
        }

        var k = _column.Rank(row);
        value = _column.Type == ColumnType.Float ? _column.FloatAt(k) : _column.IntegerAt(k);
        return true;
    }
}
