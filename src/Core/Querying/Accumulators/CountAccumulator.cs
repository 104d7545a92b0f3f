using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>Rows, and the events they stand for.</summary>
public sealed class CountAccumulator : Accumulator
{
    // Rows that stand for one event each, apart from the others: they cost one addition. The others have arrays once there are any.
    private long[] _single = [];
    private long[] _rows = [];
    private double[] _weights = [];

    /// <summary>Rows of a cell.</summary>
    public long Rows(int cell) => _single[cell] + (_rows.Length > 0 ? _rows[cell] : 0);

    /// <summary>Events of a cell.</summary>
    public double Weight(int cell) => _single[cell] + (_weights.Length > 0 ? _weights[cell] : 0);

    /// <summary>Adds counted rows.</summary>
    public void Add(int cell, long rows, double weight)
    {
        if (rows == weight)
        {
            _single[cell] += rows;
            return;
        }

        EnsureWeighted(_single.Length);
        _rows[cell] += rows;
        _weights[cell] += weight;
    }

    /// <inheritdoc/>
    public override long MemoryBytes => (_single.Length + _rows.Length + _weights.Length) * 8L;

    /// <inheritdoc/>
    public override void EnsureCells(int count)
    {
        if (_single.Length < count)
        {
            GrowLent(ref _single, Math.Max(count, _single.Length * 2));
            if (_rows.Length > 0)
            {
                EnsureWeighted(_single.Length);
            }
        }
    }

    /// <inheritdoc/>
    public override void Release()
    {
        LentArray.Return(ref _single);
        LentArray.Return(ref _rows);
        LentArray.Return(ref _weights);
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

        EnsureWeighted(_single.Length);
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

    private void EnsureWeighted(int count)
    {
        GrowLent(ref _rows, count);
        GrowLent(ref _weights, count);
    }
}
