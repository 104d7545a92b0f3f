using CsCheck;

namespace StreamObserve.Hosting.Tests;

public class MemoryBudgetTests
{
    [Fact]
    public void PartsMakeTheWholeWhateverTheRoles() =>
        Gen.Select(Gen.Long[Limits.MemoryMinBytes, 64L << 30], Gen.Byte[1, 15]).Sample((total, roles) =>
        {
            MemoryBudget budget = MemoryBudget.Of(new ByteSize(total), (NodeRoles)roles, 4);
            long[] parts = [budget.RuntimeBytes, budget.BrokerBytes, budget.IngestBytes, budget.BatchCacheBytes, budget.RowsBytes, budget.StoresBytes, budget.QueriesBytes];
            return parts.Sum() == total && parts.All(p => p >= 0) && budget.HeapBytes < total + budget.UntouchedBytes;
        });

    [Fact]
    public void RolesThatAreOffLeaveTheirShareToTheOthers()
    {
        MemoryBudget all = MemoryBudget.Of(ByteSize.GiB(1), NodeRoles.Broker | NodeRoles.Ingest | NodeRoles.Processor | NodeRoles.Query, 4);
        MemoryBudget processor = MemoryBudget.Of(ByteSize.GiB(1), NodeRoles.Processor, 4);
        Assert.Equal(0, processor.BrokerBytes);
        Assert.Equal(0, processor.IngestBytes);
        Assert.True(processor.StoresBytes > all.StoresBytes);
    }

    [Fact]
    public void HeapLimitIsInForceAfterwards()
    {
        // High enough not to bother the other tests of this process.
        const long Limit = 3L << 30;
        HeapLimit.Apply(Limit);
        GC.Collect();
        Assert.Equal(Limit, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
    }
}
