using System.Globalization;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sketches;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Variance;

public sealed class SampledLabelTests
{
    private static readonly CalculationOp[] Ops = [CalculationOp.Count, CalculationOp.Sum, CalculationOp.Avg, CalculationOp.Max, CalculationOp.P50, CalculationOp.Heatmap];

    [Fact]
    public void ATracesRowsComeTogetherAcrossSegmentsAndKindsOfColumns()
    {
        // 64 traces of three rows: in one segment, and each row of a trace in a segment of its own that holds the ids in another way.
        var rows = Enumerable.Range(0, 192).Select(i => new Row(i % 64, 8, 1 + (i % 7), "a")).ToList();
        var together = Labels(["g"], Segment(rows, 0));
        var apart = Labels(["g"], Segment(rows.GetRange(0, 64), 0), Segment(rows.GetRange(64, 64), 1), Segment(rows.GetRange(128, 64), 2));
        Assert.Equal(together, apart);
        Assert.All([0, 1, 2, 4], i => Assert.NotNull(together[i].IntervalHigh));

        // As units of their own the same rows would look three times as certain.
        var alone = Labels(["g"], Segment(rows.ConvertAll(row => row with { Trace = -1 }), 0));
        Assert.InRange(Width(together[0]) / Width(alone[0]), 1.5, 2.1);
    }

    [Fact]
    public void RowsThatWereSureToBeKeptBoundTheTruthFromBelowAndSayNothingOfWhatWasNot()
    {
        var rows = Enumerable.Range(0, 60).Select(i => new Row(i, i < 40 ? 10 : 1, i, i < 40 ? "sampled" : "sure")).ToList();
        var answer = Answers.Build(Scan(Plan(["g"]), Segment(rows, 0)));
        var sure = answer.Results.Single(row => row.Group[0].AsString == "sure");
        Assert.Equal(
            [LabelKind.AtLeast, LabelKind.AtLeast, LabelKind.Estimated, LabelKind.AtLeast, LabelKind.Estimated, LabelKind.Estimated], sure.Cells.Select(cell => cell.Label.Kind));
        Assert.All(sure.Cells, cell => Assert.Null(cell.Label.IntervalLow));

        var sampled = answer.Results.Single(row => row.Group[0].AsString == "sampled");
        Assert.Equal(
            [LabelKind.Estimated, LabelKind.Estimated, LabelKind.Estimated, LabelKind.AtLeast, LabelKind.Estimated, LabelKind.Estimated],
            sampled.Cells.Select(cell => cell.Label.Kind));

        // What is sure shifts the total's interval and does not widen it.
        var (part, total) = (sampled.Cells[0].Label, answer.Total!.Cells[0].Label);
        Assert.Equal(part.IntervalLow!.Value + 20, total.IntervalLow!.Value, 1e-6);
        Assert.Equal(part.IntervalHigh!.Value + 20, total.IntervalHigh!.Value, 1e-6);
        Assert.Equal(new NumberLabel(LabelKind.Estimated), answer.Labels[0]);
    }

    [Fact]
    public void GroupsKeepTheirIntervalsWhenOthersAreLeftOut()
    {
        // One part as the scan left it, one as another node wrote it; the groups that stay get other numbers.
        var light = Enumerable.Range(0, 6).Select(i => new Row(100 + i, 2, i, $"light-{i}"));
        var some = Enumerable.Range(0, 40).Select(i => new Row(i, 10, i * i, "wide"));
        var others = Enumerable.Range(0, 40).Select(i => new Row(50 + i, 3, i, "narrow"));
        var rows = light.Concat(some).Concat(others).ToList();
        var all = Merged(100);
        var few = Merged(5);
        Assert.Equal(2, few.Results.Count(row => row.Group[0].AsString is "wide" or "narrow"));
        foreach (var row in few.Results)
        {
            Assert.Equal(all.Results.Single(other => other.Group[0].Equals(row.Group[0])).Cells.Select(cell => cell.Label), row.Cells.Select(cell => cell.Label));
        }

        QueryAnswer Merged(int groupsMax)
        {
            var bytes = new ByteWriter();
            Scan(Plan(["g"]), Segment(rows.Where((_, i) => i % 2 == 1).ToList(), 0)).Export(bytes);
            var result = new PartialResult(Plan(["g"]));
            result.Merge(Scan(Plan(["g"]), Segment(rows.Where((_, i) => i % 2 == 0).ToList(), 0)));
            result.Import(bytes.Written);
            result.Purge(groupsMax);
            return Answers.Build(result);
        }
    }

