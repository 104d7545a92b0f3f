using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class RowScanTests
{
    private static readonly Gen<(int Seed, int Count, int PerRecord)> Cases = Gen.Select(Gen.Int, Gen.Int[1, 150], Gen.OneOf(Gen.Int[1, 9], Gen.Int[30, 200]));

    [Fact]
    public void AScanOfBatchesOrABlockGivesWhatTheEventsSay() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var batches = Batches.Of(events, 1, perRecord)[0];
        var block = Batches.Seal(batches);
        var queries = new QueryMaker(seed);
        for (var i = 0; i < 8; i++)
        {
            var plan = queries.Plan();
            var expected = PartialResultState.Of(ReferenceScan.Of(plan, events));
            Assert.Equal(expected, PartialResultState.Of(PartialResultState.Scan(plan, batches)));
            Assert.Equal(expected, PartialResultState.Of(PartialResultState.Scan(plan, [block])));
        }
    }, iter: 60);

    [Fact]
    public void ThreeLeavesMergedGiveWhatOneGivesInAnyOrderAndThroughBytes() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var leaves = Batches.Of(events, 3, perRecord);
        var queries = new QueryMaker(seed);
        for (var i = 0; i < 6; i++)
        {
            var plan = queries.Plan();
            var expected = PartialResultState.Of(PartialResultState.Scan(plan, Batches.Of(events, 1, perRecord)[0]));
            PartialResult[] parts = [.. leaves.Select(leaf => PartialResultState.Scan(plan, leaf))];

            Assert.Equal(expected, PartialResultState.Of(Merged(plan, parts[0], parts[1], parts[2])));
            Assert.Equal(expected, PartialResultState.Of(Merged(plan, parts[2], parts[0], parts[1])));
            Assert.Equal(expected, PartialResultState.Of(Merged(plan, parts[0], Merged(plan, parts[1], parts[2]))));
            Assert.Equal(expected, PartialResultState.Of(Merged(plan, new PartialResult(plan), parts[1], parts[0], new PartialResult(plan), parts[2])));

            var imported = new PartialResult(plan);
            foreach (var part in parts)
            {
                var writer = new ByteWriter();
                part.Export(writer);
                var alone = new PartialResult(plan);
                alone.Import(writer.Written);
                Assert.Equal(PartialResultState.Of(part), PartialResultState.Of(alone));
                Assert.Equal(part.RowsRead, alone.RowsRead);
                imported.Import(writer.Written);
            }

            Assert.Equal(expected, PartialResultState.Of(imported));
        }
    }, iter: 40);

    private static PartialResult Merged(LeafPlan plan, params PartialResult[] parts)
    {
        var merged = new PartialResult(plan);
        foreach (var part in parts)
        {
            merged.Merge(part);
        }

        return merged;
    }
}
