using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>Count, weighted count, weighted sum, minimum and maximum of a numeric column; rows without a number don't take part.</summary>
public sealed class MeasureAccumulator(string column) : Accumulator
{
    private readonly List<ColumnVector> _columns = [];
    private long[] _counts = [];
    private double[] _weights = [];
    private double[] _sums = [];
    private double[] _mins = [];
    private double[] _maxs = [];

    /// <summary>Rows with a number.</summary>
    public long Count(int cell) => _counts[cell];

    /// <summary>Events with a number.</summary>
    public double Weight(int cell) => _weights[cell];

    /// <summary>Sum over events.</summary>
    public double Sum(int cell) => _sums[cell];

    /// <summary>Least number, +infinity when there is none.</summary>
    public double Min(int cell) => _mins[cell];

    /// <summary>Greatest number, -infinity when there is none.</summary>
    public double Max(int cell) => _maxs[cell];

    /// <summary>Adds an aggregate.</summary>
    public void Add(int cell, long count, double weight, double sum, double min, double max)
    {
        _counts[cell] += count;
        _weights[cell] += weight;
        _sums[cell] += sum;
        _mins[cell] = Math.Min(_mins[cell], min);
        _maxs[cell] = Math.Max(_maxs[cell], max);
    }

    /// <inheritdoc/>
    public override void EnsureCells(int count)
    {
        Grow(ref _counts, count, 0);
        Grow(ref _weights, count, 0);
        Grow(ref _sums, count, 0);
        Grow(ref _mins, count, double.PositiveInfinity);
        Grow(ref _maxs, count, double.NegativeInfinity);
    }

    /// <inheritdoc/>
    public override void Update(in SelectedRows rows)
    {
        _columns.Clear();
        rows.Segment.GetColumns(column, _columns);
        foreach (var vector in _columns)
        {
            if (!vector.IsNumeric)
            {
                continue;
            }

            var numbers = new NumberReader(vector);
            for (var i = 0; i < rows.Rows.Length; i++)
            {
                var row = rows.Rows[i];
                if (!numbers.TryGet(row, out var value))
                {
                    continue;
                }

                var cell = rows.Cells[i];
                var weight = rows.Weights is { } weights ? weights[row] : 1;
                _counts[cell]++;
                _weights[cell] += weight;
                _sums[cell] += value * weight;
                _mins[cell] = Math.Min(_mins[cell], value);
                _maxs[cell] = Math.Max(_maxs[cell], value);
            }
        }
    }

    /// <inheritdoc/>
    public override void Merge(int cell, Accumulator other, int otherCell)
    {
        var from = (MeasureAccumulator)other;
        Add(cell, from._counts[otherCell], from._weights[otherCell], from._sums[otherCell], from._mins[otherCell], from._maxs[otherCell]);
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        writer.Varint((ulong)_counts[cell]);
        if (_counts[cell] > 0)
        {
            writer.F64(_weights[cell]);
            writer.F64(_sums[cell]);
            writer.F64(_mins[cell]);
            writer.F64(_maxs[cell]);
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
}