    [Fact]
    public void PointsOutsideTheSampledTimesAreExact()
    {
        var spec = new QuerySpec { Calculations = [.. Ops.Select(Calculation)] };
        var plan = new LeafPlan("shop", spec, new(0, 120_000_000_000, 60));
        var result = new PartialResult(plan);
        new RowScan(plan, result).Add(Segment([.. Enumerable.Range(0, 40).Select(i => new Row(i, 10, i, "a"))], 0), 0, 60_000_000_000);
        new RowScan(plan, result).Add(
            Segment([.. Enumerable.Range(0, 40).Select(i => new Row(i, 1, i, "a") { TimeNs = 90_000_000_000 })], 0), 60_000_000_000, 120_000_000_000);
        result.AddSampledTimes(5, 50_000_000_000);
        var answer = Answers.Build(result);

        Assert.All(answer.Series[0].Rows[0].Cells, cell => Assert.NotEqual(LabelKind.Exact, cell.Label.Kind));
        Assert.NotNull(answer.Series[0].Rows[0].Cells[0].Label.IntervalLow);
        var exact = NumberLabel.Exact;
        Assert.Equal([exact, exact, exact, exact, new(LabelKind.Bounded, LogBins.RelativeError), exact], answer.Series[1].Rows[0].Cells.Select(cell => cell.Label));
        Assert.All(answer.Results[0].Cells, cell => Assert.NotEqual(LabelKind.Exact, cell.Label.Kind));

        var elsewhere = new PartialResult(plan);
        elsewhere.Merge(result);
        Assert.Equal(answer.Series[1].Rows[0].Cells.Select(c => c.Label), Answers.Build(elsewhere).Series[1].Rows[0].Cells.Select(c => c.Label));
    }

    [Fact]
    public void ACountOfStoredRowsHasNoIntervalAndIsExact()
    {
        var plan = new LeafPlan("shop", new QuerySpec { UsageMode = true, Calculations = [.. Ops.Select(Calculation)] }, SampledTraces.Time);
        var answer = Answers.Build(Scan(plan, Segment([.. Enumerable.Range(0, 40).Select(i => new Row(i, 10, i, "a"))], 0)));
        Assert.Equal(40, answer.Results[0].Cells[0].Value.AsDouble);
        var exact = NumberLabel.Exact;
        Assert.Equal([exact, exact, exact, exact, new(LabelKind.Bounded, LogBins.RelativeError), exact], answer.Labels);
    }

    [Fact]
    public void RowsDroppedForGoodMakeTotalsLowerBoundsAndTakeTheIntervalsOfTheRest()
    {
        var result = Scan(Plan([]), Segment([.. Enumerable.Range(0, 40).Select(i => new Row(i, 10, i, "a"))], 0));
        result.HasUncountedDrops = true;
        var labels = Answers.Build(result).Labels;
        Assert.Equal(
            [LabelKind.AtLeast, LabelKind.AtLeast, LabelKind.Estimated, LabelKind.AtLeast, LabelKind.Estimated, LabelKind.AtLeast], labels.Select(label => label.Kind));
        Assert.NotNull(labels[0].IntervalLow);
        Assert.Null(labels[2].IntervalLow);
        Assert.Null(labels[4].IntervalLow);
    }

    [Fact]
    public void TheGroupsPastTheLimitHaveAnIntervalThatHolds()
    {
        var spec = new QuerySpec { Breakdowns = ["route"], Limit = 1, Calculations = [Calculation(CalculationOp.Count), Calculation(CalculationOp.Sum, "duration_ms")] };
        var plan = new LeafPlan("shop", spec, SampledTraces.Time);
        var traces = new SampledTraces(3, 420, 8, 4, 0.5);
        CalculationOp[] ops = [CalculationOp.Count, CalculationOp.Sum];
        double[][] truths = [traces.Truth(0, ops), traces.Truth(1, ops), traces.Truth(2, ops), traces.Truth(null, ops)];
        var random = new Random(3);
        int[] held = [0, 0];
        for (var sample = 0; sample < 400; sample++)
        {
            var answer = Answers.Build(traces.Scan(plan, random, 3));
            for (var i = 0; i < 2; i++)
            {
                var truth = truths[3][i] - truths[answer.Results[0].Group[0].AsString[0] - 'a'][i];
                var label = answer.Other!.Cells[i].Label;
                held[i] += label.IntervalLow <= truth && truth <= label.IntervalHigh ? 1 : 0;
                Assert.InRange(label.IntervalHigh!.Value / truth, 0.5, 5);
            }
        }

        Assert.All(held, count => Assert.InRange(count, 0.93 * 400, 400));
    }

