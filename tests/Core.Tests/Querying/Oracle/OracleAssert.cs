using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>Holds an answer of the engine against the oracle: rows, order, limit, cells, total, rest, series, labels, and the same of the earlier range of a comparison.</summary>
internal static class OracleAssert
{
    /// <summary>Fails, naming what differs, unless the answer is right.</summary>
    public static void Answers(OracleQuery oracle, QueryAnswer answer)
    {
        Assert.Equal(oracle.Spec.Breakdowns, answer.Breakdowns);
        Assert.Equal(oracle.Keys, answer.Calculations);
        AreLabels(oracle, answer.Labels);
        var groups = oracle.Groups;
        var rows = Find(groups, answer.Results);
        AreChosen(oracle, groups, rows);
        AreRows(oracle, rows);
        var rest = Rest(oracle, groups, rows);
        if (oracle.Spec.Breakdowns.Count == 0)
        {
            Assert.Null(answer.Total);
            Assert.Null(answer.Other);
        }
        else
        {
            AreCells(() => "total", oracle, oracle.Total, Assert.IsType<AnswerRow>(answer.Total));
            IsRest(oracle, rest, answer.Other);
        }

        IsSeries(oracle, rows, answer.Series);
        IsSeries(oracle, [(answer.Total ?? answer.Results.FirstOrDefault()!, oracle.All)], answer.TotalSeries!);
        Assert.Equal(oracle.Earlier is null, answer.Compare is null);
        if (oracle.Earlier is { } earlier)
        {
            IsCompared(oracle, earlier, rows, rest, answer);
        }
    }

    /// <summary>
    /// The earlier range holds the answer's rows that had events then, in the same order, and then the groups that had events only then; each row has its earlier numbers beside it.
    /// </summary>
    private static void IsCompared(OracleQuery oracle, OracleQuery earlier, List<(AnswerRow Row, OracleGroup Group)> rows, List<OracleGroup>? rest, QueryAnswer answer)
    {
        var compare = answer.Compare!;
        Assert.Equal((oracle.Spec.CompareOffsetSeconds, earlier.Time), (compare.OffsetSeconds, compare.Time));
        AreLabels(earlier, compare.Labels);
        var then = earlier.Groups.ToDictionary(g => g.Name);
        foreach (var (row, group) in rows)
        {
            AreCells(() => $"row {group.Name} earlier", earlier, then.TryGetValue(group.Name, out var same) ? earlier.Cells(same) : earlier.Cells([]), row.Before);
        }

        var kept = rows.Select(r => r.Group.Name).Where(then.ContainsKey).ToList();
        var listed = Find([.. then.Values], compare.Results);
        Assert.Equal(kept, listed.Take(kept.Count).Select(r => r.Group.Name));
        AreRows(earlier, listed);
        var now = oracle.Groups.Select(g => g.Name).ToHashSet();
        var gone = then.Values.Where(g => !now.Contains(g.Name)).ToList();
        AreChosen(earlier, gone, listed[kept.Count..]);
        IsSeries(earlier, listed, compare.Series);
        if (oracle.Spec.Breakdowns.Count == 0)
        {
            Assert.Null(compare.Total);
            Assert.Null(compare.Other);
            return;
        }

        AreCells(() => "total earlier", earlier, earlier.Total, Assert.IsType<AnswerRow>(compare.Total));
        AreCells(() => "total before", earlier, earlier.Total, answer.Total!.Before);
        var goneRest = Rest(earlier, gone, listed[kept.Count..]);
        List<OracleGroup>? others = rest is null || goneRest is null ? null : [.. rest.Select(g => then.GetValueOrDefault(g.Name)).OfType<OracleGroup>(), .. goneRest];
        IsRest(earlier, others, compare.Other);
        if (rest?.Count > 0 && others is not null)
        {
            AreCells(() => "other before", earlier, earlier.Cells([.. others.SelectMany(g => g.Rows)]), answer.Other!.Before);
        }
    }

