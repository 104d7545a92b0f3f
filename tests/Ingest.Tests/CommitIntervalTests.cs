using StreamObserve.Ingest.Bridge;

namespace StreamObserve.Ingest.Tests;

public sealed class CommitIntervalTests
{
    [Theory]
    [InlineData(0, 50, 50)]
    [InlineData(20, 50, 50)]        // transactions that take little are not waited for
    [InlineData(40, 50, 80)]
    [InlineData(125, 50, 250)]
    [InlineData(10_000, 50, 250)]   // one that hung is no reason to show events late
    [InlineData(10_000, 400, 400)]  // what was configured holds
    public void TransactionsComeApartWhereTheyTakeLong(int tookMs, int leastMs, int expectedMs) =>
        Assert.Equal(TimeSpan.FromMilliseconds(expectedMs), BridgeReader.IntervalAfter(TimeSpan.FromMilliseconds(tookMs), TimeSpan.FromMilliseconds(leastMs)));
}
