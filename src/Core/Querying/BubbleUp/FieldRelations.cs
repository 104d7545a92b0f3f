using System.Runtime.InteropServices;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>What the kept rows of both sides say about how fields go together. Pure; made once per answer.</summary>
internal sealed class FieldRelations
{
    // Rows that must speak for a relation before it is believed.
    private const int RowsMin = 16;
    private const int MarkedMin = 3;

    private readonly IReadOnlyList<SampledRow>[] _sides;
    private readonly SampledRow[] _all;

    /// <summary>Over a result's rows.</summary>
    public FieldRelations(BubbleUpResult result)
    {
        _sides = [result.Side(0).Sample.Rows, result.Side(1).Sample.Rows];
        _all = [.. _sides[0], .. _sides[1]];
    }

    /// <summary>
    /// True when value <paramref name="a"/> of one field and value <paramref name="b"/> of another mark the same rows, but for one in twenty: on the selection's side, where
    /// a few must have them, and on the baseline's unless too few rows there have either to say so.
    /// </summary>
    public bool MarkTheSame(int fieldA, ulong a, int fieldB, ulong b)
    {
        for (var side = 0; side < _sides.Length; side++)
        {
            int both = 0, either = 0;
            foreach (var row in _sides[side])
            {
                bool isA = row[fieldA] == a, isB = row[fieldB] == b;
                both += isA && isB ? 1 : 0;
                either += isA || isB ? 1 : 0;
            }

            if (both < (either * 0.95) - side || (side == 0 && either < MarkedMin))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// True when a field's value follows from that of <paramref name="from"/>, as a region does from its zone: rows of one value there have one value here, but for one in
    /// fifty, and it does not come about by <paramref name="from"/> having a value a row, or <paramref name="field"/> one for all.
    /// </summary>
    public bool Follows(int field, int from)
    {
        var counts = new Dictionary<(ulong, ulong), int>();
        var ofFrom = new Dictionary<ulong, (int Rows, int Best)>();
        var ofField = new Dictionary<ulong, int>();
        foreach (var row in _all)
        {
            var (x, y) = (row[from], row[field]);
            ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, (x, y), out _);
            count++;
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(ofFrom, x, out _);
            known = (known.Rows + 1, Math.Max(known.Best, count));
            CollectionsMarshal.GetValueRefOrAddDefault(ofField, y, out _)++;
        }

        int repeated = 0, agreeing = 0, most = 0, values = 0;
        foreach (var (rows, best) in ofFrom.Values)
        {
            if (rows > 1)
            {
                repeated += rows;
                agreeing += best;
                values++;
            }
        }

        foreach (var rows in ofField.Values)
        {
            most = Math.Max(most, rows);
        }

        return ofField.Count > 1
            && ofFrom.Count > ofField.Count
            && repeated >= RowsMin
            && repeated >= _all.Length / 2
            && repeated - values >= values          // three rows a value at the mean
            && agreeing >= repeated * 0.98
            && (repeated - agreeing) * 10 <= _all.Length - most;
    }

    /// <summary>
    /// True when a field only tells ranges of a number, as "slow" or a number of seconds does of a duration: sorted by it, each value of the field lies in one piece. One that
    /// has no more than the two values that the selection itself makes of the number is not taken for one, since a cause may do the same.
    /// </summary>
    public bool IsStepOf(int field, int number)
    {
        var rows = new List<(ulong Number, ulong Value, bool IsSelected)>();
        var values = new HashSet<ulong>();
        for (var side = 0; side < _sides.Length; side++)
        {
            foreach (var row in _sides[side])
            {
                if (row[number] != 0)
                {
                    rows.Add((row[number], row[field], side == 0));
                    values.Add(row[field]);
                }
            }
        }

        if (values.Count < 2 || rows.Count < RowsMin * values.Count)
        {
            return false;
        }

        rows.Sort(static (a, b) => a.Number.CompareTo(b.Number) is var order and not 0 ? order : a.Value.CompareTo(b.Value));
        int pieces = 1, least = 0, asSelected = 0;
        foreach (var value in values)
        {
            var count = rows.Count(row => row.Value == value);
            least = least == 0 ? count : Math.Min(least, count);
        }

        for (var i = 0; i < rows.Count; i++)
        {
            pieces += i > 0 && rows[i].Value != rows[i - 1].Value ? 1 : 0;
            asSelected += rows[i].IsSelected == (rows[i].Value == rows[^1].Value) ? 1 : 0;
        }

        // Both ways round: the selection may be what is above an edge, or what is below.
        var isTheSelection = values.Count == 2 && Math.Max(asSelected, rows.Count - asSelected) > rows.Count - (RowsMin / 2);
        return pieces == values.Count && least >= 3 && !isTheSelection;
    }

    /// <summary>How well the order of one field's numbers follows that of another's, or of time (null): Spearman's rank correlation, 0 when too few rows have both.</summary>
    public double RankCorrelation(int field, int? with)
    {
        var pairs = new List<(double X, double Y)>();
        foreach (var row in _all)
        {
            if (row[field] != 0 && (with is not { } other || row[other] != 0))
            {
                pairs.Add((row[field], with is { } number ? row[number] : row.TimeNs));
            }
        }

        if (pairs.Count < RowsMin)
        {
            return 0;
        }

        var (x, y) = (Ranks(pairs, static pair => pair.X), Ranks(pairs, static pair => pair.Y));
        var mean = (pairs.Count - 1) / 2.0;
        double xy = 0, xx = 0, yy = 0;
        for (var i = 0; i < x.Length; i++)
        {
            xy += (x[i] - mean) * (y[i] - mean);
            xx += (x[i] - mean) * (x[i] - mean);
            yy += (y[i] - mean) * (y[i] - mean);
        }

        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : 0;
    }

    private static double[] Ranks(List<(double X, double Y)> pairs, Func<(double X, double Y), double> of)
    {
        var keys = new double[pairs.Count];
        var order = new int[pairs.Count];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = of(pairs[i]);
            order[i] = i;
        }

        Array.Sort(keys, order);
        var ranks = new double[keys.Length];
        for (var from = 0; from < keys.Length;)
        {
            var to = from + 1;
            while (to < keys.Length && keys[to] == keys[from])
            {
                to++;
            }

            for (var i = from; i < to; i++)
            {
                ranks[order[i]] = (from + to - 1) / 2.0;        // ties share theirs
            }

            from = to;
        }

        return ranks;
    }
}
