namespace StreamObserve.Storage.Tests;

public sealed class FencingTests
{
    [Fact]
    public async Task OlderOwnerIsRefusedAndHarmsNothing()
    {
        using var partition = new TestPartition();
        using var older = partition.Open();
        var olderModel = new ReferenceModel();
        await CutAfter(older, olderModel, batches: 30);

        using var newer = partition.Open();
        Assert.True(newer.Epoch > older.Epoch);
        var newerModel = ReferenceModel.FromPayload(newer.Recovered!.Payload.Span);

        // The older one has not noticed: it goes on writing, and so does the newer one.
        for (int i = 0; i < 40; i++)
        {
            olderModel.ApplyTo(older);
            newerModel.ApplyTo(newer);
        }

        Assert.False(older.IsFenced);
        FencedException refused = Assert.Throws<FencedException>(() => older.BeginCut(olderModel.Payload()));
        Assert.False(refused.IsTransient);
        Assert.Equal(newer.Epoch, refused.HighestEpoch);
        Assert.True(older.IsFenced);

        await CutAfter(newer, newerModel, batches: 1);
        await CutAfter(newer, newerModel, batches: 1);
        olderModel.ApplyTo(older); // its folder is gone by now
        newer.Dispose();
        using var third = partition.Open();
        Assert.Empty(third.Damages);
        Assert.Null(newerModel.Difference(third));
    }

    [Fact]
    public async Task CutUnderWayWhenAnotherOwnerComesDoesNotCountForIt()
    {
        using var partition = new TestPartition();
        using var older = partition.Open();
        var model = new ReferenceModel();
        await CutAfter(older, model, batches: 10);
        byte[] payload = model.Payload();

        // Claimed, not yet recovered: the moment between the older one's look and its publishing.
        model.ApplyTo(older);
        using var blocker = new ManualResetEventSlim();
        Task blocked = partition.Scheduler.EnqueueCut(() => { blocker.Wait(); return 0; });
        PendingCut pending = older.BeginCut(model.Payload());
        using var newer = partition.Open();
        blocker.Set();
        await blocked;
        await Assert.ThrowsAsync<FencedException>(() => pending.Completed);
        Assert.Equal(payload, newer.Recovered!.Payload.ToArray());
        Assert.Null(ReferenceModel.FromPayload(payload).Difference(newer));
    }

    [Fact]
    public async Task OwnersThatStartAtTheSameTimeGetDifferentEpochs()
    {
        using var partition = new TestPartition();
        PartitionStore<Tally>[] owners = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => partition.Open())));
        try
        {
            Assert.Equal(4, owners.Select(owner => owner.Epoch).Distinct().Count());
            PartitionStore<Tally> rightful = owners.MaxBy(owner => owner.Epoch)!;
            foreach (PartitionStore<Tally> owner in owners)
            {
                Assert.Equal(owner != rightful, owner.LookForHigherEpoch());
            }

            await rightful.BeginCut(default).Completed;
        }
        finally
        {
            foreach (PartitionStore<Tally> owner in owners)
            {
                owner.Dispose();
            }
        }
    }

    [Fact]
    public void RestartsWithoutACutLeaveNoFoldersBehind()
    {
        using var partition = new TestPartition();
        for (int i = 0; i < 5; i++)
        {
            using var store = partition.Open();
            new ReferenceModel().ApplyTo(store);
        }

        Assert.Single(Directory.GetDirectories(partition.Folder));
    }

    private static async Task CutAfter(PartitionStore<Tally> store, ReferenceModel model, int batches)
    {
        for (int i = 0; i < batches; i++)
        {
            model.ApplyTo(store);
        }

        await store.BeginCut(model.Payload()).Completed;
    }
}
