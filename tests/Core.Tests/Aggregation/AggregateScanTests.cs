using CsCheck;
using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Aggregation;

public sealed class AggregateScanTests
{
    [Fact]
    public void AggregatesSayWhatTheRowsSay()
    {
        int answered = 0, asked = 0;
        Gen.Select(Gen.Int, Gen.Int[1, 300], Gen.Int[5, 200], Gen.Int[1, 3]).Sample((seed, count, perRecord, batchesPerFold) =>
        {
            var events = new EventMaker(seed).Many(count);
            var batches = Batches.Of(events, 1, perRecord)[0];
            var store = new Folds(["name", "status"]);
            foreach (var chunk in batches.Chunk(batchesPerFold))
            {
                store.Fold(chunk);
            }

            var queries = new QueryMaker(seed);
            for (var i = 0; i < 10; i++)
            {
                if (i == 5)
                {
                    store.MergeFirst(1 + ((seed & int.MaxValue) % store.Directories.Count));
                }

                var plan = queries.PlanForAggregates();
                Interlocked.Increment(ref asked);
                var scan = AggregateScan.TryMake(plan, store.Directories, out var reason);
                if (scan is null)
                {
                    Assert.NotEqual("", reason);
                    continue;
                }

                Assert.Equal(0, 60 % scan.SlotSeconds);
                Interlocked.Increment(ref answered);
                var fromAggregates = new PartialResult(plan);
                foreach (var fold in store.Directories)
                {
                    scan.Add(fold, store, fromAggregates, plan.Time.StartNs, plan.Time.EndNs);
                }

                var expected = ReferenceScan.Of(plan, events);
                PartialResultState.AssertSame(PartialResultState.Of(expected, false), PartialResultState.Of(fromAggregates, false));
                AssertDistincts(expected, fromAggregates);
            }
        }, iter: 60);

        // The property must not hold for want of questions that aggregates answer.
        Assert.True(answered * 4 > asked, $"{answered} of {asked} answered");
    }

