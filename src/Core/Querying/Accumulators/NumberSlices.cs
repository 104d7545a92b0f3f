using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>
/// Numbers of one column at selected rows, some thousand at a time: the values that there are, each with its cell and weight. Holds scratch memory that later columns
/// use again; not thread-safe.
/// </summary>
internal sealed class NumberSlices
{
    /// <summary>Rows at a time: what is read stays in the nearest cache.</summary>
    private const int RowsAtOnce = 2048;

    private double[] _values = [];
    private double[] _weights = [];
    private int[] _chosen = [];
    private int[] _cells = [];

    /// <summary>
    /// Reads from the selected row number <paramref name="from"/> on, and moves it to where to go on; false when all are read. No weights = each is 1. There may be
    /// fewer values than rows, even none.
    /// </summary>
    public bool Read(in SelectedRows rows, ColumnVector column, ref int from, out ReadOnlySpan<double> values, out ReadOnlySpan<int> cells, out ReadOnlySpan<double> weights)
    {
        values = [];
        cells = [];
        weights = [];
        var count = Math.Min(RowsAtOnce, rows.Rows.Length - from);
        if (count <= 0)
        {
            return false;
        }

        if (_values.Length == 0)
        {
            (_values, _weights, _chosen, _cells) = (new double[RowsAtOnce], new double[RowsAtOnce], new int[RowsAtOnce], new int[RowsAtOnce]);
        }

        var numbers = rows.Rows.Slice(from, count);
        if (column.Presence is null)
        {
            // Fast path: every row has a value.
            cells = rows.Cells.Slice(from, count);
            if (rows.IsAll)
            {
                Copy(column, [], from, count);
                weights = rows.Weights is null ? [] : rows.Weights.AsSpan(from, count);
            }
            else
            {
                Copy(column, numbers, 0, count);
                weights = Weights(rows.Weights, numbers);
            }

            values = _values.AsSpan(0, count);
            from += count;
            return true;
        }

        if (rows.IsAll && column.IsDense(from, count, out var rank))
        {
            // Fast path: every row of these has one.
            cells = rows.Cells.Slice(from, count);
            Copy(column, [], rank, count);
            weights = rows.Weights is null ? [] : rows.Weights.AsSpan(from, count);
            values = _values.AsSpan(0, count);
            from += count;
            return true;
        }

        var present = 0;
        for (var i = 0; i < numbers.Length; i++)
        {
            if (column.Has(numbers[i]))
            {
                _chosen[present] = column.Rank(numbers[i]);
                _cells[present] = rows.Cells[from + i];
                _weights[present++] = rows.Weights is { } all ? all[numbers[i]] : 1;
            }
        }

        if (present > 0)
        {
            Copy(column, _chosen.AsSpan(0, present), 0, present);
            values = _values.AsSpan(0, present);
            cells = _cells.AsSpan(0, present);
            weights = rows.Weights is null ? [] : _weights.AsSpan(0, present);
        }

        from += count;
        return true;
    }

    private ReadOnlySpan<double> Weights(double[]? all, ReadOnlySpan<int> rows)
    {
        if (all is null)
        {
            return [];
        }

        for (var i = 0; i < rows.Length; i++)
        {
            _weights[i] = all[rows[i]];
        }

        return _weights.AsSpan(0, rows.Length);
    }

    private void Copy(ColumnVector column, ReadOnlySpan<int> chosen, int from, int count)
    {
        var to = _values.AsSpan(0, count);
        if (column.Type == ColumnType.Integer)
        {
            PackedScan.CopyNumbers(column.PackedIntegers, 1, chosen, from, to);
        }
        else if (column.FloatScale != 0)
        {
            PackedScan.CopyNumbers(column.PackedFloats, column.FloatScale, chosen, from, to);
        }
        else if (chosen.IsEmpty)
        {
            column.Floats.AsSpan(from, count).CopyTo(to);
        }
        else
        {
            var floats = column.Floats;
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = floats[chosen[i]];
            }
        }
    }
}