    private static void AreLabels(OracleQuery oracle, IReadOnlyList<NumberLabel> labels)
    {
        var total = oracle.Total;
        Assert.Equal(total.Count, labels.Count);
        foreach (var ((key, cell), label) in oracle.Keys.Zip(total).Zip(labels))
        {
            IsLabel(() => key, cell, label);
        }
    }

    private static void AreRows(OracleQuery oracle, List<(AnswerRow Row, OracleGroup Group)> rows)
    {
        Assert.Equal(rows.Count, rows.Select(r => r.Group).Distinct().Count());
        foreach (var (row, group) in rows)
        {
            AreCells(() => $"row {group.Name}", oracle, oracle.Cells(group), row);
        }
    }

    /// <summary>Rows pass the havings, are in order, and none that is left out comes before one that is there.</summary>
    private static void AreChosen(OracleQuery oracle, IReadOnlyList<OracleGroup> groups, List<(AnswerRow Row, OracleGroup Group)> rows)
    {
        var cells = groups.ToDictionary(g => g, g => (g.Key, oracle.Cells(g)));
        var chosen = rows.Select(r => r.Group).ToHashSet();
        foreach (var group in chosen)
        {
            Assert.True(cells.ContainsKey(group), $"{group.Name} has no place among these rows");
            Assert.True(oracle.Having(cells[group].Item2) != false, $"{group.Name} does not pass the havings");
        }

        for (var i = 1; i < rows.Count; i++)
        {
            Assert.True(oracle.Compare(cells[rows[i - 1].Group], cells[rows[i].Group]) is null or < 0, $"{rows[i - 1].Group.Name} comes after {rows[i].Group.Name}");
        }

        foreach (var group in groups.Where(g => !chosen.Contains(g) && oracle.Having(cells[g].Item2) == true))
        {
            Assert.True(rows.Count >= oracle.Spec.Limit, $"no row {group.Name}");
            Assert.True(oracle.Compare(cells[rows[^1].Group], cells[group]) is null or < 0, $"{group.Name} comes before {rows[^1].Group.Name} and is not there");
        }

        Assert.True(rows.Count <= oracle.Spec.Limit, $"{rows.Count} rows, limit {oracle.Spec.Limit}");
    }

    /// <summary>The groups past the limit; null when whether one is among them is within an error.</summary>
    private static List<OracleGroup>? Rest(OracleQuery oracle, IReadOnlyList<OracleGroup> groups, List<(AnswerRow Row, OracleGroup Group)> rows)
    {
        var chosen = rows.Select(r => r.Group).ToHashSet();
        var rest = groups.Where(g => !chosen.Contains(g)).Select(g => (Group: g, Passes: oracle.Having(oracle.Cells(g)))).ToList();
        return rest.Any(r => r.Passes is null) ? null : [.. rest.Where(r => r.Passes == true).Select(r => r.Group)];
    }

    private static void IsRest(OracleQuery oracle, List<OracleGroup>? rest, AnswerRow? other)
    {
        if (rest is null)
        {
            return;
        }

        if (rest.Count == 0)
        {
            Assert.Null(other);
        }
        else
        {
            AreCells(() => "other", oracle, oracle.Cells([.. rest.SelectMany(g => g.Rows)]), Assert.IsType<AnswerRow>(other));
        }
    }

    private static void IsSeries(OracleQuery oracle, List<(AnswerRow Row, OracleGroup Group)> rows, IReadOnlyList<AnswerPoint> series)
    {
        var expected = rows
            .SelectMany((r, rank) => oracle.Points(r.Group).Select(point => (point.TimeNs, Rank: rank, r.Group, point.Cells)))
            .OrderBy(p => p.TimeNs).ThenBy(p => p.Rank).ToList();
        var actual = series.SelectMany(point => point.Rows.Select(row => (point.TimeNs, Row: row))).ToList();
        for (var i = 0; i < Math.Min(expected.Count, actual.Count); i++)
        {
            var (timeNs, _, group, cells) = expected[i];
            string Where() => $"{group.Name} at {EventTime.Format(timeNs)}";
            if (timeNs != actual[i].TimeNs || group.Name != Key(actual[i].Row.Group))
            {
                Assert.Fail($"no point {Where()}: {Key(actual[i].Row.Group)} at {EventTime.Format(actual[i].TimeNs)}");
            }

            AreCells(Where, oracle, cells, actual[i].Row);
        }

        Assert.Equal(expected.Count, actual.Count);
    }

