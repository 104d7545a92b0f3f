using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.BubbleUp;

public sealed class BubbleUpRankingTests
{
    private static readonly string[] Browsers = ["firefox", "chrome", "safari"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TheCausesComeFirstWithTheirValuesOnTop(int seed)
    {
        var answer = Planted.Compare(Planted.Shop(seed, (random, request) =>
        [
            ("browser", FieldValue.Of(Browsers[random.Next(3)])), ("partition", FieldValue.Of(random.Next(24))), ("customer", FieldValue.Of($"c{random.Next(3_000)}")),
            ("error", FieldValue.Of(request.IsSlow && random.Next(3) == 0)), ("id", FieldValue.Of($"{request.Number:x16}")), ("site", FieldValue.Of("shop")),
        ]), Planted.Slow);

        Assert.Equal(["build_id", "zone"], answer.Dimensions.Take(2).Select(dimension => dimension.Column));
        Assert.Equal(["b7", "east-1"], answer.Dimensions.Take(2).Select(dimension => dimension.Values[0].Value.AsString));
        Assert.Equal("error", answer.Dimensions[2].Column);
        Assert.InRange(answer.Dimensions[0].Values[0].Selection, 0.8, 1);
        Assert.InRange(answer.Dimensions[0].Values[0].Baseline, 0.05, 0.15);
        Assert.All(answer.Dimensions.Skip(3), noise => Assert.InRange(noise.Score, 0, 0.05));
        Assert.Equal(answer.Dimensions.Select(dimension => dimension.Score).OrderDescending(), answer.Dimensions.Select(dimension => dimension.Score));
        Assert.Equal([("duration_ms", BubbleUpLeftOut.Selection), ("id", BubbleUpLeftOut.NearlyUnique)], answer.LeftOut.Where(left => left.Column is not "customer"));
    }

    [Fact]
    public void AConstantIsRankedLastWithoutAScore()
    {
        var answer = Planted.Compare(Planted.Shop(4, (_, _) => [("site", FieldValue.Of("shop"))]), Planted.Slow);
        Assert.Equal(["dataset", "site"], answer.Dimensions.Skip(2).Select(dimension => dimension.Column).Order());
        Assert.All(answer.Dimensions.Skip(2), constant => Assert.Equal((0d, 1d, 1d), (constant.Score, constant.Values[0].Selection, constant.Values[0].Baseline)));
    }

    [Fact]
    public void FieldsThatMarkTheSameEventsAreFoldedIntoTheOneThatTellsMore()
    {
        var answer = Planted.Compare(
            Planted.Shop(5, (_, request) => [("flag", FieldValue.Of(request.Build == 7)), ("ring", FieldValue.Of(request.Build == 7 ? "canary" : "main"))]), Planted.Slow);
        Assert.Equal("build_id", answer.Dimensions[0].Column);
        Assert.Equal(["flag", "ring"], answer.Dimensions[0].SameAs);
        Assert.DoesNotContain(answer.Dimensions, dimension => dimension.Column is "flag" or "ring");
    }

    [Fact]
    public void AFieldThatFollowsFromABetterOneIsSetBackAndSaysWhy()
    {
        var answer = Planted.Compare(Planted.Shop(6, (_, request) => [("region", FieldValue.Of(request.Zone < 3 ? "east" : "west"))]), Planted.Slow);
        var region = answer.Dimensions.Single(dimension => dimension.Column == "region");
        Assert.Equal("zone", region.ImpliedBy);
        Assert.InRange(region.Score, 0.001, answer.Dimensions.Single(dimension => dimension.Column == "zone").Score / 5);
    }

    [Fact]
    public void AFieldThatABetterOneFollowsFromIsNotSetBack()
    {
        // All of a region is slow: each of its zones says less, and the region does not follow from one.
        var events = Enumerable.Range(0, 3_000).Select(i => Planted.Event(
            i, ("duration_ms", FieldValue.Of(i % 6 < 3 && i % 5 == 0 ? 3_000L : 100 + (i % 7))), ("region", FieldValue.Of(i % 6 < 3 ? "east" : "west")), ("zone", FieldValue.Of($"zone {i % 6}")))).ToList();
        var answer = Planted.Compare(events, Planted.Slow);
        Assert.Equal(("region", null), (answer.Dimensions[0].Column, answer.Dimensions[0].ImpliedBy));
        Assert.Equal(("zone", null), (answer.Dimensions[1].Column, answer.Dimensions[1].ImpliedBy));
    }

    [Fact]
    public void TheSelectionsNumberInOtherUnitsAndItsTimeAreLeftOut()
    {
        var events = Planted.Shop(8, (random, request) =>
        [
            ("duration_us", FieldValue.Of(request.DurationMs * 1000)), ("started", FieldValue.Of(1_700_000_000_000 + (request.Number * 100L))),
            ("bytes", FieldValue.Of((long)random.Next(100_000))), ("rate", FieldValue.Of(random.NextDouble() * (request.IsSlow ? 9 : 1))),
        ]);
        var inTime = Planted.Slow with { StartNs = EventMaker.StartNs + 100_000_000_000, EndNs = EventMaker.StartNs + 500_000_000_000 };
        Assert.Equal(["duration_ms", "duration_us", "started"], Planted.Compare(events, inTime).LeftOut.Select(left => left.Column));

        var answer = Planted.Compare(events, Planted.Slow);
        Assert.Equal(["duration_ms", "duration_us"], answer.LeftOut.Select(left => left.Column));
        Assert.Equal("rate", answer.Measures[0].Column);
        Assert.InRange(answer.Measures[0].Score, 0.6, 1);
        Assert.All(answer.Measures.Skip(1), noise => Assert.InRange(noise.Score, 0, 0.1));
        Assert.True(answer.Measures[0].Selection!.P50 > answer.Measures[0].Baseline!.P50 * 5);
        Assert.Equal(1, answer.Measures[0].Buckets.Sum(bucket => bucket.Selection), 6);
        Assert.Equal(1, answer.Measures[0].Buckets.Sum(bucket => bucket.Baseline), 6);
        Assert.InRange(answer.Measures[0].Buckets.Count, 2, BubbleUpLimits.AnswerBucketsMax);
    }

    [Fact]
    public void RangesOfTheSelectionsNumberAreLeftOut()
    {
        var answer = Planted.Compare(
            Planted.Shop(12, (random, request) =>
            [
                ("seconds", FieldValue.Of((long)(request.DurationMs / 1000))), ("pace", FieldValue.Of(request.DurationMs < 100 ? "fast" : request.DurationMs < 2_500 ? "fair" : "slow")),
                ("over_100", FieldValue.Of(request.DurationMs > 100)), ("browser", FieldValue.Of(Browsers[random.Next(3)])),
            ]), Planted.Slow);
        Assert.Equal(["duration_ms", "over_100", "pace", "seconds"], answer.LeftOut.Select(left => left.Column));
        Assert.Equal(["build_id", "zone"], answer.Dimensions.Take(2).Select(dimension => dimension.Column));
    }

    [Fact]
    public void OfAGroupTheFieldsThatSayTheSameAreLeftOut()
    {
        var events = Planted.Shop(9, (random, request) =>
            [("build_number", FieldValue.Of(700 + request.Build)), ("host", FieldValue.Of($"h{request.Build}-{random.Next(4)}")), ("browser", FieldValue.Of(Browsers[random.Next(3)]))]);
        var answer = Planted.Compare(events, BubbleUpSelection.Group([new("build_id", FieldValue.Of("b7"))]));
        Assert.Equal(["build_id", "build_number", "host"], answer.LeftOut.Select(left => left.Column));
        Assert.Equal("duration_ms", answer.Measures[0].Column);
        Assert.InRange(answer.Measures[0].Score, 0.05, 1);
    }

    [Fact]
    public void OfABoxAFieldThatDividesTheSidesIsACause()
    {
        var events = Planted.Shop(10, (_, request) => [("cause", FieldValue.Of(request.IsSlow ? "lock" : "none"))]);
        var answer = Planted.Compare(events, Planted.Slow);
        Assert.Equal("cause", answer.Dimensions[0].Column);
        Assert.Equal(("lock", 1d, 0d), (answer.Dimensions[0].Values[0].Value.AsString, answer.Dimensions[0].Values[0].Selection, answer.Dimensions[0].Values[0].Baseline));
    }

    [Fact]
    public void ARareValueDoesNotComeBeforeOneThatNearlyAllHave()
    {
        // 20 slow requests: 3 of them from one host of which there is nothing else, 18 of a build of which there is a third elsewhere.
        var events = Enumerable.Range(0, 2_000).Select(i => Planted.Event(
            i, ("slow", FieldValue.Of(i < 20)), ("host", FieldValue.Of(i < 3 ? "odd" : $"h{i % 50}")), ("build", FieldValue.Of(i < 18 || i % 3 == 0 ? "new" : "old")))).ToList();
        var answer = Planted.Compare(events, BubbleUpSelection.Group([new("slow", FieldValue.Of(true))]));
        Assert.Equal(["build", "host"], answer.Dimensions.Take(2).Select(dimension => dimension.Column));
    }

    [Fact]
    public void SharesAreOfWeightedEventsAndAMissingFieldIsAValue()
    {
        var events = Enumerable.Range(0, 400).Select(i => Planted.Weighted(
            i, i % 4 == 0 ? 9 : 1, ("slow", FieldValue.Of(i < 200)), ("kind", i < 200 && i % 4 == 0 ? FieldValue.Absent : FieldValue.Of("known")))).ToList();
        var kind = Planted.Compare(events, BubbleUpSelection.Group([new("slow", FieldValue.Of(true))])).Dimensions[0];
        Assert.Equal("kind", kind.Column);
        Assert.Equal(FieldKind.Absent, kind.Values[0].Value.Kind);
        Assert.Equal(450d / 600, kind.Values[0].Selection, 9);
        Assert.Equal(0, kind.Values[0].Baseline, 9);
    }

    [Fact]
    public void WithoutRowsOnASideThereIsNothingToRank()
    {
        var events = Planted.Shop(11, (_, _) => []);
        Assert.Empty(Planted.Compare(events, BubbleUpSelection.Box(null, null, "duration_ms", 1e9, null)).Dimensions);
        Assert.Empty(Planted.Compare(events, BubbleUpSelection.Box(null, null, "duration_ms", null, null)).Measures);
    }
}
