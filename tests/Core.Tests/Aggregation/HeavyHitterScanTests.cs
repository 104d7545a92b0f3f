using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Aggregation;

public sealed class HeavyHitterScanTests(ITestOutputHelper output)
{
    private const long Minute = 60_000_000_000;
    private static readonly Utf8Strings Datasets = Utf8Strings.From(["shop", "other"]);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void CountsAreWithinTheirBoundsAndSoIsWhatIsLeftOut(int seed)
    {
        var random = new Random(seed);
        var rows = new List<Row>();
        var folds = new Folds([]);
        for (var fold = 0; fold < 9; fold++)
        {
            // The third fold has few values, the fourth none at all: a dimension there, and no field.
            var part = Rows(random, fold, 4_000, fold switch { 2 => 50, 3 => 0, _ => 100_000 }, false);
            rows.AddRange(part);
            folds.Fold([Batch(part.GetRange(0, 1_500)), Batch(part.GetRange(1_500, 2_500))]);
        }

        Check(rows, folds);
        folds.MergeFirst(6);
        Check(rows, folds);
        folds.MergeFirst(3);
        Check(rows, folds);
    }

    [Fact]
    public void WhatHeavyValuesCannotAnswerIsRefusedWithTheReason()
    {
        var folds = new Folds([]);
        folds.Fold([Batch(Rows(new Random(1), 0, 4_000, 100_000, false))]);
        Assert.NotNull(HeavyHitterScan.TryMake(Plan("__all__", [Calculation.Count]), folds.Directories, out _));
        Assert.Null(HeavyHitterScan.TryMake(Plan("__all__", [new(CalculationOp.Sum, "v")]), folds.Directories, out var reason));
        Assert.NotEqual("", reason);
        Assert.Null(HeavyHitterScan.TryMake(Plan("__all__", [Calculation.Count], new Condition.Match("user", FilterOp.Equal, [FieldValue.Of("u1")])), folds.Directories, out _));
        Assert.Null(HeavyHitterScan.TryMake(Plan("__all__", [Calculation.Count], step: 10), folds.Directories, out reason));
        Assert.Contains("60 s", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void WeightedEventsHaveNoHeavyValues()
    {
        var folds = new Folds([]);
        folds.Fold([Batch(Rows(new Random(1), 0, 4_000, 100_000, true))]);
        Assert.Null(HeavyHitterScan.TryMake(Plan("__all__", [Calculation.Count]), folds.Directories, out var reason));
        Assert.Contains("user", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void HeavyValuesTakeLittleRoom()
    {
        var folds = new Folds([]);
        var rows = Rows(new Random(4), 0, 32_768, 10_000_000, false);
        folds.Fold([Batch(rows)]);
        var directory = folds.Directories[0];
        var at = directory.FindHeavyHitters("user");
        var bytes = folds.Bytes(directory, at).Length;
        output.WriteLine($"{bytes} bytes for {rows.Count} rows");
        Assert.InRange(bytes, 1, rows.Count / 8);
        Assert.InRange(folds.HeavyHitters(directory, at).LeftOutMax, 1, AggregationLimits.HeavyRowsMin * 2);
    }

    private static void Check(List<Row> rows, Folds folds)
    {
        foreach (var dataset in (string[])["__all__", "shop"])
        {
            foreach (var (from, to) in ((int, int)[])[(0, 60), (2, 5)])
            {
                var plan = Plan(dataset, [Calculation.Count], limit: 1_000);
                var scan = HeavyHitterScan.TryMake(plan, folds.Directories, out var reason);
                Assert.True(scan is not null, reason);
                var result = new PartialResult(plan);
                foreach (var fold in folds.Directories)
                {
                    scan.Add(fold, folds, result, from * Minute, to * Minute);
                }

                var matching = rows.Where(row => row.TimeNs >= from * Minute && row.TimeNs < to * Minute && (dataset == "__all__" || row.Dataset == 0)).ToList();
                var truth = matching.GroupBy(row => row.User ?? "").ToDictionary(group => group.Key, group => group.Sum(row => row.Weight));
                var answer = Answers.Build(result);
                Assert.Equal(matching.Sum(row => row.Weight), answer.Total!.Cells[0].Value.AsDouble, 1e-6);
                foreach (var row in answer.Results)
                {
                    var count = row.Cells[0].Value.AsDouble;
                    var label = row.Cells[0].Label;
                    var name = row.Group[0].Kind == FieldKind.Absent ? "" : row.Group[0].AsString;
                    Assert.InRange(truth[name], count - 1e-6, (label.Kind == LabelKind.Exact ? count : label.IntervalHigh!.Value) + 1e-6);
                }

                var there = answer.Results.Select(row => row.Group[0].Kind == FieldKind.Absent ? "" : row.Group[0].AsString).ToHashSet();
                Assert.All(truth.Where(pair => !there.Contains(pair.Key)), pair => Assert.True(pair.Value <= answer.Receipt.GroupsLeftOutMax, pair.Key));
                Assert.True(HeavyHitterScan.IsWorthwhile(result));
                Assert.Superset(new HashSet<string> { "", "u0", "u1", "u2" }, there);
            }
        }
    }

    private static LeafPlan Plan(string dataset, Calculation[] calculations, Condition? where = null, int limit = 100, int step = 3_600) =>
        new(dataset, new QuerySpec { Breakdowns = ["user"], Calculations = calculations, Where = where, Limit = limit }, new(0, 60 * Minute, step));

    /// <summary>Five heavy users, some less heavy ones, and as many others as wanted; each fifth row has none.</summary>
    private static List<Row> Rows(Random random, int fold, int count, int others, bool weighted)
    {
        var rows = new List<Row>();
        for (var i = 0; i < count; i++)
        {
            var user = others == 0 || random.Next(5) == 0 ? null : random.Next(10) switch { < 3 => $"u{random.Next(5)}", 3 => $"u{random.Next(200)}", _ => $"x{random.Next(others)}" };
            rows.Add(new(((fold / 2 * 60L) + random.Next(90)) * 1_000_000_000, random.Next(3) / 2, user, weighted && random.Next(4) == 0 ? 2.5 : 1));
        }

        return rows;
    }

    private static EventBatch Batch(List<Row> rows)
    {
        var presence = new ulong[(rows.Count + 63) >> 6];
        for (var i = 0; i < rows.Count; i++)
        {
            presence[i >> 6] |= rows[i].User is null ? 0 : 1UL << (i & 63);
        }

        string[] users = [.. rows.Where(row => row.User is not null).Select(row => row.User!)];
        List<NamedColumn> columns = users.Length == 0 ? [] : [new("user", ColumnVector.OfText(rows.Count, presence, Utf8Strings.From(users)))];
        double[]? weights = rows.TrueForAll(row => row.Weight == 1) ? null : [.. rows.Select(row => row.Weight)];
        return new([.. rows.Select(row => row.TimeNs)], weights, [.. rows.Select(row => row.Dataset)], Datasets, columns);
    }

    private sealed record Row(long TimeNs, int Dataset, string? User, double Weight);
}
