using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>One log-spaced value axis for all cells of an answer: edges are powers of 2 and, when there is room, of 2^(1/5), 2^(1/7) or 2^(1/35).</summary>
internal sealed class HeatmapGrid
{
    private static readonly int[] Steps = [1, 5, 7, 35, 70, 140, 350, 700];
    private readonly int _step;
    private readonly int _firstCell;
    private readonly double[] _edges;

    /// <summary>A grid of so many sketch bins a cell, over the magnitudes of the bins from one to another.</summary>
    private HeatmapGrid(int step, int lowBin, int highBin)
    {
        _step = step;
        _firstCell = CellOf(lowBin);
        _edges = new double[CellOf(highBin) - _firstCell + 2];
        for (var i = 0; i < _edges.Length; i++)
        {
            _edges[i] = Math.Pow(2, (double)(_firstCell + i) * step / LogBins.PerDoubling);
        }
    }

    public static HeatmapGrid Of(params ReadOnlySpan<PartialResult> results)
    {
        int low = int.MaxValue, high = int.MinValue;
        var sides = 0;
        foreach (var result in results)
        {
            for (var i = 0; i < result.Plan.Spec.Calculations.Count; i++)
            {
                if (result.Plan.Spec.Calculations[i].Op != CalculationOp.Heatmap)
                {
                    continue;
                }

                var sketches = (SketchAccumulator)result.Accumulators[result.Plan.AccumulatorOf[i]];
                for (var cell = 0; cell < result.Cells; cell++)
                {
                    if (sketches.Sketch(cell) is { } sketch && sketch.TryGetRange(out var from, out var to, out var hasPositive, out var hasNegative))
                    {
                        (low, high) = (Math.Min(low, from), Math.Max(high, to));
                        sides |= (hasPositive ? 1 : 0) | (hasNegative ? 2 : 0);
                    }
                }
            }
        }

        if (low > high)
        {
            return new(Steps[0], 0, 0);
        }

        var span = ((long)high - low + 1) * (sides == 3 ? 2 : 1);
        return new(Steps.FirstOrDefault(step => span / step <= AnswerBuilder.HeatmapCellsMax, Steps[^1]), low, high);
    }

    public IReadOnlyList<HeatmapBucket> Cells(QuantileSketch? sketch)
    {
        if (sketch is null)
        {
            return [];
        }

        var cells = new List<HeatmapBucket>(_edges.Length);
        (int Sign, int LastBin, double From, double To, double Count) current = (2, 0, 0, 0, 0);
        foreach (var bin in sketch)
        {
            if (bin.Sign == current.Sign && (bin.Sign == 0 || (bin.Bin <= current.LastBin && bin.Bin > current.LastBin - _step)))
            {
                current.Count += bin.Weight;
                continue;
            }

            Add();
            var cell = bin.Sign == 0 ? 0 : CellOf(bin.Bin);
            // A bin that holds all smaller magnitudes too reaches down to zero, and so does its bucket.
            double from = bin.Sign == 0 || sketch.IsCollapsed(bin) ? 0 : _edges[cell - _firstCell], to = bin.Sign == 0 ? 0 : _edges[cell + 1 - _firstCell];
            current = (bin.Sign, (cell + 1) * _step, bin.Sign < 0 ? -to : from, bin.Sign < 0 ? 0 - from : to, bin.Weight);
        }

        Add();
        return cells;

        void Add()
        {
            if (current.Count > 0)
            {
                cells.Add(new(current.From, current.To, current.Count));
            }
        }
    }

    /// <summary>Bin b holds (2^((b-1)/35), 2^(b/35)]: cell c of the grid holds the bins c * step + 1 .. (c + 1) * step.</summary>
    private int CellOf(int bin) => (int)Math.Floor((bin - 1) / (double)_step);
}
