using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// Aggregates of one fold over one dimension (or over none: the totals): cells of (dataset, time slot, value), each with rows, events and measures.
/// Immutable once built. How it is stored: <see cref="AggregateBlockFormat"/>.
/// </summary>
/// <param name="field">The dimension; empty = the totals.</param>
/// <param name="slotSeconds">Width of a time slot.</param>
/// <param name="datasets">Names of the datasets.</param>
/// <param name="values">The dimension's values as group keys; of the totals one empty entry.</param>
/// <param name="cells">How many cells.</param>
/// <param name="isWeighted">True when some row stands for more or less than one event.</param>
public sealed class AggregateBlock(string field, int slotSeconds, Utf8Strings datasets, Utf8Strings values, int cells, bool isWeighted)
{
    /// <summary>The dimension; empty = the totals.</summary>
    public string Field { get; } = field;

    /// <summary>Width of a time slot.</summary>
    public int SlotSeconds { get; } = slotSeconds;

    /// <summary>Names of the datasets.</summary>
    public Utf8Strings Datasets { get; } = datasets;

    /// <summary>The dimension's values as group keys; of the totals one empty entry.</summary>
    public Utf8Strings Values { get; } = values;

    /// <summary>How many cells.</summary>
    public int Cells => Rows.Length;

    /// <summary>Dataset of each cell.</summary>
    public int[] DatasetCodes { get; } = new int[cells];

    /// <summary>Time slot of each cell: its start is this times <see cref="SlotSeconds"/>, unix seconds.</summary>
    public long[] Slots { get; } = new long[cells];

    /// <summary>Value of each cell, a code into <see cref="Values"/>.</summary>
    public int[] ValueCodes { get; } = new int[cells];

    /// <summary>Rows of each cell.</summary>
    public int[] Rows { get; } = new int[cells];

    /// <summary>Events of each cell; null = as <see cref="Rows"/>.</summary>
    public double[]? Weights { get; } = isWeighted ? new double[cells] : null;

    /// <summary>The measures.</summary>
    public List<MeasureCells> Measures { get; } = [];

    /// <summary>Bytes of memory that the decoded block holds, about.</summary>
    public long MemoryBytes
    {
        get
        {
            var bytes = 256 + (Cells * (Weights is null ? 20L : 28L)) + Datasets.ByteCount + Values.ByteCount + ((Datasets.Count + Values.Count) * 4L);
            foreach (var measure in Measures)
            {
                bytes += 128 + (Cells * (measure.Weights is null ? 24L : 32L)) + (measure.Counts == Rows ? 0 : Cells * 4L);
                bytes += measure.Sketches?.MemoryBytes ?? 0;
            }

            return bytes;
        }
    }

    /// <summary>Events of a cell.</summary>
    public double Weight(int cell) => Weights is null ? Rows[cell] : Weights[cell];

    /// <summary>The cells' measure of a field; null when the block has none.</summary>
    public MeasureCells? Measure(string field) => Measures.Find(measure => measure.Field == field);
}
