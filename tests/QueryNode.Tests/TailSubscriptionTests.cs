using CsCheck;
using Microsoft.Extensions.Time.Testing;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Tests;

public class TailSubscriptionTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void ARateLetsThroughOneSecondsWorthAndSkipsTheRest()
    {
        var tail = Tail(rate: 10);
        Assert.Equal(10, Enumerable.Range(0, 25).Count(_ => tail.Offer(Row(1))));
        _time.Advance(TimeSpan.FromMilliseconds(300));
        Assert.Equal(3, Enumerable.Range(0, 25).Count(_ => tail.Offer(Row(1))));
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(10, Enumerable.Range(0, 25).Count(_ => tail.Offer(Row(1))));

        Assert.Equal(new TailCounts(75, 0, 52), tail.Counts);
    }

    [Fact]
    public void RateZeroOnlyCounts()
    {
        var tail = Tail(rate: 0);
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.False(tail.Offer(Row(1)));
        Assert.Equal(new TailCounts(1, 0, 1), tail.Counts);
    }

    [Fact]
    public void AFullQueueSkipsAndARowThatFitsLaterIsTaken()
    {
        var tail = Tail(queuedRowsMax: 2);
        Assert.Equal((true, true, false), (tail.Offer(Row(1)), tail.Offer(Row(1)), tail.Offer(Row(1))));
        Assert.True(tail.TryRead(out _));
        Assert.True(tail.Offer(Row(1)));
        Assert.Equal(new TailCounts(4, 1, 1), tail.Counts);
    }

    [Fact]
    public void BytesBoundTheQueueButALargeRowGoesThroughAlone()
    {
        var tail = Tail(queuedBytesMax: 100);
        Assert.True(tail.Offer(Row(1_000)));
        Assert.False(tail.Offer(Row(1)));
        Assert.True(tail.TryRead(out _));
        Assert.Equal((true, false, true), (tail.Offer(Row(60)), tail.Offer(Row(41)), tail.Offer(Row(40))));
    }

    [Fact]
    public async Task ACompletedTailStillGivesWhatWaitsThenEnds()
    {
        var tail = Tail();
        tail.Offer(Row(1));
        tail.Complete("partition 3 is gone");
        tail.Complete("too late");

        Assert.False(tail.Offer(Row(1)));
        Assert.True(await tail.WaitToReadAsync(default));
        Assert.True(tail.TryRead(out _));
        Assert.False(await tail.WaitToReadAsync(default));
        Assert.Equal("partition 3 is gone", tail.EndReason);
    }

    [Fact]
    public async Task ClosingTellsTheProducerOnceAndTakesNothingMore()
    {
        var closed = 0;
        var tail = new TailSubscription(new() { Dataset = "d" }, _time, () =>
        {
            closed++;
            return ValueTask.CompletedTask;
        });
        await tail.DisposeAsync();
        await tail.DisposeAsync();

        Assert.Equal(1, closed);
        Assert.False(tail.Offer(Row(1)));
    }

    // Steps: 0..5 offer a row of that many tens of bytes, 6 read, 7 count skipped rows, 8 let time pass.
    [Fact]
    public void MatchedIsAlwaysSentAndSkippedAndWaiting() =>
        Gen.Int[0, 8].Array[0, 200].Sample(steps =>
        {
            const int rowsMax = 4;
            const int bytesMax = 100;
            var time = new FakeTimeProvider();
            var tail = new TailSubscription(new() { Dataset = "d", RatePerSecond = 20 }, time, () => ValueTask.CompletedTask, rowsMax, bytesMax);
            var waiting = new Queue<int>();
            var matched = 0L;
            foreach (var step in steps)
            {
                switch (step)
                {
                    case <= 5:
                        matched++;
                        if (tail.Offer(Row(step * 10)))
                        {
                            waiting.Enqueue(step * 10);
                        }

                        break;
                    case 6:
                        Assert.Equal(waiting.TryDequeue(out var length), tail.TryRead(out var row));
                        Assert.Equal(length, row.Json.Length);
                        break;
                    case 7:
                        matched += 3;
                        tail.CountSkipped(3);
                        break;
                    default:
                        time.Advance(TimeSpan.FromMilliseconds(70));
                        break;
                }

                var counts = tail.Counts;
                Assert.Equal(matched, counts.Matched);
                Assert.Equal(counts.Matched, counts.Sent + counts.Skipped + waiting.Count);
                Assert.True(waiting.Count <= rowsMax && (waiting.Count <= 1 || waiting.Sum() <= bytesMax));
            }
        });

    [Fact]
    public async Task OffersFromManyThreadsAreAllCounted()
    {
        var tail = Tail(rate: TailLimits.RateMax, queuedRowsMax: 64);
        using var stop = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            while (await tail.WaitToReadAsync(default))
            {
                while (tail.TryRead(out _))
                {
                }
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                tail.Offer(Row(1));
            }
        })));
        tail.Complete("done");
        await reader;

        var counts = tail.Counts;
        Assert.Equal(20_000, counts.Matched);
        Assert.Equal(counts.Matched, counts.Sent + counts.Skipped);
        Assert.True(counts.Sent >= 64);
    }

    private static TailRow Row(int bytes) => new(new byte[bytes], "t");

    private TailSubscription Tail(int rate = 1_000, int queuedRowsMax = 100, int queuedBytesMax = 100_000) =>
        new(new() { Dataset = "d", RatePerSecond = rate }, _time, () => ValueTask.CompletedTask, queuedRowsMax, queuedBytesMax);
}
