namespace StreamObserve.Storage.Tests;

public sealed class RecoveryTests
{
    [Fact]
    public async Task ReopenedPartitionHoldsExactlyTheStateOfItsLastCut()
    {
        using var partition = new TestPartition();
        var model = new ReferenceModel();
        CutId last = default;
        using (var store = partition.Open())
        {
            Assert.Null(store.Recovered);
            for (int cut = 0; cut < 10; cut++)
            {
                for (int batch = 0; batch < 10; batch++)
                {
                    model.ApplyTo(store);
                }

                CompletedCut completed = await store.BeginCut(model.Payload()).Completed;
                last = completed.Id;
            }

            Assert.Null(model.Difference(store));
            byte[] payload = model.Payload();
            for (int batch = 0; batch < 5; batch++)
            {
                model.ApplyTo(store); // after the last cut: must be gone
            }

            model = ReferenceModel.FromPayload(payload);
        }

        for (int restart = 0; restart < 3; restart++)
        {
            using var store = partition.Open();
            Assert.Empty(store.Damages);
            Assert.Equal(last, store.Recovered!.Id);
            Assert.Null(model.Difference(store));
            Assert.Null(model.Difference(store));
        }
    }

    [Fact]
    public async Task ManifestDoesNotGrowWithRestarts()
    {
        using var partition = new TestPartition();
        var sizes = new List<long>();
        for (int restart = 0; restart < 8; restart++)
        {
            using var store = partition.Open();
            if (restart == 0)
            {
                var add = new AddRow(1);
                store.Summaries.Update(new ChunkKey(1, 1), ref add);
            }

            Assert.Equal(ReadOutcome.Found, store.Summaries.TryGet(new ChunkKey(1, 1), out _));
            CutId id = (await store.BeginCut(default).Completed).Id;
            sizes.Add(new FileInfo(Path.Combine(partition.Folder, $"epoch-{id.Epoch:D10}", $"cut-{id.Sequence:D10}.manifest")).Length);
        }

        Assert.InRange(sizes[^1], sizes[0] - 20, sizes[0] + 20); // the numbers in it vary in length
    }
}
