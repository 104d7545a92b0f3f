using CsCheck;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class DecisionClockTests
{
    // Changes of the window at ascending log times.
    private static readonly Gen<DecisionClock> Clock =
        Gen.Select(Gen.Long[100, 40_000], Gen.Select(Gen.Long[0, 30_000], Gen.Long[100, 40_000]).Array[0, 5]).Select((windowMs, changes) =>
        {
            var clock = new DecisionClock(windowMs);
            var logTime = 0L;
            foreach (var (after, changed) in changes)
            {
                logTime += after;
                clock.ChangeWindow(logTime, changed);
            }

            return clock;
        });

    [Theory]
    [InlineData(60_000, 10_000)]
    [InlineData(10_000, 10_000)]
    [InlineData(5000, 5000)]
    [InlineData(100, 100)]
    public void AnEpochIsTenSecondsOrTheWindowIfThatIsShorter(long windowMs, long lengthMs)
    {
        var epoch = new DecisionClock(windowMs).EpochOf(1_700_000_012_345);
        Assert.Equal(lengthMs, epoch.End - epoch.Start);
        Assert.Equal(0, epoch.Start % lengthMs);
        Assert.InRange(1_700_000_012_345, epoch.Start, epoch.End - 1);
        Assert.Equal(windowMs, epoch.WindowMs);
    }

    [Fact]
    public void AnEpochIsDecidedWhenTheHeadHasPassedItsEndPlusTheWindow()
    {
        var clock = new DecisionClock(60_000);
        var epoch = clock.EpochOf(25_000);
        Assert.Equal(new Epoch(20_000, 30_000, 60_000), epoch);
        Assert.False(epoch.IsDecidable(89_999));
        Assert.True(epoch.IsDecidable(90_000));
        Assert.Equal(20_000, clock.TrailingLimit(89_999));
        Assert.Equal(30_000, clock.TrailingLimit(90_000));
        Assert.Equal(0, clock.TrailingLimit(5));
    }

    [Fact]
    public void TheTrailingCursorPassesExactlyTheTimesWhoseEpochsAreDecided() =>
        Gen.Select(Clock, Gen.Long[0, 250_000]).Sample((clock, head) =>
        {
            var limit = clock.TrailingLimit(head);
            Assert.False(clock.EpochOf(limit).IsDecidable(head));
            for (var logTime = 0L; logTime < limit; logTime = clock.EpochOf(logTime).End)
            {
                Assert.True(clock.EpochOf(logTime).IsDecidable(head));
            }

            Assert.True(clock.TrailingLimit(head + 1) >= limit);
            Assert.Equal(limit, clock.EpochOf(limit).Start);
        });

    [Fact]
    public void NoRowCanComeIntoTheWindowOfADecidedTrace() =>
        Gen.Select(Clock, Gen.Long[0, 250_000]).Sample((clock, firstLogTime) =>
        {
            var epoch = clock.EpochOf(firstLogTime);
            var summary = default(TraceSummary);
            summary.Fold(new TraceContribution { LogTime = firstLogTime, RowCount = 1, RootDataset = TraceSummary.NoDataset }, epoch.WindowMs);
            return summary.IsFrozen(epoch.DecidableFrom, clock.WindowAt(firstLogTime));
        });

    [Fact]
    public void EpochsCoverLogTimeWithoutGapOrOverlap() =>
        Clock.Sample(clock =>
        {
            var epoch = clock.EpochOf(0);
            Assert.Equal(0, epoch.Start);
            for (var i = 0; i < 50; i++)
            {
                Assert.True(epoch.End > epoch.Start);
                Assert.Equal(epoch, clock.EpochOf(epoch.Start));
                Assert.Equal(epoch, clock.EpochOf(epoch.End - 1));
                Assert.Equal(epoch.WindowMs, clock.WindowAt(epoch.End - 1));
                var next = clock.EpochOf(epoch.End);
                Assert.Equal(epoch.End, next.Start);
                epoch = next;
            }
        });

    [Fact]
    public void ANewWindowHoldsForTracesThatBeginAfterItsRecord()
    {
        var clock = new DecisionClock(60_000);
        clock.ChangeWindow(25_000, 5000);
        Assert.Equal(60_000, clock.WindowAt(25_000));
        Assert.Equal(5000, clock.WindowAt(25_001));
        Assert.Equal(new Epoch(20_000, 25_001, 60_000), clock.EpochOf(25_000));
        Assert.Equal(new Epoch(25_001, 30_000, 5000), clock.EpochOf(25_001));

        // The short window's epochs wait for the long one's before them.
        Assert.Equal(20_000, clock.TrailingLimit(85_000));
        Assert.Equal(80_000, clock.TrailingLimit(85_001));
    }

    [Fact]
    public void AChangeDoesNotTouchWhatTheHeadHasPassed() =>
        Gen.Select(Clock, Gen.Long[0, 100_000], Gen.Long[100, 40_000]).Sample((clock, after, windowMs) =>
        {
            var at = clock.Changes[^1].FromLogTime + after;
            var before = new DecisionClock(clock.Changes);
            clock.ChangeWindow(at, windowMs);
            Assert.Equal(before.TrailingLimit(at), clock.TrailingLimit(at));
            for (var logTime = 0L; logTime <= at; logTime += 997)
            {
                Assert.Equal(before.WindowAt(logTime), clock.WindowAt(logTime));
                Assert.Equal(before.EpochOf(logTime).Start, clock.EpochOf(logTime).Start);
            }
        });

    [Fact]
    public void OfTwoChangesInOneMillisecondTheLaterHolds()
    {
        var clock = new DecisionClock(60_000);
        clock.ChangeWindow(25_000, 5000);
        clock.ChangeWindow(25_000, 7000);
        Assert.Equal([new WindowChange(0, 60_000), new WindowChange(25_001, 7000)], clock.Changes);
        clock.ChangeWindow(25_000, 60_000);
        Assert.Equal([new WindowChange(0, 60_000)], clock.Changes);
    }

    [Fact]
    public void AClockIsRestoredFromItsChangesAndPrunedOfTheOldOnes() =>
        Gen.Select(Clock, Gen.Long[0, 150_000], Gen.Long[0, 100_000]).Sample((clock, before, after) =>
        {
            var restored = new DecisionClock(clock.Changes);
            restored.Prune(before);
            Assert.Equal(clock.EpochOf(before + after), restored.EpochOf(before + after));
            var head = clock.EpochOf(before).DecidableFrom + after;
            Assert.Equal(clock.TrailingLimit(head + 100_000), restored.TrailingLimit(head + 100_000));
        });

    [Fact]
    public void WrongWindowsAndOrdersAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DecisionClock(99));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DecisionClock(3_600_001));
        var clock = new DecisionClock(1000);
        clock.ChangeWindow(500, 2000);
        Assert.Throws<ArgumentException>(() => clock.ChangeWindow(499, 3000));
        Assert.Throws<ArgumentException>(() => new DecisionClock([]));
        Assert.Throws<ArgumentException>(() => new DecisionClock([new(5, 1000), new(5, 2000)]));
    }
}
