using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>Rows, and the events they stand for.</summary>
public sealed class CountAccumulator : Accumulator
{
    private long[] _rows = [];
    private double[] _weights = [];

    /// <summary>Rows of a cell.</summary>
    public long Rows(int cell) => _rows[cell];

    /// <summary>Events of a cell.</summary>
    public double Weight(int cell) => _weights[cell];

    /// <summary>Adds counted rows.</summary>
    public void Add(int cell, long rows, double weight)
    {
        _rows[cell] += rows;
        _weights[cell] += weight;
    }

    /// <inheritdoc/>
    public override void EnsureCells(int count)
    {
        Grow(ref _rows, count, 0);
        Grow(ref _weights, count, 0);
    }

    /// <inheritdoc/>
    public override void Update(in SelectedRows rows)
    {
        var cells = rows.Cells;
        if (rows.Weights is not { } weights)
        {
            // Fast path: every row is one event.
            foreach (var cell in cells)
            {
                _rows[cell]++;
                _weights[cell]++;
            }

            return;
        }

        for (var i = 0; i < cells.Length; i++)
        {
            _rows[cells[i]]++;
            _weights[cells[i]] += weights[rows.Rows[i]];
        }
    }

    /// <inheritdoc/>
    public override void Merge(int cell, Accumulator other, int otherCell)
    {
        var from = (CountAccumulator)other;
        Add(cell, from._rows[otherCell], from._weights[otherCell]);
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        writer.Varint((ulong)_rows[cell]);
        writer.F64(_weights[cell]);
    }

    /// <inheritdoc/>
    public override void Import(int cell, ref ByteReader reader) => Add(cell, (long)reader.Varint(), reader.F64());
}
