using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class GroupPurgeTests
{
    private static readonly ResolvedTime Time = new(0, 60_000_000_000, 60);

    [Fact]
    public void BoundsOfKeptAndLeftOutGroupsHoldOverSegmentsAndLeaves() =>
        Gen.Select(Gen.Int[0, 300].Select(Gen.Int[1, 12], (value, power) => value / power).Array[1, 120].List[1, 12], Gen.Int[4, 40], Gen.Int[1, 3]).Sample((segments, groupsMax, leaves) =>
        {
            var plan = Plan(10_000);
            var truth = segments.SelectMany(values => values).GroupBy(value => value).ToDictionary(group => (long)group.Key, group => group.Count());
            var merged = new PartialResult(plan);
            for (var leaf = 0; leaf < leaves; leaf++)
            {
                var result = new PartialResult(plan);
                var scan = new RowScan(plan, result);
                for (var i = leaf; i < segments.Count; i += leaves)
                {
                    scan.Add(Segment(segments[i]), 0, Time.EndNs);
                    result.Purge(groupsMax);
                }

                var writer = new ByteWriter();
                result.Export(writer);
                merged.Import(writer.Written);
                merged.Purge(groupsMax);
            }

            var answer = Answers.Build(merged);
            Assert.True(merged.Groups <= groupsMax + 1);
            Assert.Equal(truth.Values.Sum(), answer.Total!.Cells[0].Value.AsDouble);
            Assert.Equal(NumberLabel.Exact, answer.Total.Cells[0].Label);
            foreach (var row in answer.Results)
            {
                var count = row.Cells[0].Value.AsDouble;
                var label = row.Cells[0].Label;
                var most = label.Kind == LabelKind.Exact ? count : label.IntervalHigh!.Value;
                Assert.InRange(truth[row.Group[0].AsInteger], count, most);
                Assert.True(label.Kind == LabelKind.Exact || Math.Abs((label.Bound!.Value * count) - (most - count)) < 1e-6);
            }

            var there = answer.Results.Select(row => row.Group[0].AsInteger).ToHashSet();
            Assert.All(truth.Where(pair => !there.Contains(pair.Key)), pair => Assert.True(pair.Value <= answer.Receipt.GroupsLeftOutMax));
            Assert.Equal(there.Count == truth.Count, answer.Other is null);
            if (answer.Other is { } other)
            {
                Assert.Equal(truth.Values.Sum() - answer.Results.Sum(row => row.Cells[0].Value.AsDouble), other.Cells[0].Value.AsDouble);
            }
        }, iter: 200);

    [Theory]
    [InlineData(null)]
    [InlineData(6 << 20)]
    public void AMillionValuesKeepTheHeavyOnesExactlyAndSayWhatWasLeftOut(int? memoryBytes)
    {
        var plan = Plan(20);
        using var memory = memoryBytes is { } bytes ? new QueryMemory(bytes).Lease() : null;
        var result = new PartialResult(plan) { Memory = memory };
        var scan = new RowScan(plan, result);
        var random = new Random(1);
        var counts = new int[20];
        var next = 1_000;
        for (var segment = 0; segment < 32; segment++)
        {
            var values = new int[32_768];
            for (var row = 0; row < values.Length; row++)
            {
                var heavy = random.Next(400);
                values[row] = heavy < counts.Length ? heavy : next++;
                if (heavy < counts.Length)
                {
                    counts[heavy]++;
                }
            }

            scan.Add(Segment(values), 0, Time.EndNs);
            Assert.True(result.Groups <= ExecutionLimits.GroupsMax + values.Length);
            Assert.True(result.MemoryBytes <= (memoryBytes ?? long.MaxValue));
        }

        var answer = Answers.Build(result);
        Assert.InRange(answer.Receipt.GroupsLeftOutMax, 1, memoryBytes is null ? 30 : 100);
        Assert.Equal(counts.Order(), answer.Results.Select(row => (int)row.Cells[0].Value.AsInteger).Order());
        Assert.All(answer.Results, row => Assert.Equal(NumberLabel.Exact, row.Cells[0].Label));
        Assert.Equal(32 * 32_768, answer.Total!.Cells[0].Value.AsDouble);
        Assert.Equal(NumberLabel.Exact, answer.Other!.Cells[0].Label);
    }

    [Fact]
    public void OtherCalculationsOfAGroupThatWasAwayAreBoundsToo()
    {
        var spec = new QuerySpec
        {
            Breakdowns = ["v"],
            Calculations = [Calculation.Count, new(CalculationOp.Sum, "v"), new(CalculationOp.Min, "v"), new(CalculationOp.Max, "v"), new(CalculationOp.P50, "v"), new(CalculationOp.CountDistinct, "v")],
        };
        var plan = new LeafPlan("d", spec, Time);
        var result = new PartialResult(plan);
        var scan = new RowScan(plan, result);
        scan.Add(Segment([1, 1, 2, 3]), 0, Time.EndNs);
        result.Purge(2);
        scan.Add(Segment([2, 2]), 0, Time.EndNs);
        var rows = Answers.Build(result).Results;
        Assert.Equal([LabelKind.Bounded, LabelKind.Estimated, LabelKind.AtMost, LabelKind.AtLeast, LabelKind.Estimated, LabelKind.AtLeast],
            rows.Single(row => row.Group[0].AsInteger == 2).Cells.Select(cell => cell.Label.Kind));
        Assert.Equal(new NumberLabel(LabelKind.Bounded, 0.5, 2, 3), rows.Single(row => row.Group[0].AsInteger == 2).Cells[0].Label);
        Assert.Equal(LabelKind.AtMost, Answers.Build(result).Other!.Cells[0].Label.Kind);
        Assert.All(rows.Single(row => row.Group[0].AsInteger == 1).Cells.Take(4), cell => Assert.Equal(NumberLabel.Exact, cell.Label));
    }

    private static LeafPlan Plan(int limit) => new("d", new QuerySpec { Breakdowns = ["v"], Calculations = [Calculation.Count], Limit = limit }, Time);

    private static EventBatch Segment(int[] values) => new(
        [.. values.Select(_ => 1L)], null, new int[values.Length], Utf8Strings.From(["d"]),
        [new("v", ColumnVector.OfIntegers(values.Length, null, [.. values.Select(value => (long)value)]))]);
}
