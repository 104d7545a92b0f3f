using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Querying.Relations;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Relations;

public sealed class RelationIndexTests
{
    private static readonly Gen<(int Seed, int Count, int PerRecord)> Cases = Gen.Select(Gen.Int, Gen.Int[1, 80], Gen.Int[1, 40]);

    [Fact]
    public void RelatedSpansAreThoseThatALookAtEveryEventFinds() => Cases.Sample((seed, count, perRecord) =>
    {
        var maker = new TraceMaker(seed);
        var events = maker.Many(count);
        var batches = Batches.Of(events, 1, perRecord)[0];
        for (var i = 0; i < 6; i++)
        {
            var plan = Plan(maker);
            var expected = PartialResultState.Of(ReferenceScan.Of(plan, events));
            PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, batches)));
            PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, [.. batches.Reverse<EventBatch>()])));
            PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, [Batches.Seal(batches)])));
        }
    }, iter: 200);

    [Fact]
    public void EachLeafAnswersForItsTraces() => Cases.Sample((seed, count, perRecord) =>
    {
        var maker = new TraceMaker(seed);
        var events = maker.Many(count);
        var plan = Plan(maker);
        var merged = new PartialResult(plan);
        foreach (var leaf in Batches.Of(events, 3, perRecord))
        {
            merged.Merge(PartialResultState.Scan(plan, leaf));
        }

        PartialResultState.AssertSame(PartialResultState.Of(ReferenceScan.Of(plan, events)), PartialResultState.Of(merged));
    }, iter: 100);

    [Theory]
    [InlineData("WHERE any.name exists")]
    [InlineData("WHERE parent.name exists")]
    [InlineData("GROUP BY root.name")]
    [InlineData("WHERE NOT child.name = 5 AND none.name exists")]
    public void TooManyRelatedSpansAreRefused(string text)
    {
        var plan = new LeafPlan(LeafPlan.AllDatasets, QueryText.Parse(text).Value, new(TraceMaker.StartNs, TraceMaker.StartNs + 1_000_000_000, 60));
        var batch = Assert.Single(Batches.Of(new TraceMaker(1).Many(300))[0]);
        var all = new RelationIndex(plan);
        all.Add(batch);
        Assert.True(all.Entries > 1);

        var narrow = new RelationIndex(plan, all.Entries - 1);
        var refusal = Assert.Throws<QueryLimitException>(() => narrow.Add(batch));
        Assert.Contains(". speaks of too much: more than ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("narrow the time range or add filters", refusal.Message, StringComparison.Ordinal);
    }

    private static LeafPlan Plan(TraceMaker maker) => new(LeafPlan.AllDatasets, maker.Question(), new(TraceMaker.StartNs, TraceMaker.StartNs + 120_000_000_000, 60));
}
