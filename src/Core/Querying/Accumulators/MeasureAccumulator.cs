using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>Count, weighted count, weighted sum, minimum and maximum of a numeric column; rows without a number don't take part.</summary>
public sealed class MeasureAccumulator(string column) : Accumulator
{
    private readonly List<ColumnVector> _columns = [];
    private readonly NumberSlices _slices = new();
    private Cell[] _cells = [];

    /// <summary>Rows with a number.</summary>
    public long Count(int cell) => _cells[cell].Count;

    /// <summary>Events with a number.</summary>
    public double Weight(int cell) => _cells[cell].Weight;

    /// <summary>Sum over events.</summary>
    public double Sum(int cell) => _cells[cell].Sum;

    /// <summary>Least number, +infinity when there is none.</summary>
    public double Min(int cell) => _cells[cell].Min;

    /// <summary>Greatest number, -infinity when there is none.</summary>
    public double Max(int cell) => _cells[cell].Max;

    /// <summary>Adds an aggregate.</summary>
    public void Add(int cell, long count, double weight, double sum, double min, double max)
    {
        ref var to = ref _cells[cell];
        to.Count += count;
        to.Weight += weight;
        to.Sum += sum;
        to.Min = Math.Min(to.Min, min);
        to.Max = Math.Max(to.Max, max);
    }

    /// <inheritdoc/>
    public override long MemoryBytes => _cells.Length * 40L;

    /// <inheritdoc/>
    public override void EnsureCells(int count) => Grow(ref _cells, count, new Cell { Min = double.PositiveInfinity, Max = double.NegativeInfinity });

    /// <inheritdoc/>
    public override void Update(in SelectedRows rows)
    {
        _columns.Clear();
        rows.Segment.GetColumns(column, _columns);
        foreach (var vector in _columns)
        {
            var from = 0;
            while (vector.IsNumeric && _slices.Read(rows, vector, ref from, out var values, out var cells, out var weights))
            {
                if (weights.IsEmpty)
                {
                    AddEach(values, cells);
                }
                else
                {
                    AddEach(values, cells, weights);
                }
            }
        }
    }

    private void AddEach(ReadOnlySpan<double> values, ReadOnlySpan<int> cells)
    {
        // Fast path: every row is one event.
        var all = _cells;
        for (var i = 0; i < values.Length; i++)
        {
            ref var cell = ref all[cells[i]];
            var value = values[i];
            cell.Count++;
            cell.Weight++;
            cell.Sum += value;
            cell.Min = Math.Min(cell.Min, value);
            cell.Max = Math.Max(cell.Max, value);
        }
    }

    private void AddEach(ReadOnlySpan<double> values, ReadOnlySpan<int> cells, ReadOnlySpan<double> weights)
    {
        var all = _cells;
        for (var i = 0; i < values.Length; i++)
        {
            ref var cell = ref all[cells[i]];
            var value = values[i];
            cell.Count++;
            cell.Weight += weights[i];
            cell.Sum += value * weights[i];
            cell.Min = Math.Min(cell.Min, value);
            cell.Max = Math.Max(cell.Max, value);
        }
    }

    /// <inheritdoc/>
    public override void Merge(int cell, Accumulator other, int otherCell)
    {
        ref readonly var from = ref ((MeasureAccumulator)other)._cells[otherCell];
        Add(cell, from.Count, from.Weight, from.Sum, from.Min, from.Max);
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        ref readonly var from = ref _cells[cell];
        writer.Varint((ulong)from.Count);
        if (from.Count > 0)
        {
            writer.F64(from.Weight);
            writer.F64(from.Sum);
            writer.F64(from.Min);
            writer.F64(from.Max);
        }
    }

    /// <inheritdoc/>
    public override void Import(int cell, ref ByteReader reader)
    {
        var count = (long)reader.Varint();
        if (count > 0)
        {
            Add(cell, count, reader.F64(), reader.F64(), reader.F64(), reader.F64());
        }
    }

    private struct Cell
    {
        public long Count;
        public double Weight;
        public double Sum;
        public double Min;
        public double Max;
    }
}
