using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>
/// A quantile sketch of a numeric column, for percentiles and heatmaps. Rows that stand for one event each are counted by cell and bin in a table first, where that is
/// small enough, and go to the sketches a cell at a time: each then finds its window once.
/// </summary>
public sealed class SketchAccumulator(string column) : Accumulator
{
    /// <summary>Entries of the table of cells and bins that are always worth it; above, <see cref="EntriesPerRow"/> at most.</summary>
    private const int EntriesMin = 4096;

    private const int EntriesPerRow = 6;

    /// <summary>Sketches up to which each is made as wide as all numbers that are expected: above, the memory for what most of them lack is worth more than their growing.</summary>
    private const int WideCellsMax = 1024;

    /// <summary>Bins up to which numbers are expected.</summary>
    private const int ExpectedBinsMax = 1024;

    private readonly List<ColumnVector> _columns = [];
    private readonly NumberSlices _slices = new();
    private QuantileSketch?[] _sketches = [];
    private byte[] _exported = [];
    private (int Low, int High) _expected = (0, -1);

    /// <summary>The sketch of a cell; null when no row had a number.</summary>
    public QuantileSketch? Sketch(int cell) => _sketches[cell];

    /// <summary>The sketch of a cell, made when there is none, for adding to.</summary>
    public QuantileSketch Use(int cell) => _sketches[cell] ?? Make(cell);

    /// <summary>Tells in which bins of positive numbers what comes next lies: sketches made from now on have room for all of it at once.</summary>
    public void Expect(int low, int high)
    {
        var (from, to) = _expected.High < _expected.Low ? (low, high) : (Math.Min(low, _expected.Low), Math.Max(high, _expected.High));
        _expected = to - from < ExpectedBinsMax ? (from, to) : (0, -1);
    }

    /// <inheritdoc/>
    public override long MemoryBytes
    {
        get
        {
            var bytes = _sketches.Length * 8L;
            foreach (var sketch in _sketches)
            {
                bytes += sketch?.MemoryBytes ?? 0;
            }

            return bytes;
        }
    }

    private QuantileSketch Make(int cell)
    {
        var sketch = _sketches[cell] = new();
        if (_expected.High >= _expected.Low && cell < WideCellsMax)
        {
            sketch.ExpectPositive(_expected.Low, _expected.High);
        }

        return sketch;
    }

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

            if (rows.Weights is null)
            {
                AddCounted(rows, vector);
                continue;
            }

            var from = 0;
            while (_slices.Read(rows, vector, ref from, out var values, out var cells, out var weights))
            {
                for (var i = 0; i < values.Length; i++)
                {
                    Use(cells[i]).Add(values[i], weights[i]);
                }
            }
        }
    }

    private void AddCounted(in SelectedRows rows, ColumnVector vector)
    {
        var scratch = LentArrays.Rent<int>(rows.Rows.Length * 2);
        Span<int> bins = scratch.AsSpan(0, rows.Rows.Length), binCells = scratch.AsSpan(rows.Rows.Length, rows.Rows.Length);
        int count = 0, from = 0;
        int leastBin = int.MaxValue, greatestBin = int.MinValue, leastCell = int.MaxValue, greatestCell = int.MinValue;
        while (_slices.Read(rows, vector, ref from, out var values, out var cells, out _))
        {
            for (var i = 0; i < values.Length; i++)
            {
                if (LogBins.TryBinOf(values[i], out var bin))
                {
                    bins[count] = bin;
                    binCells[count++] = cells[i];
                    leastBin = Math.Min(leastBin, bin);
                    greatestBin = Math.Max(greatestBin, bin);
                    leastCell = Math.Min(leastCell, cells[i]);
                    greatestCell = Math.Max(greatestCell, cells[i]);
                }
                else
                {
                    Use(cells[i]).Add(values[i]);
                }
            }
        }

        if (count > 0)
        {
            AddBins(bins[..count], binCells[..count], (leastBin, greatestBin), (leastCell, greatestCell));
        }

        LentArrays.Return(scratch);
    }

    private void AddBins(ReadOnlySpan<int> bins, ReadOnlySpan<int> binCells, (int Least, int Greatest) ofBins, (int Least, int Greatest) ofCells)
    {
        Expect(ofBins.Least, ofBins.Greatest);
        int width = ofBins.Greatest - ofBins.Least + 1, height = ofCells.Greatest - ofCells.Least + 1;
        if ((long)width * height > Math.Max(EntriesMin, (long)bins.Length * EntriesPerRow))
        {
            // Slow path: cells or numbers too far apart for a table.
            for (var i = 0; i < bins.Length; i++)
            {
                Use(binCells[i]).AddPositive(bins[i]);
            }

            return;
        }

        var lent = LentArrays.Rent<int>(width * height);
        var counts = lent.AsSpan(0, width * height);
        counts.Clear();
        for (var i = 0; i < bins.Length; i++)
        {
            counts[((binCells[i] - ofCells.Least) * width) + bins[i] - ofBins.Least]++;
        }

        for (var row = 0; row < height; row++)
        {
            var ofCell = counts.Slice(row * width, width);
            if (ofCell.IndexOfAnyExcept(0) >= 0)
            {
                Use(ofCells.Least + row).AddPositive(ofBins.Least, ofCell);
            }
        }

        LentArrays.Return(lent);
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
    public override void TakeOver(int cell, Accumulator other, int otherCell)
    {
        ref var theirs = ref ((SketchAccumulator)other)._sketches[otherCell];
        if (_sketches[cell] is null)
        {
            (_sketches[cell], theirs) = (theirs, null);
        }
        else if (theirs is not null)
        {
            Use(cell).Merge(theirs);
            theirs.Release();
            theirs = null;
        }
    }

    /// <inheritdoc/>
    public override void Release()
    {
        foreach (var sketch in _sketches)
        {
            sketch?.Release();
        }

        _sketches = [];
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        if (_sketches[cell] is not { } sketch)
        {
            writer.Varint(0);
            return;
        }

        // Into scratch first, since the length goes in front.
        var most = sketch.ExportSizeMost();
        if (_exported.Length < most)
        {
            _exported = new byte[Math.Max(most, _exported.Length * 2)];
        }

        writer.Blob(_exported.AsSpan(0, sketch.Export(_exported)));
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
