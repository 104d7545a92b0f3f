using System.Globalization;
using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class AnswerPeriodTests
{
    private const long Second = 1_000_000_000;

    // Time in seconds, group, value.
    [Theory]
    [InlineData("0 a 10, 1 a 15, 2 a 12, 3 a 30", "RATE_MAX(v) EVERY 1s", "a: - 5 -3 18", "a 18, total 18")]
    [InlineData("0 a 10, 1 a 15, 2 a 12, 3 a 30", "RATE_SUM(v) EVERY 1s", "a: - 5 -3 18", "a 20, total 20")]
    [InlineData("0 a 10, 1 a 15, 2 a 12, 3 a 30", "RATE_AVG(v) EVERY 1s", "a: - 5 -3 18", "a 6.666666667, total 6.666666667")]
    [InlineData("0 a 10, 0 a 20, 1 a 30, 1 a 5", "RATE_AVG(v) EVERY 1s", "a: - 2.5", "a 2.5, total 2.5")]
    [InlineData("0 a 10, 0 a 20, 1 a 30, 1 a 5", "RATE_SUM(v) EVERY 1s", "a: - 5", "a 5, total 5")]
    [InlineData("0 a 10, 3 a 40", "RATE_MAX(v) EVERY 1s", "a: - 30", "a 30, total 30")]
    [InlineData("0 a 10, 1 a, 2 a 11", "RATE_SUM(v) EVERY 1s", "a: - - 1", "a 1, total 1")]
    [InlineData("0 a 10", "RATE_MAX(v) EVERY 1s", "a: -", "a -, total -")]
    [InlineData("0 a 10, 1 b 7, 2 a 11, 3 b 9", "RATE_SUM(v) EVERY 1s", "a: - 1; b: - 2", "b 2, a 1, total -1")]
    public void ARateIsTheDifferenceToTheBucketBeforeThatHasAValue(string events, string query, string series, string rows)
    {
        var answer = Answer(events.Split(", ").Select(Event), query + " GROUP BY g SINCE 1970-01-01T00:00:00Z UNTIL 1970-01-01T00:00:10Z");
        Assert.Equal(series, Series(answer));
        Assert.Equal(rows, string.Join(", ", answer.Results.Select(row => $"{row.Group[0]} {Number(row)}").Append($"total {Number(answer.Total!)}")));
    }

    // Start and length in seconds, group, weight; the range is 10 s..20 s.
    [Theory]
    [InlineData("10 2 a", 5, "a: 0.4", "a 0.2, total 0.2")]
    [InlineData("10 2 a, 11 2 a, 12 1 b", 5, "a: 0.8; b: 0.2", "a 0.4, b 0.1, total 0.5")]
    [InlineData("13 4 a", 1, "a: @3 1 1 1 1", "a 0.4, total 0.4")]
    [InlineData("13.5 4 a", 1, "a: @3 0.5 1 1 1 0.5", "a 0.4, total 0.4")]
    [InlineData("13.5 4 a 10", 1, "a: @3 5 10 10 10 5", "a 4, total 4")]
    [InlineData("18.5 100 a", 1, "a: @8 0.5 1", "a 0.15, total 0.15")]
    [InlineData("8 4.5 a, 12 1 a", 1, "a: @0 1 1 1.5", "a 0.35, total 0.35")]
    [InlineData("8 1 a, 8 2 a, 8 2.5 b", 1, "b: @0 0.5", "b 0.05, total 0.05")]
    [InlineData("8 100 a", 5, "a: 1 1", "a 1, total 1")]
    public void ConcurrencyIsHowMuchOfABucketSpansCover(string spans, int step, string series, string rows)
    {
        var answer = Answer(spans.Split(", ").Select(Span), $"CONCURRENCY GROUP BY g SINCE 1970-01-01T00:00:10Z UNTIL 1970-01-01T00:00:20Z EVERY {step}s");
        Assert.Equal(series.Replace("@0 ", "", StringComparison.Ordinal), Series(answer, step));
        Assert.Equal(rows, string.Join(", ", answer.Results.Select(row => $"{row.Group[0]} {Number(row)}").Append($"total {Number(answer.Total!)}")));
        Assert.Equal(LabelKind.Exact, answer.Labels[0].Kind);
    }

    [Fact]
    public void SpansBeforeTheRangeCountForNothingButConcurrency()
    {
        var answer = Answer([Span("8 100 a"), Span("11 1 a")], "CONCURRENCY, COUNT, MAX(duration_ms), CONCURRENCY IF (g = \"b\") AS none SINCE 1970-01-01T00:00:10Z UNTIL 1970-01-01T00:00:20Z EVERY 5s");
        Assert.Equal("1.1 1 1000 0", string.Join(' ', answer.Results[0].Cells.Select(Text)));
        Assert.Equal(["1.2 1 1000 0", "1 0 - 0"], answer.Series.Select(point => string.Join(' ', point.Rows[0].Cells.Select(Text))));
    }

    [Fact]
    public void WhereSpansLastLongerThanIsLookedBackOthersLikeThemMayBeMissing()
    {
        const string Query = "CONCURRENCY SINCE 1970-01-01T01:00:00Z UNTIL 1970-01-01T01:00:10Z EVERY 10s";
        Assert.Equal((0.0, LabelKind.Exact), Label(Answer([Span("2999 100000 a")], Query)));
        Assert.Equal((1.0, LabelKind.AtLeast), Label(Answer([Span("3001 100000 a")], Query)));
        Assert.Equal((0.2, LabelKind.Exact), Label(Answer([Span("3001 600 a"), Span("3599 2 a")], Query)));

        static (double, LabelKind) Label(QueryAnswer answer) => (Math.Round(answer.Results[0].Cells[0].Value.AsDouble, 3), answer.Labels[0].Kind);
    }

    [Fact]
    public void ConcurrencyIsWhatCountingByHandGives() =>
        Gen.Select(Gen.Select(Gen.Int[0, 40_000], Gen.Int[0, 15_000], Gen.Int[0, 2], Gen.Int[1, 3]).List[1, 40], Gen.Int[1, 7], Gen.Int[0, 9_999]).Sample((spans, step, shift) =>
        {
            // A range of 15..35 s and something, in milliseconds.
            long from = 15_000 + shift, to = 35_000 + shift;
            var rows = spans.ConvertAll(span => new Row(span.Item1 * 1_000_000L, $"g{span.Item3}", null, span.Item2, span.Item4));
            var spec = QueryText.Parse($"CONCURRENCY GROUP BY g EVERY {step}s").Value;
            var plan = new LeafPlan("d", spec, new(from * 1_000_000, to * 1_000_000, step));
            PartialResult one = PartialResultState.Scan(plan, [Batch(rows)]), three = new(plan);
            for (var leaf = 0; leaf < 3; leaf++)
            {
                var writer = new ByteWriter();
                PartialResultState.Scan(plan, [.. rows.Where((_, i) => i % 3 == leaf).Select(row => Batch([row]))]).Export(writer);
                three.Import(writer.Written);
            }

            foreach (var answer in new[] { Build(one), Build(three) })
            {
                foreach (var point in answer.Series)
                {
                    long start = Math.Max(from, point.TimeNs / 1_000_000), end = Math.Min(to, (point.TimeNs / 1_000_000) + (step * 1000));
                    foreach (var row in point.Rows)
                    {
                        Assert.Equal(Covered(rows, row.Group[0].AsString, start, end) / (end - start), row.Cells[0].Value.AsDouble, 9);
                    }
                }

                // Every moment that a span covers has a point.
                var points = answer.Series.Sum(point => point.Rows.Sum(row => row.Cells[0].Value.AsDouble * (Math.Min(to, (point.TimeNs / 1_000_000) + (step * 1000)) - Math.Max(from, point.TimeNs / 1_000_000))));
                Assert.Equal(Covered(rows, null, from, to), points, 4);
                Assert.Equal(Covered(rows, null, from, to) / (to - from), answer.Total!.Cells[0].Value.AsDouble, 9);
            }
        }, iter: 300);

    // Milliseconds of from..to that spans cover, weighted.
    private static double Covered(List<Row> spans, string? group, long from, long to) =>
        spans.Where(span => group is null || span.Group == group)
            .Sum(span => span.Weight * Math.Max(0, Math.Min(to, (span.TimeNs / 1_000_000) + span.DurationMs!.Value) - Math.Max(from, span.TimeNs / 1_000_000.0)));

    private static string Series(QueryAnswer answer, int step = 1)
    {
        var start = answer.Time.StartNs;
        return string.Join("; ", answer.Series.SelectMany(point => point.Rows.Select(row => (Group: row.Group[0].AsString, Bucket: (point.TimeNs - start) / (step * Second), Text: Number(row))))
            .GroupBy(row => row.Group).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => $"{group.Key}: {(answer.Calculations[0] == "CONCURRENCY" && group.First().Bucket > 0 ? $"@{group.First().Bucket} " : "")}{string.Join(' ', group.Select(row => row.Text))}"));
    }

    private static QueryAnswer Answer(IEnumerable<Row> rows, string query)
    {
        var spec = QueryText.Parse(query).Value;
        return Build(PartialResultState.Scan(new LeafPlan("d", spec, QueryTime.Resolve(spec, 0).Value), [Batch([.. rows])]));
    }

    private static QueryAnswer Build(PartialResult result) =>
        AnswerBuilder.Build(result, new() { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] });

    private sealed record Row(long TimeNs, string Group, double? Value, double? DurationMs, double Weight);

    private static Row Event(string text)
    {
        var parts = text.Split(' ');
        return new(Ns(parts[0]), parts[1], parts.Length > 2 ? double.Parse(parts[2], CultureInfo.InvariantCulture) : null, null, 1);
    }

    private static Row Span(string text)
    {
        var parts = text.Split(' ');
        return new(Ns(parts[0]), parts[2], null, Ns(parts[1]) / 1e6, parts.Length > 3 ? double.Parse(parts[3], CultureInfo.InvariantCulture) : 1);
    }

    private static long Ns(string seconds) => (long)(double.Parse(seconds, CultureInfo.InvariantCulture) * Second);

    private static EventBatch Batch(IReadOnlyList<Row> rows)
    {
        var columns = new List<NamedColumn> { new("g", ColumnVector.OfText(rows.Count, null, Utf8Strings.From([.. rows.Select(row => row.Group)]))) };
        Add("v", row => row.Value);
        Add("duration_ms", row => row.DurationMs);
        return new([.. rows.Select(row => row.TimeNs)], [.. rows.Select(row => row.Weight)], new int[rows.Count], Utf8Strings.From(["d"]), columns);

        void Add(string name, Func<Row, double?> value)
        {
            var presence = new ulong[(rows.Count + 63) / 64];
            for (var i = 0; i < rows.Count; i++)
            {
                presence[i >> 6] |= value(rows[i]) is null ? 0 : 1UL << (i & 63);
            }

            columns.Add(new(name, ColumnVector.OfFloats(rows.Count, presence, [.. rows.Select(value).OfType<double>()])));
        }
    }

    private static string Number(AnswerRow row) => Text(row.Cells[0]);

    private static string Text(AnswerCell cell) => cell.Value.IsNumber ? cell.Value.AsDouble.ToString("G10", CultureInfo.InvariantCulture) : "-";
}
