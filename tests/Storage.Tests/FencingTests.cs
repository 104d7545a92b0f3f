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

    /// <summary>The newer owner deletes the older one's folder while that still writes: the older one is fenced, not an owner with a bad disk, which would open again.</summary>
    [Fact]
    public async Task OwnerWhoseFolderIsTakenAwayIsFencedWhateverItDoesNext()
    {
        for (int round = 0; round < 20; round++)
        {
            using var partition = new TestPartition();
            using var older = partition.Open();
            var model = new ReferenceModel();
            model.ApplyTo(older);
            PendingCut pending = older.BeginCut(model.Payload());
            Task<PartitionStore<Tally>> opening = Task.Run(() => partition.Open());
            Exception? refused = Record.Exception(() =>
            {
                // Pages fill up and are written to a folder that goes away, unless the cut is published in time.
                for (int after = 0; after < 30; after += opening.IsCompleted ? 1 : 0)
                {
                    model.ApplyTo(older);
                }
            });
            using var newer = await opening;
            Assert.True(refused is null or FencedException, refused?.ToString());
            refused = await Record.ExceptionAsync(() => pending.Completed);
            Assert.True(refused is null or FencedException, refused?.ToString());
            Assert.Throws<FencedException>(() => older.BeginCut(model.Payload()));
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
