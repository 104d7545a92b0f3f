namespace StreamObserve.Storage.Tests;

public sealed class SettingsTests
{
    [Fact]
    public async Task OtherSettingsAreRefusedByNameAndDoNotFenceTheOwner()
    {
        using var partition = new TestPartition();
        using var owner = partition.Open(fingerprint: "BatchCodec=1\nBlockFormat=3");
        await owner.BeginCut(default).Completed;

        SettingsMismatchException refused = Assert.Throws<SettingsMismatchException>(() => partition.Open(fingerprint: "BatchCodec=1\nBlockFormat=4"));
        Assert.Equal(("BlockFormat", "3", "4"), (refused.Setting, refused.Stored, refused.Configured));
        Assert.False(refused.IsTransient);

        refused = Assert.Throws<SettingsMismatchException>(() => partition.Open(
            TestPartition.Small with { BlocksSegmentBytes = 4 << 20 }, "BatchCodec=1\nBlockFormat=3"));
        Assert.Equal((nameof(PartitionStoreOptions.BlocksSegmentBytes), "1048576", "4194304"), (refused.Setting, refused.Stored, refused.Configured));

        refused = Assert.Throws<SettingsMismatchException>(() => PartitionStore<long>.Open(
            partition.Folder, TestPartition.Small, "BatchCodec=1\nBlockFormat=3", partition.Scheduler, TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));
        Assert.Equal("SummaryBytes", refused.Setting);

        Assert.False(owner.LookForHigherEpoch());
        await owner.BeginCut(default).Completed;
    }

    [Fact]
    public async Task MemoryMayChangeBetweenRuns()
    {
        using var partition = new TestPartition();
        var model = new ReferenceModel();
        using (var store = partition.Open(TestPartition.Small with { MemoryBudgetBytes = 32 << 20 }))
        {
            for (int batch = 0; batch < 80; batch++)
            {
                model.ApplyTo(store);
            }

            await store.BeginCut(model.Payload()).Completed;
        }

        using (var smaller = partition.Open(TestPartition.Small with { MemoryBudgetBytes = 1 << 20 }))
        {
            Assert.Null(model.Difference(smaller));
            model.ApplyTo(smaller);
            await smaller.BeginCut(model.Payload()).Completed;
        }

        using var larger = partition.Open(TestPartition.Small with { MemoryBudgetBytes = 64 << 20 });
        Assert.Null(model.Difference(larger));
    }

    [Theory]
    [InlineData(100_000, "BlocksPageBytes is 100000")]
    [InlineData(1 << 29, "BlocksPageBytes is 536870912")]
    public void WrongOptionIsNamedWithItsValue(int page, string expected)
    {
        using var partition = new TestPartition();
        ArgumentException refused = Assert.Throws<ArgumentException>(() => partition.Open(TestPartition.Small with { BlocksPageBytes = page }));
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(partition.Folder));
    }

    [Fact]
    public void DefaultsTakeABlockOfFourMegabytes()
    {
        using var partition = new TestPartition();
        using var store = partition.Open(new PartitionStoreOptions());
        byte[] value = SeededBytes.Make(1, 4 << 20);
        for (ulong i = 0; i < 20; i++)
        {
            store.Blocks.Upsert(new ChunkKey(1, i), value);
        }

        store.Aggregates.Upsert(new ChunkKey(1, 1), value.AsSpan(0, 1 << 20));
        Assert.Equal(value, TestPartition.Read(store.Blocks, new ChunkKey(1, 0)));
        Assert.Equal(value, TestPartition.Read(store.Blocks, new ChunkKey(1, 19)));
        Assert.Equal(1 << 20, TestPartition.Read(store.Aggregates, new ChunkKey(1, 1))!.Length);
        ArgumentOutOfRangeException refused = Assert.Throws<ArgumentOutOfRangeException>(
            () => store.Blocks.Upsert(new ChunkKey(1, 99), new byte[store.Blocks.ValueBytesMax + 1]));
        Assert.Contains($"at most {Limits.BlockValueBytesMax} bytes", refused.Message, StringComparison.Ordinal);
        store.Blocks.Upsert(new ChunkKey(1, 100), new byte[store.Blocks.ValueBytesMax]);
        Assert.Equal(Limits.BlockValueBytesMax, TestPartition.Read(store.Blocks, new ChunkKey(1, 100))!.Length);
        store.Aggregates.Upsert(new ChunkKey(1, 101), new byte[Limits.AggregateValueBytesMax]);
    }
}
