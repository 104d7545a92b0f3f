using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>Holds an answer of the engine against the oracle: rows, order, limit, cells, total, rest, series, labels.</summary>
internal static class OracleAssert
{
    /// <summary>Fails, naming what differs, unless the answer is right.</summary>
    public static void Answers(OracleQuery oracle, QueryAnswer answer)
    {
        var spec = oracle.Spec;
        Assert.Equal(spec.Breakdowns, answer.Breakdowns);
        Assert.Equal(spec.Calculations.Select(c => c.ResultKey), answer.Calculations);
        var total = oracle.Cells(oracle.Rows);
        for (var i = 0; i < total.Count; i++)
        {
            IsLabel(answer.Calculations[i], total[i], answer.Labels[i]);
        }

        IReadOnlyList<OracleGroup> groups = spec.Breakdowns.Count > 0 ? oracle.Groups : [new([], oracle.Rows)];
        var byKey = groups.ToDictionary(g => Key(g.Key));
        var rows = answer.Results.Select(row => (Row: row, Group: Find(byKey, row))).ToList();
        Assert.Equal(rows.Count, rows.Select(r => r.Group).Distinct().Count());
        AreChosen(oracle, groups, rows);
        foreach (var (row, group) in rows)
        {
            AreCells($"row {Key(group.Key)}", spec, oracle.Cells(group.Rows), row);
        }

        if (spec.Breakdowns.Count == 0)
        {
            Assert.Null(answer.Total);
            Assert.Null(answer.Other);
        }
        else
        {
            AreCells("total", spec, total, Assert.IsType<AnswerRow>(answer.Total));
            IsRest(oracle, groups, rows, answer);
        }

        IsSeries(oracle, rows, answer);
    }

    /// <summary>Rows pass the havings, are in order, and none that is left out comes before one that is there.</summary>
    private static void AreChosen(OracleQuery oracle, IReadOnlyList<OracleGroup> groups, List<(AnswerRow Row, OracleGroup Group)> rows)
    {
        var cells = groups.ToDictionary(g => g, g => (g.Key, oracle.Cells(g.Rows)));
        var chosen = rows.Select(r => r.Group).ToHashSet();
        foreach (var group in chosen)
        {
            Assert.True(oracle.Having(cells[group].Item2) != false, $"{Key(group.Key)} does not pass the havings");
        }

        for (var i = 1; i < rows.Count; i++)
        {
            Assert.True(oracle.Compare(cells[rows[i - 1].Group], cells[rows[i].Group]) is null or < 0, $"{Key(rows[i - 1].Group.Key)} comes after {Key(rows[i].Group.Key)}");
        }

        foreach (var group in groups.Where(g => !chosen.Contains(g) && oracle.Having(cells[g].Item2) == true))
        {
            Assert.True(rows.Count >= oracle.Spec.Limit, $"no row {Key(group.Key)}");
            Assert.True(oracle.Compare(cells[rows[^1].Group], cells[group]) is null or < 0, $"{Key(group.Key)} comes before {Key(rows[^1].Group.Key)} and is not there");
        }

        Assert.True(rows.Count <= oracle.Spec.Limit, $"{rows.Count} rows, limit {oracle.Spec.Limit}");
    }

    private static void IsRest(OracleQuery oracle, IReadOnlyList<OracleGroup> groups, List<(AnswerRow Row, OracleGroup Group)> rows, QueryAnswer answer)
    {
        var chosen = rows.Select(r => r.Group).ToHashSet();
        var rest = groups.Where(g => !chosen.Contains(g)).Select(g => (Group: g, Passes: oracle.Having(oracle.Cells(g.Rows)))).ToList();
        if (rest.Any(r => r.Passes is null))
        {
            return;         // whether one of them is among the rest is within an error
        }

        var left = rest.Where(r => r.Passes == true).SelectMany(r => r.Group.Rows).ToList();
        if (left.Count == 0)
        {
            Assert.Null(answer.Other);
        }
        else
        {
            AreCells("other", oracle.Spec, oracle.Cells(left), Assert.IsType<AnswerRow>(answer.Other));
        }
    }

    private static void IsSeries(OracleQuery oracle, List<(AnswerRow Row, OracleGroup Group)> rows, QueryAnswer answer)
    {
        var expected = rows
            .SelectMany((r, rank) => r.Group.Rows.GroupBy(oracle.PointOf).Select(point => (TimeNs: point.Key, Rank: rank, r.Group, Rows: point.ToList())))
            .OrderBy(p => p.TimeNs).ThenBy(p => p.Rank).ToList();
        var actual = answer.Series.SelectMany(point => point.Rows.Select(row => (point.TimeNs, Row: row))).ToList();
        Assert.Equal(expected.Select(e => (e.TimeNs, Key(e.Group.Key))), actual.Select(a => (a.TimeNs, Key(a.Row.Group))));
        for (var i = 0; i < expected.Count; i++)
        {
            AreCells($"{Key(expected[i].Group.Key)} at {EventTime.Format(expected[i].TimeNs)}", oracle.Spec, oracle.Cells(expected[i].Rows), actual[i].Row);
        }
    }

