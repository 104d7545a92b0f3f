using CsCheck;
using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Sketches;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Aggregation;

/// <summary>Sketches and distinct counts of folds, and of folds merged, beside a dictionary of the rows.</summary>
public sealed class FoldMergeTests
{
    private const int SlotSeconds = 10;

    /// <summary>Positive numbers are counted in a table, numbers of both signs lie too far apart for one, weights are no small whole numbers.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void SketchesHaveTheBinsOfTheRowsBeforeAndAfterTheyAreMerged(bool bothSigns, bool weighted)
    {
        Gen.Int.Sample(
            seed =>
            {
                var random = new Random(seed);
                var store = new Folds([""]);
                var expected = new SortedDictionary<(long Slot, int Code), double>();
                for (var fold = 0; fold < 4; fold++)
                {
                    // Folds follow each other and meet in a slot, as those of a partition do; one comes late.
                    var ofFold = new SortedDictionary<(long Slot, int Code), double>();
                    store.Fold([Batch(random, random.Next(1, 2_000), fold == 3 ? 0 : fold, bothSigns, weighted, ofFold)]);
                    AssertBins(ofFold, store.Aggregates(store.Directories[^1], 0));
                    foreach (var (bin, weight) in ofFold)
                    {
                        expected[bin] = expected.GetValueOrDefault(bin) + weight;
                    }
                }

                store.MergeFirst(4);
                AssertBins(expected, store.Aggregates(store.Directories[0], 0));
            },
            iter: 30);
    }

