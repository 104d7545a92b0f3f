using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Querying.Variance;

/// <summary>Which cells. A trace may have rows in several groups and buckets, so the variance of their union is no sum of theirs: each kind of cell has its own.</summary>
internal enum VarianceLevel
{
    /// <summary>A group in one bucket of the series; by the result's cell.</summary>
    Series,

    /// <summary>A group over all time; by the group.</summary>
    Group,

    /// <summary>All groups over all time; cell 0.</summary>
    Total,
}

/// <summary>The variances of a result's numbers: for each level and accumulator a <see cref="VarianceState"/>, null where no number needs it.</summary>
internal sealed class VarianceTable
{
    private readonly VarianceState?[][] _states;

    public VarianceTable(LeafPlan plan)
    {
        _states = new VarianceState?[3][];
        for (var level = 0; level < _states.Length; level++)
        {
            _states[level] = new VarianceState?[plan.Accumulators.Count];
            if (!Has(plan, (VarianceLevel)level))
            {
                continue;
            }

            for (var i = 0; i < plan.AccumulatorOf.Count; i++)
            {
                if (plan.Spec.Calculations[i].Op is not (CalculationOp.Min or CalculationOp.Max or CalculationOp.Heatmap))
                {
                    var at = plan.AccumulatorOf[i];
                    _states[level][at] ??= VarianceState.Make(plan.Accumulators[at].Kind);
                }
            }
        }
    }

    /// <summary>True when the level's cells are not another level's.</summary>
    public static bool Has(LeafPlan plan, VarianceLevel level) => level switch
    {
        VarianceLevel.Series => plan.Buckets > 1,
        VarianceLevel.Group => true,
        _ => plan.Spec.Breakdowns.Count > 0,
    };

    public VarianceState? this[VarianceLevel level, int accumulator] => _states[(int)level][accumulator];

    /// <summary>Makes room for the cells of a result.</summary>
    public void EnsureCells(PartialResult result)
    {
        Span<int> counts = [result.Cells, result.Groups, 1];
        for (var level = 0; level < _states.Length; level++)
        {
            foreach (var state in _states[level])
            {
                state?.EnsureCells(counts[level]);
            }
        }
    }

    /// <summary>Adds another leaf's, whose cells and groups have the given numbers here. A group that takes in several of the other's is lost: a trace may be in two.</summary>
    public void Merge(VarianceTable other, ReadOnlySpan<int> cells, ReadOnlySpan<int> groups, int overflowGroup)
    {
        for (var i = 0; i < _states[0].Length; i++)
        {
            Merge(_states[(int)VarianceLevel.Series][i], other._states[(int)VarianceLevel.Series][i], cells, -1);
            Merge(_states[(int)VarianceLevel.Group][i], other._states[(int)VarianceLevel.Group][i], groups, overflowGroup);
            Merge(_states[(int)VarianceLevel.Total][i], other._states[(int)VarianceLevel.Total][i], [0], -1);
        }
    }

    /// <summary>Writes all cells.</summary>
    public void Export(PartialResult result, ByteWriter writer)
    {
        for (var i = 0; i < _states[0].Length; i++)
        {
            Export(_states[(int)VarianceLevel.Series][i], result.Cells, writer);
            Export(_states[(int)VarianceLevel.Group][i], result.Groups, writer);
            Export(_states[(int)VarianceLevel.Total][i], 1, writer);
        }
    }

    /// <summary>Adds all written cells, whose numbers here are given.</summary>
    public void Import(ref ByteReader reader, ReadOnlySpan<int> cells, ReadOnlySpan<int> groups, int overflowGroup)
    {
        for (var i = 0; i < _states[0].Length; i++)
        {
            Import(_states[(int)VarianceLevel.Series][i], ref reader, cells, -1);
            Import(_states[(int)VarianceLevel.Group][i], ref reader, groups, overflowGroup);
            Import(_states[(int)VarianceLevel.Total][i], ref reader, [0], -1);
        }
    }

    private static void Merge(VarianceState? to, VarianceState? from, ReadOnlySpan<int> cells, int lost)
    {
        for (var cell = 0; to is not null && cell < cells.Length; cell++)
        {
            if (from!.IsEmpty(cell))
            {
                continue;
            }

            if (cells[cell] == lost)
            {
                to.Lose(lost);
            }
            else
            {
                to.Merge(cells[cell], from, cell);
            }
        }
    }

    private static void Export(VarianceState? state, int count, ByteWriter writer)
    {
        for (var cell = 0; state is not null && cell < count; cell++)
        {
            state.Export(cell, writer);
        }
    }

    private static void Import(VarianceState? state, ref ByteReader reader, ReadOnlySpan<int> cells, int lost)
    {
        for (var cell = 0; state is not null && cell < cells.Length; cell++)
        {
            state.Import(cells[cell], ref reader);
            if (cells[cell] == lost && !state.IsEmpty(lost))
            {
                state.Lose(lost);
            }
        }
    }
}
