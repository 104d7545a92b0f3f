using CsCheck;
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
    public void IdsAreLettersAndDigitsOfFullLength()
    {
        var random = new Random(7);
        var ids = new RandomResultIds(bytes => random.NextBytes(bytes));
        var made = Enumerable.Range(0, 1_000).Select(_ => ids.Next()).ToArray();

        Assert.Equal(made.Length, made.Distinct(StringComparer.Ordinal).Count());
        Assert.All(made, id => Assert.Matches("^[0-9A-Za-z]{20}$", id));
        Assert.Equal(62, made.SelectMany(id => id).Distinct().Count());
    }
}
