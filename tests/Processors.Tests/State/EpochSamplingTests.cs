using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.State;

public sealed class EpochSamplingTests
{
    private static readonly SimulatedRule ByRoute = new(RuleSubject.Any, 0, "", 0, new(SamplingActionKind.Dynamic, 10, ["route", "root.route"], UsesTraceLength: true));

    [Fact]
    public void KeptRowsSayBySamplerRateAndKeyWhyTheyAreKept()
    {
        using var test = new TestState();
        test.SetPolicy(1, ByRoute);
        for (var trace = 1; trace <= 400; trace++)
        {
            test.Append(test.Event(TestState.TraceId(trace), route: "/cart"), test.Event(TestState.TraceId(trace), isRoot: false, route: "/pay"));
        }

        test.Append(test.Event(TestState.TraceId(1_000), route: "/rare"));
        test.Append([.. Enumerable.Range(0, 300).Select(_ => test.Event(route: "/alone"))]);
        test.Tick(20_000);
        test.Pump();

        var kept = Meta(test);
        Assert.Equal(["/alone•,/alone,1", "/cart•/pay•,/cart,2", "/rare•,/rare,1"], kept.Select(row => row.Key).Distinct().Order(StringComparer.Ordinal));
        Assert.All(kept, row => Assert.Equal("rules/trace/rule 0:dynamic", row.Reason));
        foreach (var key in kept.GroupBy(row => row.Key))
        {
            Assert.Single(key.Select(row => row.Rate).Distinct());
        }

        // 401 traces and 300 rows: goals of 1,101 / 10 events by their logarithms.
        Assert.Equal(1, Assert.Single(kept, row => row.Key.StartsWith("/rare", StringComparison.Ordinal)).Rate);
        Assert.InRange(kept.Where(row => row.Key.StartsWith("/cart", StringComparison.Ordinal)).Sum(row => row.Rate), 780, 820);
        Assert.InRange(kept.Where(row => row.Key.StartsWith("/alone", StringComparison.Ordinal)).Sum(row => row.Rate), 150, 450);
    }

    [Fact]
    public void ALateSpanFollowsItsTracesDecisionAndHasItsKey()
    {
        using var test = new TestState();
        test.SetPolicy(1, ByRoute);
        for (var trace = 1; trace <= 100; trace++)
        {
            test.Append(test.Event(TestState.TraceId(trace), route: "/cart"));
        }

        test.Tick(20_000);
        test.Pump();
        var before = Meta(test).Count;
        test.Cut();
        test.Crash();
        for (var trace = 1; trace <= 100; trace++)
        {
            test.Append(test.Event(TestState.TraceId(trace), isRoot: false, route: "/late"));
        }

        test.Tick(20_000);
        test.Pump();

        var kept = Meta(test);
        Assert.InRange(before, 5, 40);
        Assert.Equal(before * 2, kept.Count);
        Assert.All(kept, row => Assert.Equal("/cart•,/cart,1", row.Key));
    }

    /// <summary>What a window of any length has in memory is bounded: the lists of traces are read back from the store when their epochs are decided, after a crash too.</summary>
    [Fact]
    public void ListsOfTracesThatDoNotFitAreReadBackFromTheStore()
    {
        IReadOnlyList<long>? withRoom = null;
        foreach (var held in (int[])[1_000_000, 100])
        {
            using var test = new TestState(TestState.Default with { WindowMs = 60_000, PendingTracesHeld = held });
            test.SetPolicy(1, new SimulatedRule(RuleSubject.Any, 0, "", 0, new(SamplingActionKind.Throughput, 20, ["route"], false)));
            for (var epoch = 0; epoch < 10; epoch++)
            {
                test.Append([.. Enumerable.Range(epoch * 1_000, 1_000).Select(trace => test.Event(TestState.TraceId(trace + 1), route: trace % 10 == 0 ? "/pay" : "/"))]);
                test.Tick(10_000);
                test.Pump();
                test.Cut();
                if (epoch % 3 == 2)
                {
                    test.Crash();
                    test.Pump();
                }
            }

            test.Tick(120_000);
            test.Pump();
            Assert.Equal(10 * 200, test.Kept().Count, 10d);
            withRoom ??= test.Kept();
            Assert.Equal(withRoom, test.Kept());
        }
    }