    [Fact]
    public void SumsOfDecimalsAreExactHoweverTheyAreFolded()
    {
        const int Rows = 10_000;
        var numbers = Enumerable.Range(0, Rows).Select(i => (i * 37 % 1000) / 1000d).ToArray();
        var store = new Folds([]);
        for (var from = 0; from < Rows; from += 1_000)
        {
            store.Fold([new EventBatch([.. Enumerable.Repeat(EventMaker.StartNs, 1_000)], null, new int[1_000], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfFloats(1_000, null, numbers[from..(from + 1_000)]))])]);
        }

        store.MergeFirst(7);
        var plan = new LeafPlan("d", new QuerySpec { Calculations = [new(CalculationOp.Sum, "v")] }, new(EventMaker.StartNs, EventMaker.StartNs + 60_000_000_000, 60));
        var sums = store.Directories.Select(fold => store.Aggregates(fold, 0).Measure("v")!).Select(measure => (measure.Sums[0], measure.Decimals)).ToList();
        Assert.Equal(4, store.Directories.Count);
        Assert.All(sums, sum => Assert.Equal(3, sum.Decimals));
        Assert.Equal(Enumerable.Range(0, Rows).Sum(i => (long)(i * 37 % 1000)), (long)sums.Sum(sum => sum.Item1));
        var result = new PartialResult(plan);
        foreach (var fold in store.Directories)
        {
            AggregateScan.TryMake(plan, store.Directories, out _)!.Add(fold, store, result, plan.Time.StartNs, plan.Time.EndNs);
        }

        Assert.Equal(Rows, result.Count.Rows(0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void EachMeasureIsAddedUpOverTheRowsThatHaveIt(int measures)
    {
        const int Rows = 1_000;
        var present = Enumerable.Range(0, measures).Select(m => Enumerable.Range(0, Rows).Where(row => m == 0 || row % (m + 1) == 0).ToArray()).ToArray();
        var columns = present.Select((rows, m) =>
        {
            var bits = new ulong[(Rows + 63) / 64];
            foreach (var row in rows)
            {
                bits[row >> 6] |= 1UL << (row & 63);
            }

            return new NamedColumn($"m{m}", ColumnVector.OfFloats(Rows, m == 0 ? null : bits, [.. rows.Select(row => NumberOf(m, row))]));
        });
        var store = new Folds([]);
        store.Fold([new EventBatch([.. Enumerable.Repeat(EventMaker.StartNs, Rows)], null, new int[Rows], Utf8Strings.From(["d"]), [.. columns])]);
        var block = store.Aggregates(store.Directories[0], 0);
        for (var m = 0; m < measures; m++)
        {
            var cells = block.Measure($"m{m}")!;
            Assert.Equal(present[m].Length, cells.Counts[0]);
            Assert.Equal(present[m].Sum(row => NumberOf(m, row)), cells.Sums[0] / cells.Scale);
            Assert.Equal(present[m].Min(row => NumberOf(m, row)), cells.Mins[0] / cells.Scale);
            Assert.Equal(present[m].Max(row => NumberOf(m, row)), cells.Maxs[0] / cells.Scale);
        }

        static double NumberOf(int measure, int row) => ((row * (measure + 3) % 101) - 50) / 2d;
    }

    [Fact]
    public void AFieldThatIsADimensionInSomeFoldsOnlyKeepsItsDistinctCountWhenMerged()
    {
        var store = new Folds([]);
        foreach (var values in (int[])[50, 3_000, 80])
        {
            store.Fold([new EventBatch(
                [.. Enumerable.Repeat(EventMaker.StartNs, values)], null, new int[values], Utf8Strings.From(["d"]),
                [new("user", ColumnVector.OfText(values, null, Utf8Strings.From(Enumerable.Range(0, values).Select(i => $"user {i}"))))])]);
        }

        store.MergeFirst(3);
        var plan = new LeafPlan("d", new QuerySpec { Calculations = [new(CalculationOp.CountDistinct, "user")] }, new(EventMaker.StartNs, EventMaker.StartNs + 60_000_000_000, 60));
        var result = new PartialResult(plan);
        AggregateScan.TryMake(plan, store.Directories, out _)!.Add(store.Directories[0], store, result, plan.Time.StartNs, plan.Time.EndNs);
        var (estimate, bound) = ((DistinctAccumulator)result.Accumulators[1]).Estimate(0);
        Assert.InRange(estimate, 3_000 * (1 - bound), 3_000 * (1 + bound));
    }

    [Fact]
    public void WhatAFolderRemembersSurvivesItsBytes()
    {
        var events = new EventMaker(7).Many(600);
        var batches = Batches.Of(events, 1, 100)[0];
        var one = new AggregateFolder(["name"]);
        var other = new AggregateFolder(["name"]);
        for (var i = 0; i < batches.Count; i++)
        {
            var writer = new ByteWriter();
            other.Write(writer);
            other = new AggregateFolder(["name"]);
            var reader = new ByteReader(writer.Written);
            other.Read(ref reader);
            Assert.Equal(one.Fold(i, [batches[i]]).Blocks, other.Fold(i, [batches[i]]).Blocks);
        }
    }

    [Fact]
    public void WeightsPastWhatAnIntegerHoldsComeBack()
    {
        var batch = new EventBatch(
            [EventMaker.StartNs, EventMaker.StartNs], [1e30, 1e30], [0, 0], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfIntegers(2, null, [3, 3]))]);
        var plan = new LeafPlan("d", new QuerySpec { Calculations = [Calculation.Count, new(CalculationOp.P50, "v")] }, new(EventMaker.StartNs, EventMaker.StartNs + 60_000_000_000, 60));
        var store = new Folds([]);
        store.Fold([batch]);
        var result = new PartialResult(plan);
        AggregateScan.TryMake(plan, store.Directories, out _)!.Add(store.Directories[0], store, result, plan.Time.StartNs, plan.Time.EndNs);
        PartialResultState.AssertSame(PartialResultState.Of(PartialResultState.Scan(plan, [batch])), PartialResultState.Of(result));
    }

    [Fact]
    public void DatasetsAreNotAFieldWhoseDistinctValuesAggregatesHold()
    {
        var batches = Batches.Of(new EventMaker(3).Many(50))[0];
        var store = new Folds([]);
        store.Fold(batches);
        var plan = new LeafPlan(
            LeafPlan.AllDatasets, new QuerySpec { Calculations = [new(CalculationOp.CountDistinct, "dataset")] }, new(EventMaker.StartNs, EventMaker.StartNs + 600_000_000_000, 600));

        Assert.Null(AggregateScan.TryMake(plan, store.Directories, out var reason));
        Assert.Contains("datasets", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AFieldOfTooManyValuesIsAnsweredByRowsAndItsDistinctsAreBounded()
    {
        var rows = 5_000;
        var batch = new EventBatch(
            [.. Enumerable.Repeat(EventMaker.StartNs, rows)], null, new int[rows], Utf8Strings.From(["d"]),
            [new("user", ColumnVector.OfText(rows, null, Utf8Strings.From(Enumerable.Range(0, rows).Select(i => $"user {i}"))))]);
        var store = new Folds([]);
        store.Fold([batch]);
        var time = new ResolvedTime(EventMaker.StartNs, EventMaker.StartNs + 60_000_000_000, 60);
        Assert.Null(AggregateScan.TryMake(new LeafPlan("d", new QuerySpec { Breakdowns = ["user"] }, time), store.Directories, out var reason));
        Assert.Contains("user", reason, StringComparison.Ordinal);

        var plan = new LeafPlan("d", new QuerySpec { Calculations = [new(CalculationOp.CountDistinct, "user")] }, time);
        var result = new PartialResult(plan);
        AggregateScan.TryMake(plan, store.Directories, out _)!.Add(store.Directories[0], store, result, time.StartNs, time.EndNs);
        var (estimate, bound) = ((DistinctAccumulator)result.Accumulators[1]).Estimate(0);
        Assert.InRange(estimate, rows * (1 - bound), rows * (1 + bound));
        Assert.InRange(bound, 0.001, 0.05);
    }

    private static void AssertDistincts(PartialResult expected, PartialResult actual)
    {
        var cells = Enumerable.Range(0, actual.Cells).ToDictionary(cell => Key(actual, cell));
        for (var cell = 0; cell < expected.Cells; cell++)
        {
            for (var i = 0; i < expected.Accumulators.Count; i++)
            {
                if (expected.Accumulators[i] is DistinctAccumulator distinct)
                {
                    var (exact, _) = distinct.Estimate(cell);
                    var (estimate, bound) = ((DistinctAccumulator)actual.Accumulators[i]).Estimate(cells[Key(expected, cell)]);
                    Assert.InRange(estimate, exact * (1 - bound), exact * (1 + bound));
                }
            }
        }

        static string Key(PartialResult result, int cell) => $"{string.Join('|', result.GroupValues(result.CellOf(cell).Group)!.Select(EventText.Of))} {result.CellOf(cell).Bucket}";
    }
}

/// <summary>Folds kept in memory as their bytes, and decoded once they were asked for.</summary>
internal sealed class Folds(IEnumerable<string> sketchDimensions) : IAggregateSource
{
    private readonly AggregateFolder _folder = new(sketchDimensions);
    private readonly List<Fold> _folds = [];
    private readonly Dictionary<(long Fold, int Block), AggregateBlock> _aggregates = [];
    private readonly Dictionary<(long Fold, int Block), DistinctBlock> _distincts = [];

    public List<FoldDirectory> Directories { get; } = [];

    public void Fold(IReadOnlyList<EventBatch> batches) => Keep(_folder.Fold(_folds.Count, batches), Directories.Count);

    /// <summary>Puts one fold in the place of the first so many.</summary>
    public void MergeFirst(int count)
    {
        using var merger = new FoldMerger();
        var merged = merger.Merge(_folds.Count, Directories.GetRange(0, count), this);
        Directories.RemoveRange(0, count);
        Keep(merged, 0);
    }

    private void Keep(Fold fold, int at)
    {
        var writer = new ByteWriter();
        fold.Directory.Write(writer);
        var reader = new ByteReader(writer.Written);
        Directories.Insert(at, FoldDirectory.Read(ref reader));
        Assert.Equal(0, reader.Remaining);
        _folds.Add(fold);
    }

    public AggregateBlock Aggregates(FoldDirectory fold, int block) =>
        _aggregates.TryGetValue((fold.Id, block), out var decoded) ? decoded : _aggregates[(fold.Id, block)] = AggregateBlockFormat.Decode(_folds[(int)fold.Id].Blocks[block]);

    public byte[] Bytes(FoldDirectory fold, int block) => _folds[(int)fold.Id].Blocks[block];

    public HeavyHitterBlock HeavyHitters(FoldDirectory fold, int block) => HeavyHitterBlock.Decode(_folds[(int)fold.Id].Blocks[block]);

    public DistinctBlock Distinct(FoldDirectory fold, int block) =>
        _distincts.TryGetValue((fold.Id, block), out var decoded) ? decoded : _distincts[(fold.Id, block)] = DistinctBlock.Decode(_folds[(int)fold.Id].Blocks[block]);
}
