using System.Buffers;

namespace StreamObserve.Storage.Tests;

public sealed class AllocationTests
{
    [Fact]
    public void UpsertUpdateAndReadInMemoryAllocateNothing()
    {
        using var partition = new TestPartition();
        using var store = partition.Open(new PartitionStoreOptions { ForceToDisk = false });
        byte[] value = new byte[300];
        var buffer = new ArrayBufferWriter<byte>(1_000);
        long Run()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (ulong i = 0; i < 1_000; i++)
            {
                var key = new ChunkKey(1, i);
                var add = new AddRow(1);
                store.Summaries.Update(key, ref add);
                store.Summaries.TryGet(key, out _);
                store.Aggregates.Upsert(key, value);
                buffer.ResetWrittenCount();
                store.Aggregates.TryRead(key, buffer);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        _ = Run(); // sessions and pages
        Assert.Equal(0, Run());
    }
}
