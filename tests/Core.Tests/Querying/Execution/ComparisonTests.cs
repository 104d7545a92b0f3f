using System.Globalization;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class ComparisonTests
{
    private const long Second = 1_000_000_000;

    // Half an hour apart: first the earlier range, then the one asked about.
    private static readonly (long Second, string Group)[] Events =
        [(0, "a"), (1, "a"), (11, "b"), (12, "gone"), (13, "gone"), (14, "gone"), (15, "gone too"), (1800, "a"), (1801, "new"), (1802, "new"), (1811, "a"), (1812, "a"), (1813, "b")];

    [Fact]
    public void EachRowHasItsEarlierNumbersAndGroupsOfTheEarlierRangeAloneFollowInItsOwn()
    {
        var answer = Answer("COUNT GROUP BY g");
        Assert.Equal("a 3<2, new 2<0, b 1<1, total 6<7", Rows(answer));
        var compare = answer.Compare!;
        Assert.Equal((1800, 0, 20 * Second), (compare.OffsetSeconds, compare.Time.StartNs, compare.Time.EndNs));
        Assert.Equal("a 2, b 1, gone 3, gone too 1", Plain(compare.Results));
        Assert.Equal("@0 a 2; @10 b 1, gone 3, gone too 1", Series(compare.Series));
        Assert.Equal("@1800 a 1, new 2; @1810 a 2, b 1", Series(answer.Series));
        Assert.Equal((7.0, null), (compare.Total!.Cells[0].Value.AsDouble, compare.Other));
    }

    [Fact]
    public void WhatIsPastTheLimitIsComparedTogether()
    {
        var answer = Answer("COUNT GROUP BY g LIMIT 1");
        Assert.Equal("a 3<2, total 6<7, other 3<2", Rows(answer));
        Assert.Equal("a 2, gone 3", Plain(answer.Compare!.Results));
        Assert.Equal(2, answer.Compare.Other!.Cells[0].Value.AsDouble);
    }

    [Fact]
    public void HavingsAndOrdersGoByTheRangeItself()
    {
        Assert.Equal("a 3<2, total 6<7", Rows(Answer("COUNT GROUP BY g HAVING COUNT > 2")));
        Assert.Equal("b 1<1, new 2<0, a 3<2, total 6<7", Rows(Answer("COUNT GROUP BY g ORDER BY COUNT")));
    }

    [Fact]
    public void ASingleRowIsCompared()
    {
        var answer = Answer("COUNT, AVG(none) FORMULA twice AS \"COUNT * 2\"");
        Assert.Equal("6 - 12", string.Join(' ', answer.Results[0].Cells.Select(Text)));
        Assert.Equal("7 - 14", string.Join(' ', answer.Results[0].Before!.Select(Text)));
        Assert.Equal("@0 2; @10 5", string.Join("; ", answer.Compare!.Series.Select(point => $"@{point.TimeNs / Second} {Text(point.Rows[0].Cells[0])}")));
        Assert.Equal((1, null, null), (answer.Compare.Results.Count, answer.Compare.Total, answer.Compare.Other));
    }

    [Fact]
    public void PartsThatAreNotWantedAreNotInTheComparisonEither()
    {
        var compare = Answer("COUNT GROUP BY g LIMIT 1", new() { Series = false, Total = false, Other = false }).Compare!;
        Assert.Equal((2, 0, null, null), (compare.Results.Count, compare.Series.Count, compare.Total, compare.Other));
    }

    private static QueryAnswer Answer(string query, AnswerParts? parts = null)
    {
        var spec = QueryText.Parse(query + " SINCE 1970-01-01T00:30:00Z UNTIL 1970-01-01T00:30:20Z EVERY 10s COMPARE 30m").Value;
        var time = QueryTime.Resolve(spec, 0).Value;
        var batch = new EventBatch(
            [.. Events.Select(e => e.Second * Second)], null, new int[Events.Length], Utf8Strings.From(["d"]),
            [new("g", ColumnVector.OfText(Events.Length, null, Utf8Strings.From([.. Events.Select(e => e.Group)])))]);
        PartialResult Scan(ResolvedTime range) => PartialResultState.Scan(new LeafPlan("d", spec, range), [batch]);
        var receipt = new Receipt { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] };
        return AnswerBuilder.Build(Scan(time), receipt, parts, Scan(time.Earlier(1800)));
    }

    private static string Rows(QueryAnswer answer) => string.Join(", ", answer.Results.Select(row => $"{row.Group[0]} {Pair(row)}")
        .Concat(answer.Total is { } total ? [$"total {Pair(total)}"] : []).Concat(answer.Other is { } other ? [$"other {Pair(other)}"] : []));

    private static string Pair(AnswerRow row) => $"{Text(row.Cells[0])}<{Text(row.Before![0])}";

    private static string Plain(IEnumerable<AnswerRow> rows) => string.Join(", ", rows.Select(row => $"{row.Group[0]} {Text(row.Cells[0])}"));

    private static string Series(IEnumerable<AnswerPoint> points) => string.Join("; ", points.Select(point => $"@{point.TimeNs / Second} {Plain(point.Rows)}"));

    private static string Text(AnswerCell cell) => cell.Value.Kind == FieldKind.Absent ? "-" : cell.Value.AsDouble.ToString("G10", CultureInfo.InvariantCulture);
}
