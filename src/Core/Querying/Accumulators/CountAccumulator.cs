using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>Rows, and the events they stand for.</summary>
public sealed class CountAccumulator : Accumulator
{
    // Rows that stand for one event each, apart from the others: they cost one addition.
    private long[] _single = [];
    private long[] _rows = [];
    private double[] _weights = [];

    /// <summary>Rows of a cell.</summary>
    public long Rows(int cell) => _rows[cell] + _single[cell];

    /// <summary>Events of a cell.</summary>
    public double Weight(int cell) => _weights[cell] + _single[cell];

    /// <summary>Adds counted rows.</summary>
    public void Add(int cell, long rows, double weight)
    {
        _rows[cell] += rows;
        _weights[cell] += weight;
    }

    /// <inheritdoc/>
    public override long MemoryBytes => _rows.Length * 24L;

    /// <inheritdoc/>
    public override void EnsureCells(int count)
    {
        Grow(ref _single, count, 0);
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
            var single = _single;
            foreach (var cell in cells)
            {
                single[cell]++;
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
        Add(cell, from.Rows(otherCell), from.Weight(otherCell));
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        writer.Varint((ulong)Rows(cell));
        writer.F64(Weight(cell));
    }

    /// <inheritdoc/>
    public override void Import(int cell, ref ByteReader reader) => Add(cell, (long)reader.Varint(), reader.F64());
}
