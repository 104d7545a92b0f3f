using System.Globalization;
using System.Text;
using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Tests.Aggregation;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Golden;

/// <summary>
/// The files of tests/golden: a line <c>&gt; query</c>, then its answer. Each is answered by one leaf, by three, from a block, from aggregates where they can, and event
/// by event. <c>STREAMOBSERVE_WRITE_GOLDEN=1</c> writes the answers anew, to be read before they are committed.
/// </summary>
public sealed class GoldenQueryTests
{
    private static readonly Lazy<List<ModelEvent>> Events = new(ShopEvents);

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
    public void ThereAreFortyOfThem() => Assert.True(Queries().Count >= 40);

    [Theory]
    [MemberData(nameof(Queries))]
    public void TheAnswerIsTheGoldenOne(string file, int index)
    {
        var path = Path.Combine(Folder(), file);
        var (query, expected) = Read(path)[index];
        var parsed = QueryText.Parse(query.Contains("SINCE", StringComparison.Ordinal) ? query : query + " SINCE 2026-01-01T00:00:00Z UNTIL 2026-01-01T00:10:00Z");
        Assert.True(parsed.Ok, string.Join("; ", parsed.Errors));
        var plan = new LeafPlan(LeafPlan.AllDatasets, parsed.Value, QueryTime.Resolve(parsed.Value, EventMaker.StartNs).Value);
        var reference = Answer(ReferenceScan.Of(plan, Events.Value));
        if (Environment.GetEnvironmentVariable("STREAMOBSERVE_WRITE_GOLDEN") == "1")
        {
            Write(path, index, query, reference);
            expected = reference;
        }

        Assert.Equal(expected, reference);
        var batches = Batches.Of(Events.Value, 1, 50)[0];
        Assert.Equal(expected, Answer(PartialResultState.Scan(plan, batches)));
        Assert.Equal(expected, Answer(PartialResultState.Scan(plan, [Batches.Seal(batches)])));
        var three = new PartialResult(plan);
        foreach (var leaf in Batches.Of(Events.Value, 3, 50))
        {
            var writer = new ByteWriter();
            PartialResultState.Scan(plan, leaf).Export(writer);
            three.Import(writer.Written);
        }

        Assert.Equal(expected, Answer(three));
        if (FromAggregates(plan, batches) is { } aggregated)
        {
            Assert.Equal(expected, Answer(aggregated));
        }
    }

    private static PartialResult? FromAggregates(LeafPlan plan, List<EventBatch> batches)
    {
        var store = new Folds(["service.name", "name"]);
        foreach (var chunk in batches.Chunk(2))
        {
            store.Fold(chunk);
        }

        if (AggregateScan.TryMake(plan, store.Directories, out _) is not { } scan
            || plan.Time.StartNs % (scan.SlotSeconds * 1_000_000_000L) != 0 || plan.Time.EndNs % (scan.SlotSeconds * 1_000_000_000L) != 0
            || plan.Spec.Calculations.Any(c => c.Op == CalculationOp.CountDistinct && !plan.Spec.Breakdowns.Contains(c.Column!)))
        {
            return null;
        }

        var result = new PartialResult(plan);
        foreach (var fold in store.Directories)
        {
            scan.Add(fold, store, result, plan.Time.StartNs, plan.Time.EndNs);
        }

        return result;
    }

    private static string Answer(PartialResult result)
    {
        var answer = AnswerBuilder.Build(result, new() { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] });
        var text = new StringBuilder();
        text.AppendJoin(" | ", answer.Breakdowns.Concat(answer.Calculations.Zip(answer.Labels, (key, label) => $"{key}:{label.Kind}"))).Append('\n');
        foreach (var row in answer.Results)
        {
            text.Append(Row(row)).Append('\n');
        }

        text.Append(answer.Total is { } total ? $"total {Row(total)}\n" : "").Append(answer.Other is { } other ? $"other {Row(other)}\n" : "");
        if (result.Plan.Spec.GranularitySeconds is not null)
        {
            foreach (var point in answer.Series)
            {
                text.Append('@').Append(EventTime.Format(point.TimeNs)).Append(' ').AppendJoin(" ; ", point.Rows.Select(Row)).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Row(AnswerRow row) => string.Join(" | ", row.Group.Select(v => v.Kind == FieldKind.Absent ? "-" : v.ToString()).Concat(row.Cells.Select(Cell)));

    private static string Cell(AnswerCell cell) => cell.Heatmap is { } heatmap
        ? string.Join(' ', heatmap.Select(b => string.Create(CultureInfo.InvariantCulture, $"[{b.Min:G5},{b.Max:G5}):{b.Count:G10}")))
        : cell.Value.Kind switch { FieldKind.Absent => "-", FieldKind.String => cell.Value.AsString, _ => cell.Value.AsDouble.ToString("G10", CultureInfo.InvariantCulture) };

    /// <summary>Ten minutes of a small shop: an event every two seconds, every seventh standing for four.</summary>
    private static List<ModelEvent> ShopEvents() => [.. Enumerable.Range(0, 300).Select(i =>
    {
        var fields = new Dictionary<string, FieldValue>
        {
            ["service.name"] = FieldValue.Of(((string[])["web", "cart", "payment"])[i % 3]),
            ["name"] = FieldValue.Of($"GET /{(char)('a' + (i * 7 % 5))}"),
            ["duration_ms"] = i % 4 == 0 ? FieldValue.Of(i * 37 % 101L) : FieldValue.Of((i * 53 % 211) + 0.5),
            ["status"] = FieldValue.Of(i % 10 == 3 ? 500L : i % 8 == 1 ? 404L : 200L),
            ["trace.trace_id"] = FieldValue.Of((i / 4).ToString("x32", CultureInfo.InvariantCulture)),
            ["balance"] = FieldValue.Of((i * 29L % 61) - 30),
        };
        fields["trace.span_id"] = FieldValue.Of(i.ToString("x16", CultureInfo.InvariantCulture));
        if (i % 4 != 0)
        {
            fields["trace.parent_id"] = FieldValue.Of((i % 4 == 3 ? i - 1 : i / 4 * 4).ToString("x16", CultureInfo.InvariantCulture));
        }

        if (i % 10 == 3)
        {
            fields["error"] = FieldValue.Of(true);
            fields["message"] = FieldValue.Of(i % 20 == 3 ? "timeout, \"slow\" naïve 漢" : "refused");
        }

        if (i % 2 == 0)
        {
            fields["user"] = FieldValue.Of($"user-{i % 23}");
        }

        var weight = i % 7 == 6 ? 4 : 1;
        var timeNs = EventMaker.StartNs + (i * 2_000_000_000L);
        var json = string.Join(',', fields.Select(f => $"{System.Text.Json.JsonSerializer.Serialize(f.Key)}:{(f.Value.Kind == FieldKind.String ? System.Text.Json.JsonSerializer.Serialize(f.Value.AsString) : f.Value.ToString())}"));
        return new ModelEvent(fields["service.name"].AsString, timeNs, weight, fields, $"{{\"time\":{timeNs},\"samplerate\":{weight},{json}}}");
    })];

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
