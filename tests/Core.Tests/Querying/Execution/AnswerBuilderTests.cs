using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class AnswerBuilderTests
{
    private static readonly ResolvedTime Time = new(0, 60_000_000_000, 60);

    [Fact]
    public void AHeatmapsCellsSumToTheCount()
    {
        var events = new EventMaker(3).Many(200).FindAll(e => e["duration_ms"].IsNumber);
        var spec = new QuerySpec { Calculations = [Calculation.Count, new(CalculationOp.Heatmap, "duration_ms"), new(CalculationOp.Heatmap, "size")] };
        var time = new ResolvedTime(EventMaker.StartNs, EventMaker.StartNs + 601_000_000_000, 3600);
        var answer = Build(PartialResultState.Scan(new LeafPlan(LeafPlan.AllDatasets, spec, time), Batches.Of(events)[0]));
        var cells = answer.Results[0].Cells;
        Assert.Equal(cells[0].Value.AsDouble, cells[1].Heatmap!.Sum(bucket => bucket.Count), 6);
        Assert.All(cells[1].Heatmap!.Zip(cells[1].Heatmap!.Skip(1)), pair => Assert.True(pair.First.Max <= pair.Second.Min));
        Assert.InRange(cells[2].Heatmap!.Count, 1, AnswerBuilder.HeatmapCellsMax + 1);
    }

    [Theory]
    [InlineData(false, false, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Bounded)]
    [InlineData(true, false, LabelKind.Estimated, LabelKind.Estimated, LabelKind.AtLeast, LabelKind.AtLeast, LabelKind.Estimated)]
    [InlineData(true, true, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Exact, LabelKind.Bounded)]
    public void LabelsSayWhatSamplingLeftOut(bool sampled, bool usage, LabelKind count, LabelKind sum, LabelKind max, LabelKind distinct, LabelKind quantile)
    {
        var spec = new QuerySpec
        {
            UsageMode = usage,
            Calculations = [Calculation.Count, new(CalculationOp.Sum, "v"), new(CalculationOp.Max, "v"), new(CalculationOp.CountDistinct, "v"), new(CalculationOp.P50, "v")],
        };
        var batch = new EventBatch([1, 2], [10, 10], [0, 0], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfIntegers(2, null, [3, 4]))], sampled);
        var answer = Build(PartialResultState.Scan(new LeafPlan("d", spec, Time), [batch]));
        Assert.Equal([count, sum, max, distinct, quantile], answer.Labels.Select(label => label.Kind));
        Assert.Equal(usage ? 2 : 20, answer.Results[0].Cells[0].Value.AsDouble);
        Assert.Equal(usage ? 7 : 70, answer.Results[0].Cells[1].Value.AsDouble);
    }

    [Fact]
    public void ASumPastTheRangeOfAFloatIsNoNumberAndNoFailure()
    {
        var spec = new QuerySpec { Calculations = [new(CalculationOp.Sum, "v"), new(CalculationOp.Avg, "v"), new(CalculationOp.Max, "v")] };
        var batch = new EventBatch([1, 2], null, [0, 0], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfFloats(2, null, [1.5e308, 1.5e308]))]);
        var cells = Build(PartialResultState.Scan(new LeafPlan("d", spec, Time), [batch])).Results[0].Cells;
        Assert.Equal([FieldKind.Absent, FieldKind.Absent, FieldKind.Float], cells.Select(cell => cell.Value.Kind));
    }

    [Fact]
    public void WhatIsAbsentComesLastEitherWay()
    {
        var batch = new EventBatch([1, 2, 3, 4], null, [0, 0, 0, 0], Utf8Strings.From(["d"]), [
            new("g", ColumnVector.OfIntegers(4, [0b0111], [1, 2, 3])), new("v", ColumnVector.OfIntegers(4, [0b1101], [5, 7, 6]))]);
        foreach (var (order, expected) in new (Order, string)[]
        {
            (new(CalculationOp.Max, "v", false), "1 - 3 2"), (new(CalculationOp.Max, "v", true), "3 - 1 2"), (new(null, "g", false), "1 2 3 -"), (new(null, "g", true), "3 2 1 -"),
        })
        {
            var spec = new QuerySpec { Breakdowns = ["g"], Calculations = [new(CalculationOp.Max, "v")], Orders = [order] };
            var answer = Build(PartialResultState.Scan(new LeafPlan("d", spec, Time), [batch]));
            Assert.Equal(expected, string.Join(' ', answer.Results.Select(row => row.Group[0].Kind == FieldKind.Absent ? "-" : row.Group[0].ToString())));
        }
    }

    [Fact]
    public void OfTwoCalculationsOfOneOperationOrdersAndHavingsTakeThePlainOneOrTheOneThatIsNamed()
    {
        var batch = new EventBatch([1, 2, 3], null, [0, 0, 0], Utf8Strings.From(["d"]), [new("g", ColumnVector.OfIntegers(3, null, [1, 2, 2])), new("bad", ColumnVector.OfIntegers(3, null, [1, 0, 0]))]);
        Assert.Equal("2 1", Groups("COUNT IF (bad = 1) AS errors, COUNT GROUP BY g ORDER BY COUNT DESC"));
        Assert.Equal("1 2", Groups("COUNT IF (bad = 1) AS errors, COUNT GROUP BY g ORDER BY errors DESC"));
        Assert.Equal("2", Groups("COUNT IF (bad = 1) AS errors, COUNT GROUP BY g HAVING COUNT > 1"));
        Assert.Equal("1", Groups("COUNT IF (bad = 1) AS errors, COUNT GROUP BY g HAVING errors > 0"));
        Assert.Equal("1", Groups("COUNT IF (bad = 1) AS errors, COUNT AS all GROUP BY g HAVING rate > 0.5 FORMULA rate AS \"errors / all\""));
        Assert.Equal("2 1", Groups("HEATMAP(bad) GROUP BY g"));

        string Groups(string text) => string.Join(' ', Build(PartialResultState.Scan(new LeafPlan("d", QueryText.Parse(text).Value, Time), [batch])).Results.Select(row => row.Group[0].ToString()));
    }

    [Fact]
    public void PartsCanBeLeftOut()
    {
        var batch = new EventBatch([1, 2, 3], null, [0, 0, 0], Utf8Strings.From(["d"]), [new("g", ColumnVector.OfIntegers(3, null, [1, 2, 2]))]);
        var result = PartialResultState.Scan(new LeafPlan("d", QueryText.Parse("COUNT GROUP BY g LIMIT 1").Value, Time), [batch]);
        var all = AnswerBuilder.Build(result, Receipt);
        Assert.Equal((1, 3.0, 1.0, true), (all.Series.Count, all.Total!.Cells[0].Value.AsDouble, all.Other!.Cells[0].Value.AsDouble, all.TotalSeries is null));
        var none = AnswerBuilder.Build(result, Receipt, new() { Series = false, Total = false, Other = false, TotalSeries = true });
        Assert.Equal((0, null, null, 1), (none.Series.Count, none.Total, none.Other, none.Results.Count));
        Assert.Equal(3, Assert.Single(Assert.Single(none.TotalSeries!).Rows).Cells[0].Value.AsDouble);
    }

    private static Receipt Receipt { get; } = new() { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] };

    private static QueryAnswer Build(PartialResult result) =>
        AnswerBuilder.Build(result, new() { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] });
}
