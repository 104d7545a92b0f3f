using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Execution;

/// <summary>The choice of groups against finishing every row and sorting them.</summary>
public sealed class GroupChoiceTests
{
    private const long Second = 1_000_000_000;

    // Calculations, havings and orders, each with the columns that the order goes by: -1 is the breakdown.
    private static readonly (string Text, (int Column, bool Descending)[] Order, Func<AnswerRow, bool>? Having)[] Questions =
    [
        ("COUNT GROUP BY g", [(0, true)], null),
        ("COUNT, COUNT_DISTINCT(v) GROUP BY g ORDER BY COUNT_DISTINCT(v)", [(1, false)], null),
        ("COUNT GROUP BY g ORDER BY g DESC", [(-1, true)], null),
        ("COUNT, MAX(v) GROUP BY g ORDER BY MAX(v) DESC, COUNT", [(1, true), (0, false)], null),
        ("AVG(v), COUNT GROUP BY g HAVING COUNT > 1 ORDER BY AVG(v)", [(0, false)], row => row.Cells[1].Value.AsDouble > 1),
        ("P50(v), MIN(v) GROUP BY g HAVING MIN(v) != 2", [(0, true)], row => row.Cells[1].Value is { IsNumber: true } min && min.AsDouble != 2),
        ("HEATMAP(v), SUM(v) GROUP BY g", [(1, true)], null),
        ("COUNT IF (v > 2) AS high, COUNT AS n GROUP BY g ORDER BY high DESC", [(0, true)], null),
        ("SUM(v) AS s, COUNT AS n GROUP BY g FORMULA mean AS \"s / n\" HAVING n < 9 ORDER BY mean", [(2, false)], row => row.Cells[1].Value.AsDouble < 9),
        ("COUNT, RATE_SUM(v) GROUP BY g ORDER BY RATE_SUM(v) DESC", [(1, true)], null),
        ("COUNT, CONCURRENCY GROUP BY g ORDER BY CONCURRENCY", [(1, false)], null),
    ];

    private static readonly Gen<(int Second, int Group, int Value, int Weight)[]> Rows =
        Gen.Select(Gen.Int[0, 39], Gen.Int[-1, 25], Gen.Int[-1, 6], Gen.Int[1, 3]).Array[1, 120];

    [Fact]
    public void ItIsAsIfAllRowsWereSorted() =>
        Gen.Select(Rows, Gen.Int[0, Questions.Length - 1], Gen.Int[1, 30], Gen.Bool, Gen.Int[0, 2]).Sample((rows, question, limit, isOneBucket, kind) =>
        {
            var (text, order, having) = Questions[question];
            var time = new ResolvedTime(0, 40 * Second, isOneBucket ? 40 : 10);
            PartialResult Scan(string of, int most)
            {
                var result = PartialResultState.Scan(new LeafPlan("d", QueryText.Parse($"{of} LIMIT {most}").Value, time), [Batch(rows, kind == 1)]);
                result.Purge(kind == 2 ? 12 : 1000);
                return result;
            }

            // Of the last kind some groups are in the overflow group.
            var where = having is null ? -1 : text.IndexOf(" HAVING", StringComparison.Ordinal);
            var unfiltered = Answers.Build(Scan(where < 0 ? text : text[..where], 1000)).Results;
            var expected = unfiltered.Where(row => having is null || having(row)).ToList();
            expected.Sort((a, b) => Compare(a, b, order));
            var answer = Answers.Build(Scan(text, limit));
            Assert.Equal(expected.Take(limit).Select(Text), answer.Results.Select(Text));
            Assert.Equal(expected.Take(limit).Select(row => row.Group[0]).ToHashSet(), answer.Series.SelectMany(point => point.Rows).Select(row => row.Group[0]).ToHashSet());

            // What is not shown is in the other row, the total has everything.
            var count = Array.FindIndex([.. new LeafPlan("d", QueryText.Parse(text).Value, time).Spec.Calculations], c => c is { Op: CalculationOp.Count, Filter: null });
            if (count >= 0 && having is null)
            {
                Assert.Equal(answer.Total!.Cells[count].Value.AsDouble, answer.Results.Sum(row => row.Cells[count].Value.AsDouble) + (answer.Other?.Cells[count].Value.AsDouble ?? 0));
            }
        }, iter: 600);

    private static EventBatch Batch((int Second, int Group, int Value, int Weight)[] rows, bool isSampled)
    {
        var ordered = rows.OrderBy(row => row.Second).ToArray();
        return new(
            [.. ordered.Select(row => row.Second * Second)], [.. ordered.Select(row => (double)row.Weight)], new int[ordered.Length], Utf8Strings.From(["d"]),
            [Column("g", [.. ordered.Select(row => row.Group)]), Column("v", [.. ordered.Select(row => row.Value)])], isSampled);
    }

    // Numbers below zero are absent.
    private static NamedColumn Column(string name, int[] values)
    {
        var bits = new ulong[(values.Length + 63) / 64];
        for (var i = 0; i < values.Length; i++)
        {
            bits[i / 64] |= values[i] >= 0 ? 1UL << (i % 64) : 0;
        }

        return new(name, ColumnVector.OfIntegers(values.Length, bits, [.. values.Where(value => value >= 0).Select(value => (long)value)]));
    }

    private static int Compare(AnswerRow a, AnswerRow b, (int Column, bool Descending)[] order)
    {
        foreach (var (column, descending) in order.Append((-1, false)))
        {
            FieldValue left = column < 0 ? a.Group[0] : a.Cells[column].Value, right = column < 0 ? b.Group[0] : b.Cells[column].Value;
            bool hasLeft = left.Kind != FieldKind.Absent, hasRight = right.Kind != FieldKind.Absent;
            var isTie = column < 0 && order[0].Column >= 0;
            var compared = hasLeft != hasRight ? (hasLeft == isTie ? 1 : -1) : left.CompareTo(right) * (descending ? -1 : 1);
            if (compared != 0)
            {
                return compared;
            }
        }

        return 0;
    }

    private static string Text(AnswerRow row) =>
        $"{row.Group[0].Kind} {row.Group[0]}: {string.Join(", ", row.Cells.Select(cell => $"{cell.Value.Kind} {cell.Value} {cell.Label} {string.Join(' ', cell.Heatmap ?? [])}"))}";
}
