using CsCheck;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class PolicyTimelineTests
{
    private const string Rules = "\"rules\":[{\"rate\":2}]";

    [Fact]
    public void ATraceFollowsTheVersionOfItsFirstRowAlsoAfterAChange()
    {
        var (first, second) = TwoVersions();
        var clock = new DecisionClock(5000);
        var timeline = new PolicyTimeline(first);
        Assert.True(timeline.Apply(10_000, second));
        Assert.Equal(second.Version, timeline.Current.Version);
        Assert.Same(first.Compiled, timeline.Of(first.Version));

        Assert.Equal([2, 1], timeline.FoldableAt(15_000, clock).Select(p => p.Version));
        Assert.Equal([2], timeline.FoldableAt(15_001, clock).Select(p => p.Version));
    }

    [Fact]
    public void ARepeatedOrOlderRecordChangesNothing()
    {
        var (first, second) = TwoVersions();
        var timeline = new PolicyTimeline(SamplingPolicySet.Empty);
        Assert.True(timeline.Apply(10, second));
        Assert.False(timeline.Apply(20, second));
        Assert.False(timeline.Apply(30, first));
        Assert.Equal([new PolicyInForce(SamplingPolicySet.Empty, 0, 10), new PolicyInForce(second, 10, long.MaxValue)], timeline.Versions);
        Assert.Throws<ArgumentException>(() => timeline.Apply(9, first));
    }

    [Fact]
    public void VersionsAreKeptWhileTheWindowOfATraceOfTheirsIsNotOver()
    {
        var (first, second) = TwoVersions();
        var timeline = new PolicyTimeline(first);
        var clock = new DecisionClock(20_000);
        timeline.Apply(10_000, second);
        clock.ChangeWindow(10_000, 500);
        timeline.Prune(30_000, clock);
        Assert.Equal(2, timeline.Versions.Count);
        timeline.Prune(30_001, clock);
        Assert.Equal([2], timeline.Versions.Select(v => v.Set.Version));
        Assert.Throws<InvalidOperationException>(() => timeline.Of(1));
        timeline.Prune(long.MaxValue, clock);       // the one in force stays
        Assert.Equal([2], timeline.Versions.Select(v => v.Set.Version));
    }

    [Fact]
    public void EveryRowThatCanFoldFindsItsTracesVersion() =>
        Gen.Select(Gen.Select(Gen.Long[0, 20_000], Gen.Long[100, 30_000]).Array[0, 5], Gen.Long[0, 100_000], Gen.Long[0, 60_000]).Sample((changes, firstLogTime, after) =>
        {
            // Every version brings a window of its own.
            var set = SamplingPolicySet.Empty;
            var clock = new DecisionClock(20_000);
            var timeline = new PolicyTimeline(set);
            var logTime = 0L;
            var inForce = 0;
            foreach (var (wait, windowMs) in changes)
            {
                logTime += wait;
                Assert.True(set.TryWith(SamplingPolicy.DefaultDataset, new SamplingPolicy { WindowMs = windowMs }, out var next, out _));
                set = next;
                timeline.Apply(logTime, set);
                clock.ChangeWindow(logTime, windowMs);
                inForce = logTime <= firstLogTime ? set.Version : inForce;
            }

            // The head is at a row of a trace that began at firstLogTime, past all control records; the trailing cursor is as far as it may be.
            var head = Math.Max(logTime, firstLogTime) + after;
            timeline.Prune(clock.TrailingLimit(head), clock);
            var summary = default(TraceSummary);
            summary.Fold(new TraceContribution { LogTime = firstLogTime, PolicyVersion = inForce, RowCount = 1 }, clock.WindowAt(firstLogTime));
            if (!summary.IsFrozen(head, clock.WindowAt(firstLogTime)))
            {
                Assert.Contains(timeline.FoldableAt(head, clock), p => p.Version == inForce);
            }

            if (!clock.EpochOf(firstLogTime).IsDecidable(head))
            {
                Assert.Equal(inForce, timeline.Of(inForce).Version);
            }
        }, iter: 2000);

    [Fact]
    public void ATimelineIsRestoredFromItsVersions()
    {
        var (first, second) = TwoVersions();
        var timeline = new PolicyTimeline(first);
        timeline.Apply(10, second);
        Assert.Equal(timeline.Versions, new PolicyTimeline(timeline.Versions).Versions);
        Assert.Throws<ArgumentException>(() => new PolicyTimeline([]));
        Assert.Throws<ArgumentException>(() => new PolicyTimeline([new(first, 0, 10), new(second, 11, long.MaxValue)]));
        Assert.Throws<ArgumentException>(() => new PolicyTimeline([new(second, 0, 10), new(first, 10, long.MaxValue)]));
    }

    private static (SamplingPolicySet First, SamplingPolicySet Second) TwoVersions()
    {
        var first = Policies.Set(("a", "{" + Rules + "}"));
        Assert.True(first.TryWith("b", SamplingPolicy.KeepAll, out var second, out _));
        return (first, second);
    }
}
