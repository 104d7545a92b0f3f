using CsCheck;
using Microsoft.Extensions.Time.Testing;
using StreamObserve.QueryNode.Results;

namespace StreamObserve.QueryNode.Tests;

public class ResultStoreTests
{
    [Fact]
    public async Task TheLeastRecentlyUsedGoesFirst()
    {
        var store = new MemoryResultStore(resultsMax: 2);
        await store.PutAsync("a", "1"u8.ToArray(), default);
        await store.PutAsync("b", "2"u8.ToArray(), default);
        Assert.NotNull(await store.GetAsync("a", default));
        await store.PutAsync("c", "3"u8.ToArray(), default);

        Assert.NotNull(await store.GetAsync("a", default));
        Assert.Null(await store.GetAsync("b", default));
        Assert.NotNull(await store.GetAsync("c", default));
    }

    [Fact]
    public async Task AnIdIsStoredOnce()
    {
        var store = new MemoryResultStore();
        await store.PutAsync("a", "1"u8.ToArray(), default);

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.PutAsync("a", "2"u8.ToArray(), default));
        Assert.Equal("1"u8.ToArray(), (await store.GetAsync("a", default))!.Value.ToArray());
    }

    [Fact]
    public async Task AnAnswerPastTheBytesIsNotKeptAndCostsNobodyElse()
    {
        var store = new MemoryResultStore(bytesMax: 10);
        await store.PutAsync("a", new byte[10], default);
        await store.PutAsync("b", new byte[11], default);

        Assert.NotNull(await store.GetAsync("a", default));
        Assert.Null(await store.GetAsync("b", default));
    }

    [Fact]
    public void BothBoundsHoldAndWhatIsKeptIsTheNewestThatFits() =>
        Gen.Int[0, 40].Array[1, 60].Sample(sizes =>
        {
            const int resultsMax = 5;
            const int bytesMax = 100;
            var store = new MemoryResultStore(resultsMax, bytesMax);
            for (var i = 0; i < sizes.Length; i++)
            {
                store.PutAsync($"{i}", new byte[sizes[i]], default).AsTask().GetAwaiter().GetResult();
            }

            // Without reads the least recently used are the oldest.
            var (expected, bytes) = (0, 0);
            for (var i = sizes.Length - 1; i >= 0 && expected < resultsMax && bytes + sizes[i] <= bytesMax; i--)
            {
                (expected, bytes) = (expected + 1, bytes + sizes[i]);
            }

            for (var i = 0; i < sizes.Length; i++)
            {
                var isKept = store.GetAsync($"{i}", default).AsTask().GetAwaiter().GetResult() is not null;
                Assert.Equal(i >= sizes.Length - expected, isKept);
            }
        });

    [Fact]
    public async Task PinnedAnswersStayWhileOthersGo()
    {
        var store = new MemoryResultStore(resultsMax: 4);
        await store.PutAsync("kept", "0"u8.ToArray(), default);
        Assert.Equal(PinOutcome.Pinned, await store.PinAsync("kept", default));
        for (var i = 0; i < 10; i++)
        {
            await store.PutAsync($"{i}", "1"u8.ToArray(), default);
        }

        Assert.NotNull(await store.GetAsync("kept", default));
        Assert.Null(await store.GetAsync("6", default));
        Assert.NotNull(await store.GetAsync("9", default));
        Assert.True(await store.UnpinAsync("kept", default));
        Assert.False(await store.UnpinAsync("kept", default));
    }

    [Fact]
    public async Task HalfOfTheStoreMayBePinned()
    {
        var store = new MemoryResultStore(resultsMax: 2);
        await store.PutAsync("a", "1"u8.ToArray(), default);
        await store.PutAsync("b", "1"u8.ToArray(), default);

        Assert.Equal(PinOutcome.Pinned, await store.PinAsync("a", default));
        Assert.Equal(PinOutcome.Pinned, await store.PinAsync("a", default));
        Assert.Equal(PinOutcome.Full, await store.PinAsync("b", default));
        Assert.Equal(PinOutcome.Unknown, await store.PinAsync("c", default));
    }

    [Fact]
    public void IdsAreLettersAndDigitsOfFullLengthAndTellTheirTime()
    {
        var random = new Random(7);
        var clock = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123));
        var ids = new TimedResultIds(clock, bytes => random.NextBytes(bytes));
        var made = Enumerable.Range(0, 1_000).Select(_ => ids.Next()).ToArray();

        Assert.Equal(made.Length, made.Distinct(StringComparer.Ordinal).Count());
        Assert.All(made, id => Assert.Matches("^[0-9A-Za-z]{20}$", id));
        Assert.All(made, id => Assert.True(TimedResultIds.TryReadTime(id, out var ms) && ms == 1_700_000_000_123));
        Assert.Equal(62, made.SelectMany(id => id[8..]).Distinct().Count());
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(string.CompareOrdinal(made[0][..8], ids.Next()[..8]) < 0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("abcd1234")]
    [InlineData("0123456789012345678-")]
    [InlineData("012345678901234567890")]
    public void WhatIsNoIdHasNoTime(string text) => Assert.False(TimedResultIds.TryReadTime(text, out _));
}