    private static void AreCells(string where, QuerySpec spec, IReadOnlyList<OracleCell> expected, AnswerRow row)
    {
        Assert.Equal(expected.Count, row.Cells.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            var what = $"{where}: {spec.Calculations[i].ResultKey}";
            if (expected[i].Heatmap is { } values)
            {
                IsHeatmap(what, values, row.Cells[i].Heatmap);
            }
            else
            {
                IsNumber(what, expected[i], row.Cells[i]);
            }
        }
    }

    private static void IsNumber(string what, OracleCell expected, AnswerCell cell)
    {
        IsLabel(what, expected, cell.Label);
        if (expected.Value is not { } truth || cell.Value.Kind == FieldKind.Absent)
        {
            Assert.True(expected.Value is null && cell.Value.Kind == FieldKind.Absent, $"{what}: {Text(cell.Value)} for {expected.Value}");
            return;
        }

        var value = cell.Value.AsDouble;
        var slack = expected.Slack + (expected.Label == LabelKind.Exact ? Math.Abs(truth) * (cell.Label.Bound ?? 0) : 0);
        var isRight = cell.Label.Kind switch
        {
            LabelKind.AtMost => truth <= value + slack,
            LabelKind.AtLeast => truth >= value - slack,
            _ => Math.Abs(value - truth) <= slack,
        };
        Assert.True(isRight, $"{what}: {value:R} for {truth:R}, label {cell.Label.Kind}");
    }

    /// <summary>Exact, or bounded where a sketch took part; a percentile past what a sketch can hold apart is a bound on one side.</summary>
    private static void IsLabel(string what, OracleCell expected, NumberLabel label)
    {
        if (expected.Heatmap is null)
        {
            var isAllowed = label.Kind == expected.Label || (expected.Label, label.Kind) is (LabelKind.Exact, LabelKind.Bounded) || (double.IsPositiveInfinity(expected.Doubt) && label.Kind is LabelKind.AtMost or LabelKind.AtLeast);
            Assert.True(isAllowed, $"{what}: labelled {label.Kind}, not {expected.Label}");
        }
    }

    /// <summary>Ascending buckets that do not overlap, each with the events that are in it, and all events in one.</summary>
    private static void IsHeatmap(string what, IReadOnlyList<(double Value, double Weight)> values, IReadOnlyList<HeatmapBucket>? buckets)
    {
        Assert.True(buckets is not null, $"{what}: no heatmap");
        Assert.True(Math.Abs(buckets.Sum(b => b.Count) - values.Sum(v => v.Weight)) < 1e-6, $"{what}: {buckets.Sum(b => b.Count)} events for {values.Sum(v => v.Weight)}");
        for (var i = 0; i < buckets.Count; i++)
        {
            var bucket = buckets[i];
            Assert.True(i == 0 || buckets[i - 1].Max <= bucket.Min, $"{what}: buckets {i - 1} and {i} overlap");
            var inside = values.Where(v => bucket switch
            {
                { Min: 0, Max: 0 } => v.Value == 0,
                { Min: >= 0 } => v.Value > bucket.Min && v.Value <= bucket.Max,
                _ => v.Value >= bucket.Min && v.Value < bucket.Max,
            }).Sum(v => v.Weight);
            Assert.True(Math.Abs(inside - bucket.Count) < 1e-6, $"{what}: {bucket.Count} events from {bucket.Min} to {bucket.Max}, there are {inside}");
        }
    }

    private static OracleGroup Find(Dictionary<string, OracleGroup> byKey, AnswerRow row) =>
        byKey.TryGetValue(Key(row.Group), out var group) ? group : throw new Xunit.Sdk.XunitException($"a row {Key(row.Group)} that no event is in");

    private static string Key(IEnumerable<FieldValue> values) => Key(values.Select(OracleValue.Of));

    private static string Key(IEnumerable<object?> values) => $"[{string.Join(" · ", values.Select(v => v is null ? "-" : $"{v.GetType().Name}:{OracleValue.Text(v)}"))}]";

    private static string Text(FieldValue value) => value.Kind == FieldKind.Absent ? "nothing" : value.ToString();
}
