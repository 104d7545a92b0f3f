using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class KeyGoalsTests
{
    // Counts of the keys one, two, three … ten; in ascending order of the keys that is eight, five, four, nine, one, seven, six, ten, three, two.
    [Fact]
    public void RatesAreThoseOfTheDynamicSampler()
    {
        string[] keys = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        long[] counts = [1, 1, 2, 5, 8, 15, 45, 612, 2_000, 10_000];
        var sorted = keys.Zip(counts).OrderBy(key => key.First, StringComparer.Ordinal).ToArray();
        var rates = sorted.Zip(KeyGoals.Rates(sorted.Select(key => key.Second).ToArray(), 20), (key, rate) => (key.First, rate)).ToDictionary();
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 6, 14, 47], keys.Select(key => rates[key]));
    }

    [Theory]
    [InlineData(new long[] { 1 }, 5, 1)]
    [InlineData(new long[] { 1, 1, 1 }, 1, 1)]              // fewer than there are keys
    [InlineData(new long[] { 10, 10, 100_000 }, 0.5, 0.5)]
    [InlineData(new long[] { 10, 10, 100_000 }, 3, 3)]
    [InlineData(new long[] { 1_000 }, 100, 100)]
    [InlineData(new long[] { 1_000, 1_000 }, 100, 100)]
    [InlineData(new long[] { 3, 100_000 }, 1_000, 1_000)]   // what one leaves over is the other's, in whatever order
    [InlineData(new long[] { 100_000, 3 }, 1_000, 1_000)]
    [InlineData(new long[] { 1, 1, 2, 5, 8, 15, 45, 612, 2_000, 10_000 }, 634.9, 634.9)]
    [InlineData(new long[] { 5, 7 }, 100, 12)]
    public void SharesComeToTheGoal(long[] counts, double goal, double sum)
    {
        var shares = KeyGoals.Shares(counts, goal);
        Assert.All(shares, share => Assert.InRange(share, double.Epsilon, 1));
        Assert.Equal(sum, shares.Zip(counts, (share, count) => share * count).Sum(), 1e-9 * sum);
    }

    [Fact]
    public void RareKeysKeepALargerPart()
    {
        long[] counts = [10, 1_000, 100_000];
        var shares = KeyGoals.Shares(counts, 600);
        Assert.Equal(1, shares[0]);
        Assert.InRange(shares[1], 0.2, 0.3);
        Assert.InRange(shares[2], 0.003, 0.004);
    }
}