    [Fact]
    public void BinsOfMoreRowsThanACompactOneCountsAreMerged()
    {
        const int Rows = 40_000;
        var store = new Folds([""]);
        for (var fold = 0; fold < 2; fold++)
        {
            store.Fold([new EventBatch(
                [.. Enumerable.Repeat(EventMaker.StartNs, Rows)], null, new int[Rows], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfFloats(Rows, null, [.. Enumerable.Repeat(2.5, Rows)]))])]);
        }

        store.MergeFirst(2);
        var sketches = store.Aggregates(store.Directories[0], 0).Measure("v")!.Sketches!;
        Assert.Equal(2.0 * Rows, sketches.Weight(0));
        Assert.Equal(1, sketches.Bins);
    }

    [Fact]
    public void ABlockOfKeysInAnyOrderKeepsTheGreatestRankOfEachRegister()
    {
        ulong[] keys = [Key(2, 7, 2), Key(0, 3, 1), Key(0, 3, 4), Key(2, 7, 2), Key(0, 3, 2), Key(0, 1, 9)];
        var block = DistinctBlock.Of("f", AggregationLimits.CoarseSeconds, Utf8Strings.From(["a", "b"]), [0, 0, 1], [10, 11, 12], keys);
        Assert.Equal([10, 12], block.Slots);
        Assert.Equal([0, 1], block.DatasetCodes);
        Assert.Equal([HyperLogLog.CoarseEntry(1, 9), HyperLogLog.CoarseEntry(3, 4)], block.Entries(0).ToArray());
        Assert.Equal([HyperLogLog.CoarseEntry(7, 2)], block.Entries(1).ToArray());

        static ulong Key(ulong cell, uint register, byte rank) => (cell << DistinctBlock.EntryBits) | HyperLogLog.CoarseEntry(register, rank);
    }

    [Fact]
    public void DistinctCountsHaveTheGreatestRankOfEachRegister()
    {
        Gen.Select(Gen.Int, Gen.Int[1, 6]).Sample(
            (seed, parts) =>
            {
                var random = new Random(seed);
                var expected = new SortedDictionary<(string Dataset, long Slot, uint Register), byte>();
                var blocks = new List<DistinctBlock>();
                for (var part = 0; part < parts; part++)
                {
                    blocks.Add(Block(random, part, expected));
                }

                var merged = DistinctBlock.Decode(DistinctMerge.Merge("f", blocks).Encode(new ByteWriter(), null));
                var found = new SortedDictionary<(string, long, uint), byte>();
                for (var cell = 0; cell < merged.Cells; cell++)
                {
                    foreach (var entry in merged.Entries(cell))
                    {
                        found.Add((System.Text.Encoding.UTF8.GetString(merged.Datasets[merged.DatasetCodes[cell]]), merged.Slots[cell], HyperLogLog.RegisterOf(entry)), HyperLogLog.RankOf(entry));
                    }
                }

                Assert.Equal(expected, found);
            },
            iter: 100);
    }

    private static EventBatch Batch(Random random, int rows, int fold, bool bothSigns, bool weighted, SortedDictionary<(long Slot, int Code), double> bins)
    {
        var times = new long[rows];
        var numbers = new double[rows];
        var weights = weighted ? new double[rows] : null;
        for (var row = 0; row < rows; row++)
        {
            times[row] = EventMaker.StartNs + (random.NextInt64(((fold * 2) + 3) * SlotSeconds) * 1_000_000_000);
            numbers[row] = Math.Exp(random.NextDouble() * 6) * (bothSigns && random.Next(2) == 0 ? -1 : 1);
            var bin = (times[row] / 1_000_000_000 / SlotSeconds, SketchCodes.Of(numbers[row]));
            bins[bin] = bins.GetValueOrDefault(bin) + (weights is null ? 1 : weights[row] = random.Next(1, 9) / 2d);
        }

        return new EventBatch(times, weights, new int[rows], Utf8Strings.From(["d"]), [new("v", ColumnVector.OfFloats(rows, null, numbers))]);
    }

    private static void AssertBins(SortedDictionary<(long Slot, int Code), double> expected, AggregateBlock block)
    {
        var sketches = block.Measure("v")!.Sketches!;
        var found = new Dictionary<(long Slot, int Code), double>();
        for (var cell = 0; cell < block.Cells; cell++)
        {
            for (var bin = sketches.Starts[cell]; bin < sketches.Starts[cell + 1]; bin++)
            {
                Assert.True(bin == sketches.Starts[cell] || sketches.Code(bin) > sketches.Code(bin - 1));
                found.Add((block.Slots[cell] * block.SlotSeconds, sketches.Code(bin)), sketches.Weight(bin));
            }
        }

        // A fold of few rows a slot has wider slots.
        var wanted = expected.GroupBy(bin => (bin.Key.Slot * SlotSeconds / block.SlotSeconds * block.SlotSeconds, bin.Key.Code)).ToDictionary(bins => bins.Key, bins => bins.Sum(bin => bin.Value));
        Assert.Equal(wanted.OrderBy(bin => bin.Key), found.OrderBy(bin => bin.Key));
    }

    private static DistinctBlock Block(Random random, int part, SortedDictionary<(string Dataset, long Slot, uint Register), byte> expected)
    {
        string[] datasets = part % 2 == 0 ? ["a", "b"] : ["b"];
        var keys = new List<ulong>();
        var codes = new List<int>();
        var slots = new List<long>();
        for (var slot = part; slot < part + 3; slot++)
        {
            var dataset = random.Next(datasets.Length);
            for (var left = random.Next(1, 400); left > 0; left--)
            {
                var entry = HyperLogLog.CoarseEntryOf(Hash64.Of(random.Next(1_000).ToString(System.Globalization.CultureInfo.InvariantCulture)), DistinctAccumulator.Precision);
                keys.Add(((ulong)codes.Count << DistinctBlock.EntryBits) | entry);
                var key = (datasets[dataset], (long)slot, HyperLogLog.RegisterOf(entry));
                expected[key] = Math.Max(expected.GetValueOrDefault(key), HyperLogLog.RankOf(entry));
            }

            codes.Add(dataset);
            slots.Add(slot);
        }

        return DistinctBlock.Of("f", AggregationLimits.CoarseSeconds, Utf8Strings.From(datasets), [.. codes], [.. slots], keys.ToArray());
    }
}
