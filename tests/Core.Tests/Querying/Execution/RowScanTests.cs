using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
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
            PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, batches)));
            PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, [block])));
        }
    }, iter: 60);

    [Fact]
    public void ARecordIsScannedInPlaceAsItsBatchIs() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var records = Batches.Records(events, perRecord);
        EventBatchReader whole = new(), inPlace = new();
        var queries = new QueryMaker(seed);
        foreach (var record in records)
        {
            var batch = whole.Read(record);
            var layout = inPlace.Layout(record)!;
            Assert.Equal(EventText.Rows(batch), EventText.Rows(inPlace.View(layout)));
            var view = inPlace.View(layout);
            Assert.Equal((batch.Rows, batch.MinTimeNs, batch.MaxTimeNs), (view.Rows, view.MinTimeNs, view.MaxTimeNs));
            for (var i = 0; i < 4; i++)
            {
                var plan = queries.Plan();
                Assert.Equal(PartialResultState.Of(PartialResultState.Scan(plan, [batch])), PartialResultState.Of(PartialResultState.Scan(plan, [view])));
            }
        }
    }, iter: 40);

    [Fact]
    public void SoDoesOneOfMoreRowsThanAreReadAtOnce() => Gen.Int.Sample(seed =>
    {
        var events = new EventMaker(seed).Many(5_000);
        var batches = Batches.Of(events, 1, 5_000)[0];
        var block = Batches.Seal(batches);
        var queries = new QueryMaker(seed);
        for (var i = 0; i < 6; i++)
        {
            var plan = queries.Plan();
            var expected = PartialResultState.Of(ReferenceScan.Of(plan, events));
            PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, batches)));
            PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, [block])));
        }
    }, iter: 6);

    [Fact]
    public void ABlockThatCannotMatchIsNotRead()
    {
        var events = new EventMaker(7).Many(200);
        var block = Batches.Seal(Batches.Of(events, 1, 200)[0]);
        var decoded = block.Decoded;
        Assert.Equal(SegmentOutcome.SkippedByTime, Add(null, block.MaxTimeNs + 1, block.MaxTimeNs + 2));
        Assert.Equal(SegmentOutcome.SkippedByDataset, Add(null, block.MinTimeNs, block.MaxTimeNs + 1, "no-such"));
        Assert.Equal(SegmentOutcome.SkippedByMinMax, Add(Match("nowhere", FilterOp.Exists), block.MinTimeNs, block.MaxTimeNs + 1));
        Assert.Equal(SegmentOutcome.SkippedByMinMax, Add(new Condition.All([Match("name", FilterOp.Exists), new Condition.Any([Match("nowhere", FilterOp.Equal, "1"), Match("neither", FilterOp.Exists)])])));
        Assert.Equal(SegmentOutcome.SkippedByBloom, Add(Match("trace.trace_id", FilterOp.Equal, "00000000000000000000000000000bad")));
        Assert.Equal(decoded, block.Decoded);
        Assert.Equal(SegmentOutcome.Read, Add(Match("nowhere", FilterOp.DoesNotExist)));
        Assert.Equal(SegmentOutcome.Read, Add(new Condition.Not(Match("nowhere", FilterOp.Exists))));
        Assert.Equal(SegmentOutcome.Read, Add(new Condition.Any([Match("name", FilterOp.Exists), Match("nowhere", FilterOp.Exists)])));

        SegmentOutcome Add(Condition? where, long? from = null, long? to = null, string dataset = LeafPlan.AllDatasets)
        {
            var plan = new LeafPlan(dataset, new() { Where = where }, new(from ?? block.MinTimeNs, to ?? block.MaxTimeNs + 1, 3600));
            var result = new PartialResult(plan);
            var outcome = new RowScan(plan, result).Add(block, plan.Time.StartNs, plan.Time.EndNs);
            Assert.Equal(outcome == SegmentOutcome.Read ? 200 : 0, result.RowsRead);
            return outcome;
        }

        static Condition Match(string field, FilterOp op, params string[] values) => new Condition.Match(field, op, [.. values.Select(FieldValue.Of)]);
    }

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

            PartialResultState.AssertSame(expected, PartialResultState.Of(Merged(plan, parts[0], parts[1], parts[2])));
            PartialResultState.AssertSame(expected, PartialResultState.Of(Merged(plan, parts[2], parts[0], parts[1])));
            PartialResultState.AssertSame(expected, PartialResultState.Of(Merged(plan, parts[0], Merged(plan, parts[1], parts[2]))));
            PartialResultState.AssertSame(expected, PartialResultState.Of(Merged(plan, new PartialResult(plan), parts[1], parts[0], new PartialResult(plan), parts[2])));

            var imported = new PartialResult(plan);
            foreach (var part in parts)
            {
                var writer = new ByteWriter();
                part.Export(writer);
                var alone = new PartialResult(plan);
                alone.Import(writer.Written);
                PartialResultState.AssertSame(PartialResultState.Of(part), PartialResultState.Of(alone));
                Assert.Equal(part.RowsRead, alone.RowsRead);
                imported.Import(writer.Written);
            }

            PartialResultState.AssertSame(expected, PartialResultState.Of(imported));
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
