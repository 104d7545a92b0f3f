using System.Globalization;
using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Oracle;

namespace StreamObserve.Core.Tests.Querying.Golden;

/// <summary>
/// The files of tests/golden: a line <c>&gt; query</c>, or <c>&gt; [dataset] query</c>, then its answer. Files whose name begins with <c>odd</c> are about
/// <see cref="GoldenData.Odd"/>, the others about <see cref="GoldenData.Shop"/>. Each is answered in every form that a leaf holds events in, and must also be what the oracle says.
/// <c>STREAMOBSERVE_WRITE_GOLDEN=1</c> writes the answers anew, to be read before they are committed.
/// </summary>
public sealed class GoldenQueryTests
{
    private const string RangeDefault = " SINCE 2026-01-01T00:00:00Z UNTIL 2026-01-01T00:10:00Z";

    private static readonly Lazy<LeafForms> ShopForms = new(() => new LeafForms(GoldenData.Shop(), 50, 2, "service.name", "name"));
    private static readonly Lazy<LeafForms> OddForms = new(() => new LeafForms(GoldenData.Odd(), 20, 2, "service.name", "mixed"));

    public static TheoryData<string, int> Queries()
    {
        var data = new TheoryData<string, int>();
        foreach (var file in Directory.GetFiles(Folder(), "*.txt").Order(StringComparer.Ordinal))
        {
            for (var i = 0; i < Read(file).Count; i++)
            {
                data.Add(Path.GetFileName(file), i);
            }
        }

        return data;
    }

    [Fact]
    public void ThereAreAHundredAndFiftyOfThem() => Assert.True(Queries().Count >= 150, $"there are {Queries().Count}");

    [Theory]
    [MemberData(nameof(Queries))]
    public void TheAnswerIsTheGoldenOne(string file, int index)
    {
        var path = Path.Combine(Folder(), file);
        var (line, expected) = Read(path)[index];
        var (dataset, query) = line.StartsWith('[') ? (line[1..line.IndexOf(']', StringComparison.Ordinal)], line[(line.IndexOf(']', StringComparison.Ordinal) + 1)..]) : (LeafPlan.AllDatasets, line);
        var parsed = QueryText.Parse(query.Contains("SINCE", StringComparison.Ordinal) ? query : query + RangeDefault);
        Assert.True(parsed.Ok, string.Join("; ", parsed.Errors));
        var plan = new LeafPlan(dataset, parsed.Value, QueryTime.Resolve(parsed.Value, EventMaker.StartNs).Value);
        var forms = (file.StartsWith("odd", StringComparison.Ordinal) ? OddForms : ShopForms).Value;
        var oracle = new OracleQuery(dataset, plan.Spec, plan.Time, forms.Rows);
        var hasStep = plan.Spec.GranularitySeconds is not null;
        var countsDistinct = plan.Spec.Calculations.Any(c => c.Op == CalculationOp.CountDistinct);
        foreach (var (form, answer) in forms.Answer(plan))
        {
            OracleAssert.Answers(oracle, answer);
            if (Environment.GetEnvironmentVariable("STREAMOBSERVE_WRITE_GOLDEN") == "1" && form == "batches")
            {
                expected = Text(answer, hasStep);
                Write(path, index, line, expected);
            }

            // Sketches of distinct counts that aggregates keep give numbers of their own.
            if (!(countsDistinct && form.EndsWith("aggregates", StringComparison.Ordinal)))
            {
                Assert.Equal(expected, Text(answer, hasStep));
            }
        }
    }

    private static string Text(QueryAnswer answer, bool hasStep)
    {
        var text = new StringBuilder();
        text.AppendJoin(" | ", answer.Breakdowns.Concat(answer.Calculations.Zip(answer.Labels, (key, label) => $"{key}:{label.Kind}"))).Append('\n');
        AppendRows(text, answer.Results, answer.Total, answer.Other);
        if (hasStep)
        {
            AppendSeries(text, answer.Series);
        }

        if (answer.Compare is { } compare)
        {
            text.Append("earlier\n");
            AppendRows(text, compare.Results, compare.Total, compare.Other);
            if (hasStep)
            {
                AppendSeries(text, compare.Series);
            }
        }

        return text.ToString();
    }

    private static void AppendRows(StringBuilder text, IReadOnlyList<AnswerRow> rows, AnswerRow? total, AnswerRow? other)
    {
        foreach (var row in rows)
        {
            text.Append(Row(row)).Append('\n');
        }

        text.Append(total is null ? "" : $"total {Row(total)}\n").Append(other is null ? "" : $"other {Row(other)}\n");
    }

    private static void AppendSeries(StringBuilder text, IReadOnlyList<AnswerPoint> series)
    {
        foreach (var point in series)
        {
            text.Append('@').Append(EventTime.Format(point.TimeNs)).Append(' ').AppendJoin(" ; ", point.Rows.Select(Row)).Append('\n');
        }
    }

    /// <summary>A row's group and cells; behind &lt; its cells in the earlier range.</summary>
    private static string Row(AnswerRow row) =>
        string.Join(" | ", row.Group.Select(Value).Concat(row.Cells.Select(Cell))) + (row.Before is { } before ? $" < {string.Join(" | ", before.Select(Cell))}" : "");

    /// <summary>A group's value; text that could be taken for something else in quotes.</summary>
    private static string Value(FieldValue value) => value.Kind switch
    {
        FieldKind.Absent => "-",
        FieldKind.String when value.AsString.Length == 0 || value.AsString.AsSpan().IndexOfAny("\n\"|") >= 0 || char.IsWhiteSpace(value.AsString[0]) || IsAmbiguous(value.AsString) =>
            '"' + value.AsString.Replace("\n", "\\n", StringComparison.Ordinal) + '"',
        _ => value.ToString(),
    };

    private static bool IsAmbiguous(string text) => text is "true" or "false" or "-" || double.TryParse(text, CultureInfo.InvariantCulture, out _);

    private static string Cell(AnswerCell cell) => cell.Heatmap is { } heatmap
        ? string.Join(' ', heatmap.Select(b => string.Create(CultureInfo.InvariantCulture, $"{b.Min:G5}..{b.Max:G5}:{b.Count:G10}")))
        : cell.Value.Kind switch { FieldKind.Absent => "-", FieldKind.String => cell.Value.AsString, _ => cell.Value.AsDouble.ToString("G10", CultureInfo.InvariantCulture) };

    private static string Folder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Directory.Exists(Path.Combine(folder.FullName, "tests", "golden")))
            {
                return Path.Combine(folder.FullName, "tests", "golden");
            }
        }

        throw new DirectoryNotFoundException("tests/golden above the test executable");
    }

    private static List<(string Query, string Answer)> Read(string file)
    {
        var cases = new List<(string, string)>();
        foreach (var line in File.ReadAllLines(file))
        {
            if (line.StartsWith("> ", StringComparison.Ordinal))
            {
                cases.Add((line[2..], ""));
            }
            else if (cases.Count > 0 && line.Length > 0)
            {
                cases[^1] = (cases[^1].Item1, cases[^1].Item2 + line + "\n");
            }
        }

        return cases;
    }

    private static void Write(string file, int index, string query, string answer)
    {
        var cases = Read(file);
        cases[index] = (query, answer);
        File.WriteAllText(file, string.Join('\n', cases.Select(c => $"> {c.Query}\n{c.Answer}")));
    }
}