    private static void AreCells(Func<string> where, OracleQuery oracle, IReadOnlyList<OracleCell> expected, AnswerRow row) => AreCells(where, oracle, expected, row.Cells);

    private static void AreCells(Func<string> where, OracleQuery oracle, IReadOnlyList<OracleCell> expected, IReadOnlyList<AnswerCell>? cells)
    {
        Assert.True(cells is not null, $"{where()}: no cells");
        Assert.Equal(expected.Count, cells.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            if (expected[i].Heatmap is { } values)
            {
                IsHeatmap($"{where()}: {oracle.Keys[i]}", values, cells[i].Heatmap);
            }
            else
            {
                IsNumber(where, oracle, i, expected[i], cells[i]);
            }
        }
    }

    private static void IsNumber(Func<string> where, OracleQuery oracle, int column, OracleCell expected, AnswerCell cell)
    {
        string What() => $"{where()}: {oracle.Keys[column]}";
        IsLabel(What, expected, cell.Label);
        var slack = expected.SlackOf(cell.Label);
        if (double.IsPositiveInfinity(slack))
        {
            return;
        }

        if (expected.Value is not { } truth || cell.Value.Kind == FieldKind.Absent)
        {
            if (expected.Value is not null || cell.Value.Kind != FieldKind.Absent)
            {
                Assert.Fail($"{What()}: {Text(cell.Value)} for {expected.Value}");
            }

            return;
        }

        var value = cell.Value.AsDouble;
        var isRight = cell.Label.Kind == expected.Label ? Math.Abs(value - truth) <= slack : cell.Label.Kind switch
        {
            LabelKind.AtMost => truth <= value + slack,
            LabelKind.AtLeast => truth >= value - slack,
            _ => Math.Abs(value - truth) <= slack,
        };
        if (!isRight)
        {
            Assert.Fail($"{What()}: {value:R} for {truth:R}, label {cell.Label.Kind}");
        }
    }

    /// <summary>
    /// Exact, or bounded where a sketch took part; a percentile past what a sketch can hold apart is a bound on one side, and a formula of one an estimate.
    /// </summary>
    private static void IsLabel(Func<string> what, OracleCell expected, NumberLabel label)
    {
        if (expected.Heatmap is not null || label.Kind == expected.Label)
        {
            return;
        }

        var isAllowed = (expected.Label, label.Kind) is (LabelKind.Exact, LabelKind.Bounded)
            || (expected.MayBeOneSided && (expected.IsFormula ? label.Kind == LabelKind.Estimated : label.Kind is LabelKind.AtMost or LabelKind.AtLeast));
        Assert.True(isAllowed, $"{what()}: labelled {label.Kind}, not {expected.Label}");
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

    /// <summary>The group of each row.</summary>
    private static List<(AnswerRow Row, OracleGroup Group)> Find(IReadOnlyList<OracleGroup> groups, IReadOnlyList<AnswerRow> rows)
    {
        var byKey = groups.ToDictionary(g => g.Name);
        return [.. rows.Select(row => (row, byKey.TryGetValue(Key(row.Group), out var group) ? group : throw new Xunit.Sdk.XunitException($"a row {Key(row.Group)} that no event is in")))];
    }

    private static string Key(IEnumerable<FieldValue> values) => OracleGroup.NameOf(values.Select(OracleValue.Of));

    private static string Text(FieldValue value) => value.Kind == FieldKind.Absent ? "nothing" : value.ToString();
}