    /// <summary>However many keys rows without a trace have, and however few of them are kept, a cut stays small, and what is kept stands for all.</summary>
    [Fact]
    public void GroupsOfRowsWithoutATraceAreBounded()
    {
        using var test = new TestState(TestState.Default with { WindowMs = 10_000, BlockRows = 1_000_000, FoldRows = 1_000_000, DecidedGroupsMax = 2_000 });
        test.SetPolicy(1, new SimulatedRule(RuleSubject.Any, 0, "", 0, new(SamplingActionKind.Throughput, 2, ["duration_ms"], false)));
        for (var epoch = 0; epoch < 40; epoch++)
        {
            test.Append([.. Enumerable.Range(0, 200).Select(i => test.Event(durationMs: (epoch * 200) + i))]);
            test.Tick(10_000);
            test.Pump();
        }

        test.Tick(60_000);
        test.Pump();
        test.Cut();
        Assert.InRange(test.State.Snapshot().Blocks.Count, 3, 8);
        var kept = test.Kept();
        Assert.InRange(kept.Count, 40 * 20 * 0.8, 40 * 20 * 1.2);
        test.Crash();
        test.Pump();
        Assert.Equal(kept, test.Kept());
    }

    /// <summary>A trace that was forgotten before its first rows were decided, and made anew by a later row, must not stop the partition: they are kept.</summary>
    [Fact]
    public void ATraceThatIsInNoEpochsListIsKept()
    {
        using var test = new TestState(TestState.Default with { WindowMs = 30_000 });
        test.SetPolicy(1, ByRoute);
        test.Append(test.Event(TestState.TraceId(1)), test.Event(TestState.TraceId(2)));
        test.Pump();
        test.State.Store.Summaries.Delete(KeyOf(1));
        test.Tick(20_000);
        test.Append(test.Event(TestState.TraceId(1), isRoot: false));
        test.Tick(25_000);
        test.Pump();
        Assert.Equal(2, test.Kept().Count);      // the first epoch's rows: of one trace decided, of the other kept for want of a decision
        test.Tick(40_000);
        test.Pump();
        Assert.Equal(3, test.Kept().Count);

        static Storage.ChunkKey KeyOf(int trace) => Core.Events.TraceKey.Of(TestState.TraceId(trace)) is var key ? new(key.High, key.Low) : default;
    }

    [Fact]
    public void AKeyOfEverNewValuesSpoilsOnlyItsOwnPolicyVersion()
    {
        using var test = new TestState(TestState.Default with { FoldRows = 1_000_000, BlockRows = 1_000_000, LateSpanRetentionMs = 10_000 });
        var byDuration = new SimulatedRule(RuleSubject.Any, 0, "", 0, new(SamplingActionKind.Dynamic, 2, ["duration_ms"], false));
        test.SetPolicy(1, byDuration);
        for (var batch = 0; batch < 18; batch++)
        {
            test.Append([.. Enumerable.Range(batch * 1_000, 1_000).Select(i => test.Event(durationMs: i))]);
            test.Pump();
        }

        test.Tick(60_000);
        test.SetPolicy(2, byDuration);
        test.Tick(1_000);
        test.Append([.. Enumerable.Range(0, 50).Select(_ => test.Event(durationMs: 1_000_000))]);
        test.Tick(60_000);
        test.Pump();

        var keys = Meta(test).Select(row => row.Key).ToHashSet();
        Assert.Contains(Core.Sampling.KeySets.OtherValue + "•,", keys);
        Assert.Contains("1000000•,", keys);
    }

    /// <summary>An epoch in which the policies change has one goal, not one for each version.</summary>
    [Fact]
    public void AGoalCountsForAVersionsPartOfAnEpoch()
    {
        using var test = new TestState(TestState.Default with { WindowMs = 10_000, BlockRows = 1_000_000, FoldRows = 1_000_000 });
        var rule = new SimulatedRule(RuleSubject.Any, 0, "", 0, new(SamplingActionKind.Throughput, 20, [], false));
        test.SetPolicy(1, rule);
        test.Tick(20_000 - (TestState.StartMs % 10_000));
        for (var version = 2; version <= 6; version++)
        {
            test.Append([.. Enumerable.Range(version * 1_000, 400).Select(i => test.Event(TestState.TraceId(i)))]);
            test.Tick(2_000);
            test.SetPolicy(version, rule);
        }

        test.Tick(60_000);
        test.Pump();
        Assert.InRange(test.Kept().Count, 195, 205);
    }

    private static List<(string Reason, double Rate, string Key)> Meta(TestState test) =>
    [
        .. test.Meta("meta.sample.reason").Zip(test.Meta("meta.sample.rate"), test.Meta("meta.sample.key"))
            .Select(row => (row.First, double.Parse(row.Second, System.Globalization.CultureInfo.InvariantCulture), row.Third)),
    ];
}