    [Fact]
    public void MoreGroupsThanThereIsRoomForHaveNoIntervalsAndTheTotalHas()
    {
        var spec = new QuerySpec { Breakdowns = ["g"], Calculations = [Calculation(CalculationOp.Sum)], Limit = 1_000 };
        var rows = Enumerable.Range(0, 80_000).Select(i => new Row(i, 10, i + 1, i.ToString(CultureInfo.InvariantCulture))).ToList();
        var last = Answers.Build(Scan(new LeafPlan("shop", spec, SampledTraces.Time), Segment(rows, 0)));
        Assert.NotNull(last.Total!.Cells[0].Label.IntervalLow);
        Assert.All(last.Results, row => Assert.Equal(new NumberLabel(LabelKind.Estimated), row.Cells[0].Label));

        var ascending = spec with { Orders = [new(CalculationOp.Sum, "v", false)] };
        var first = Answers.Build(Scan(new LeafPlan("shop", ascending, SampledTraces.Time), Segment(rows, 0)));
        Assert.All(first.Results, row => Assert.NotNull(row.Cells[0].Label.IntervalLow));
    }

    [Fact]
    public void PartsOfOneScanPutATracesRowsTogetherWhenTheyAreMerged()
    {
        var plan = Plan(["g"]);
        var rows = Enumerable.Range(0, 192).Select(i => new Row(i % 64, 8, 1 + (i % 7), i % 3 == 0 ? "a" : "b")).ToList();
        var whole = Answers.Build(Scan(plan, Segment(rows, 0)));
        var parts = Scan(plan, Segment(rows.GetRange(100, 92), 0));
        parts.Merge(Scan(plan, Segment(rows.GetRange(0, 50), 0)));
        parts.Merge(Scan(plan, Segment(rows.GetRange(50, 50), 0)));
        var merged = Answers.Build(parts);
        foreach (var (expected, actual) in whole.Results.Append(whole.Total!).Zip(merged.Results.Append(merged.Total!)))
        {
            Assert.Equal(expected.Group, actual.Group);
            foreach (var (a, b) in expected.Cells.Zip(actual.Cells))
            {
                Assert.Equal(a.Label.IntervalLow ?? 0, b.Label.IntervalLow ?? 0, 1e-6);
                Assert.Equal(a.Label.IntervalHigh ?? 0, b.Label.IntervalHigh ?? 0, 1e-6);
            }
        }

        Assert.NotNull(merged.Total!.Cells[4].Label.IntervalHigh);
    }

    private static double Width(NumberLabel label) => label.IntervalHigh!.Value - label.IntervalLow!.Value;

    private static Calculation Calculation(CalculationOp op) => Calculation(op, "v");

    private static Calculation Calculation(CalculationOp op, string column) => new(op, op == CalculationOp.Count ? null : column);

    private static LeafPlan Plan(string[] breakdowns) => new("shop", new QuerySpec { Breakdowns = breakdowns, Calculations = [.. Ops.Select(Calculation)] }, SampledTraces.Time);

    private static NumberLabel[] Labels(string[] breakdowns, params EventBatch[] segments) =>
        [.. Answers.Build(Scan(Plan(breakdowns), segments)).Results[0].Cells.Select(cell => cell.Label)];

    private static PartialResult Scan(LeafPlan plan, params EventBatch[] segments)
    {
        var result = new PartialResult(plan);
        foreach (var segment in segments)
        {
            new RowScan(plan, result).Add(segment, 0, plan.Time.EndNs);
        }

        return result;
    }

    /// <summary>Rows as the trailing cursor leaves them; trace ids as hexadecimal bytes (0), text (1) or a dictionary (2). A trace below 0 is none.</summary>
    private static EventBatch Segment(List<Row> rows, int idKind)
    {
        string[] ids = [.. rows.Select(row => row.Trace < 0 ? "" : $"{row.Trace + 1:x32}")];
        string[] names = [.. rows.Select(row => row.Group).Distinct()];
        var numberOf = names.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        double[] rates = [.. rows.Select(row => row.Rate)];
        List<NamedColumn> columns =
        [
            new("v", ColumnVector.OfFloats(rows.Count, null, [.. rows.Select(row => row.Value)])),
            new("g", ColumnVector.OfDictionary(rows.Count, null, [.. rows.Select(row => numberOf[row.Group])], Utf8Strings.From(names))),
            new("meta.sample.rate", ColumnVector.OfFloats(rows.Count, null, rates)),
        ];
        if (ids.All(id => id.Length > 0))
        {
            columns.Add(new("trace.trace_id", idKind switch
            {
                0 => ColumnVector.OfHex(rows.Count, null, [.. ids.SelectMany(Convert.FromHexString)], 16),
                1 => ColumnVector.OfText(rows.Count, null, Utf8Strings.From(ids)),
                _ => ColumnVector.OfDictionary(rows.Count, null, [.. Enumerable.Range(0, rows.Count)], Utf8Strings.From(ids)),
            }));
        }

        return new([.. rows.Select(row => row.TimeNs)], rates, new int[rows.Count], Utf8Strings.From(["shop"]), columns, isSampled: true);
    }

    private sealed record Row(int Trace, double Rate, double Value, string Group)
    {
        public long TimeNs { get; init; } = 1_000_000_000;
    }
}
