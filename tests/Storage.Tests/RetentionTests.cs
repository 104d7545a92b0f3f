namespace StreamObserve.Storage.Tests;

public sealed class RetentionTests
{
    [Fact]
    public async Task RetentionKeepsDiskFlat()
    {
        using var partition = new TestPartition();
        const int Buckets = 40;
        const int BucketsKept = 4;
        var blockMarks = new List<long>();
        var aggregateMarks = new List<long>();
        var summaryMarks = new List<long>();
        var disk = new List<long>();
        PartitionStore<Tally> store = partition.Open();
        try
        {
            for (int bucket = 0; bucket < Buckets; bucket++)
            {
                blockMarks.Add(store.Blocks.TailMark());
                aggregateMarks.Add(store.Aggregates.TailMark());
                summaryMarks.Add(store.Summaries.TailMark());
                for (ulong i = 0; i < 60; i++)
                {
                    store.Blocks.Upsert(Key(bucket, i), SeededBytes.Make(i, 30_000));
                    store.Aggregates.Upsert(Key(bucket, i), SeededBytes.Make(i, 8_000));
                }

                for (ulong i = 0; i < 5_000; i++)
                {
                    var add = new AddRow(bucket);
                    store.Summaries.Update(Key(bucket, i), ref add);
                }

                if (bucket >= BucketsKept)
                {
                    int oldest = bucket - BucketsKept + 1;
                    store.Blocks.ShiftBegin(blockMarks[oldest]);
                    store.Aggregates.ShiftBegin(aggregateMarks[oldest]);
                    store.Summaries.ShiftBegin(summaryMarks[oldest]);
                    foreach (int kept in new[] { oldest, bucket })
                    {
                        Assert.NotNull(TestPartition.Read(store.Blocks, Key(kept, 0)));
                        Assert.NotNull(TestPartition.Read(store.Aggregates, Key(kept, 59)));
                        Assert.Equal(ReadOutcome.Found, store.Summaries.TryGet(Key(kept, 0), out _));
                    }

                    Assert.Null(TestPartition.Read(store.Blocks, Key(oldest - 2, 0)));
                    Assert.Null(TestPartition.Read(store.Aggregates, Key(oldest - 2, 0)));
                    Assert.Equal(ReadOutcome.NotFound, store.Summaries.TryGet(Key(oldest - 2, 0), out _));
                }

                await store.BeginCut(default).Completed;
                disk.Add(store.DiskBytes);
                if (bucket % 10 == 9)
                {
                    store.Dispose();
                    store = partition.Open();
                    Assert.Empty(store.Damages);
                    Assert.NotNull(TestPartition.Read(store.Blocks, Key(bucket, 0)));
                }
            }
        }
        finally
        {
            store.Dispose();
        }

        long early = disk.GetRange(8, 8).Max();
        long late = disk.GetRange(Buckets - 8, 8).Max();
        Assert.True(late < early * 1.3, $"disk grew from {early} to {late} bytes");
        static ChunkKey Key(int bucket, ulong i) => new((ulong)bucket + 1000, i);
    }
}
