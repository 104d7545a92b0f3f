using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>One log-spaced value axis for all cells of an answer: edges are powers of 2 and, when there is room, of 2^(1/5), 2^(1/7) or 2^(1/35).</summary>
internal sealed class HeatmapGrid
{
    private static readonly int[] Steps = [1, 5, 7, 35, 70, 140, 350, 700];
    private readonly int _step;

    private HeatmapGrid(int step) => _step = step;

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

        var span = low > high ? 0 : ((long)high - low + 1) * (sides == 3 ? 2 : 1);
        return new(Steps.FirstOrDefault(step => span / step <= AnswerBuilder.HeatmapCellsMax, Steps[^1]));
    }

    public IReadOnlyList<HeatmapBucket> Cells(QuantileSketch? sketch)
    {
        if (sketch is null)
        {
            return [];
        }

        var cells = new List<HeatmapBucket>();
        (int Sign, int Cell) last = (2, 0);
        foreach (var bin in sketch)
        {
            // Bin b holds (2^((b-1)/35), 2^(b/35)]: cell c of the grid holds the bins c * step + 1 .. (c + 1) * step.
            var cell = bin.Sign == 0 ? 0 : (int)Math.Floor((bin.Bin - 1) / (double)_step);
            if ((bin.Sign, cell) == last)
            {
                cells[^1] = cells[^1] with { Count = cells[^1].Count + bin.Weight };
                continue;
            }

            last = (bin.Sign, cell);
            // A bin that holds all smaller magnitudes too reaches down to zero, and so does its bucket.
            double from = sketch.IsCollapsed(bin) ? 0 : Edge(cell), to = Edge(cell + 1);
            cells.Add(bin.Sign switch { 0 => new(0, 0, bin.Weight), > 0 => new(from, to, bin.Weight), _ => new(-to, 0 - from, bin.Weight) });
        }

        return cells;
    }

    private double Edge(int cell) => Math.Pow(2, (double)cell * _step / LogBins.PerDoubling);
}
