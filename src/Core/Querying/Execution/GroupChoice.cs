using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>
/// Which groups become rows, and in which order. Havings and orders look at bare numbers, so that a group which is not shown costs no row; a formula or a rate
/// that they name needs the group's whole row, which is let go of again. Groups' values are decoded where numbers are equal, or where an order names them.
/// </summary>
/// <remarks>
/// The order is the query's, else by the first calculation that is a number, descending (by the number of events when all are heatmaps). What is absent
/// comes last either way; ties go by the groups' values, so that the same data gives the same rows.
/// </remarks>
internal sealed class GroupChoice : IComparer<int>
{
    private readonly AnswerPeriod _period;
    private readonly (int Breakdown, int Column, bool Descending)[] _keys;
    private readonly int[] _havings;
    private readonly bool _isPlain;
    private readonly double[]?[] _numbers;
    private readonly Dictionary<int, FieldValue[]> _values = [];

    public GroupChoice(AnswerPeriod period)
    {
        var spec = period.Plan.Spec;
        _period = period;
        _keys = Keys(spec);
        _havings = [.. spec.Havings.Select(having => ResultColumns.Of(spec, having))];
        _isPlain = true;
        _numbers = new double[]?[ResultColumns.Count(spec)];
        foreach (var column in _keys.Select(key => key.Column).Concat(_havings))
        {
            if (column != ResultColumns.None)
            {
                _numbers[column] = new double[period.Groups];
                _isPlain &= period.IsPlain(column);
            }
        }
    }

    /// <summary>
    /// The groups that are rows, in order, and those past the limit: in order too, unless nothing can tell. The group of events past all bounds never is a row and
    /// is the first of the latter; groups for which a having does not hold are in neither.
    /// </summary>
    public (List<int> Kept, List<int> Past) Choose(IEnumerable<int> groups)
    {
        var limit = _period.Plan.Spec.Limit;
        var candidates = new List<int>();
        var past = new List<int>();
        foreach (var group in groups)
        {
            if (group == _period.Overflow)
            {
                past.Add(group);
                continue;
            }

            Look(group);
            if (Holds(group))
            {
                candidates.Add(group);
            }
        }

        if (candidates.Count > limit && _period.AddsUpInAnyOrder(candidates))
        {
            return (Best(candidates, limit, past), past);
        }

        candidates.Sort(this);
        if (candidates.Count > limit)
        {
            past.AddRange(candidates[limit..]);
            candidates.RemoveRange(limit, candidates.Count - limit);
        }

        return (candidates, past);
    }

    /// <summary>Orders two groups that were looked at.</summary>
    public int Compare(int x, int y)
    {
        foreach (var (breakdown, column, descending) in _keys)
        {
            var compared = breakdown != ResultColumns.None ? Compare(Values(x)[breakdown], Values(y)[breakdown], descending)
                : column != ResultColumns.None ? Compare(_numbers[column]![x], _numbers[column]![y], descending)
                : _period.Events(y).CompareTo(_period.Events(x));
            if (compared != 0)
            {
                return compared;
            }
        }

        return x == y ? 0 : CompareValues(x, y);
    }

    /// <summary>Whether a number is what a having wants.</summary>
    public static bool Holds(Having having, double value) => having.Comparison switch
    {
        FilterOp.Equal => value == having.Value,
        FilterOp.NotEqual => value != having.Value,
        FilterOp.Greater => value > having.Value,
        FilterOp.GreaterOrEqual => value >= having.Value,
        FilterOp.Less => value < having.Value,
        _ => value <= having.Value,
    };

    /// <summary>The first groups in order; the others go to <paramref name="past"/>. A queue of so many, the last in order at its head.</summary>
    private List<int> Best(List<int> candidates, int limit, List<int> past)
    {
        var best = new PriorityQueue<int, int>(limit, Comparer<int>.Create((x, y) => Compare(y, x)));
        foreach (var group in candidates)
        {
            if (best.Count < limit)
            {
                best.Enqueue(group, group);
            }
            else
            {
                past.Add(best.EnqueueDequeue(group, group));
            }
        }

        var kept = new List<int>(limit);
        while (best.TryDequeue(out var group, out _))
        {
            kept.Add(group);
        }

        kept.Reverse();
        return kept;
    }

    /// <summary>Takes down the numbers that a group is judged by.</summary>
    private void Look(int group)
    {
        var row = _isPlain ? null : _period.Row(group);
        for (var column = 0; column < _numbers.Length; column++)
        {
            if (_numbers[column] is { } numbers)
            {
                numbers[group] = row is null ? _period.Number(column, group)
                    : row.Cells[column].Value is { IsNumber: true } value ? value.AsDouble
                    : double.NaN;
            }
        }
    }

    private bool Holds(int group)
    {
        for (var i = 0; i < _havings.Length; i++)
        {
            // What is absent fulfils no having, "is not" included.
            if (_havings[i] == ResultColumns.None || _numbers[_havings[i]]![group] is double.NaN || !Holds(_period.Plan.Spec.Havings[i], _numbers[_havings[i]]![group]))
            {
                return false;
            }
        }

        return true;
    }

    private int CompareValues(int x, int y)
    {
        FieldValue[] a = Values(x), b = Values(y);
        for (var i = 0; i < a.Length; i++)
        {
            var compared = a[i].CompareTo(b[i]);
            if (compared != 0)
            {
                return compared;
            }
        }

        return x.CompareTo(y);
    }

    private FieldValue[] Values(int group)
    {
        if (!_values.TryGetValue(group, out var values))
        {
            _values.Add(group, values = _period.Values(group));
        }

        return values;
    }

    private static int Compare(FieldValue a, FieldValue b, bool descending)
    {
        bool hasA = a.Kind != FieldKind.Absent, hasB = b.Kind != FieldKind.Absent;
        return hasA != hasB ? (hasA ? -1 : 1) : descending ? b.CompareTo(a) : a.CompareTo(b);
    }

    private static int Compare(double a, double b, bool descending)
    {
        bool hasA = !double.IsNaN(a), hasB = !double.IsNaN(b);
        return hasA != hasB ? (hasA ? -1 : 1) : descending ? b.CompareTo(a) : a.CompareTo(b);
    }

    private static (int, int, bool)[] Keys(QuerySpec spec)
    {
        if (spec.Orders.Count > 0)
        {
            return [.. spec.Orders.Select(order => (ResultColumns.OfBreakdown(spec, order), ResultColumns.Of(spec, order), order.Descending))];
        }

        var first = 0;
        while (first < spec.Calculations.Count && spec.Calculations[first].Op == CalculationOp.Heatmap)
        {
            first++;
        }

        return [(ResultColumns.None, first < spec.Calculations.Count ? first : ResultColumns.None, true)];
    }
}
