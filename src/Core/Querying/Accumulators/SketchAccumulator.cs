using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>A quantile sketch of a numeric column, for percentiles and heatmaps.</summary>
public sealed class SketchAccumulator(string column) : Accumulator
{
    private readonly List<ColumnVector> _columns = [];
    private QuantileSketch?[] _sketches = [];

    /// <summary>The sketch of a cell; null when no row had a number.</summary>
    public QuantileSketch? Sketch(int cell) => _sketches[cell];

    /// <summary>The sketch of a cell, made when there is none, for adding to.</summary>
    public QuantileSketch Use(int cell) => _sketches[cell] ??= new();

    /// <inheritdoc/>
    public override void EnsureCells(int count) => Grow(ref _sketches, count, null);

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
                if (numbers.TryGet(row, out var value))
                {
                    Use(rows.Cells[i]).Add(value, rows.Weights is { } weights ? weights[row] : 1);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Merge(int cell, Accumulator other, int otherCell)
    {
        if (((SketchAccumulator)other)._sketches[otherCell] is { } sketch)
        {
            Use(cell).Merge(sketch);
        }
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        var sketch = _sketches[cell];
        var size = sketch?.ExportSize() ?? 0;
        writer.Varint((ulong)size);
        sketch?.Export(writer.Take(size));
    }

    /// <inheritdoc/>
    public override void Import(int cell, ref ByteReader reader)
    {
        var bytes = reader.Blob();
        if (!bytes.IsEmpty)
        {
            Use(cell).MergeExported(bytes);
        }
    }
}
