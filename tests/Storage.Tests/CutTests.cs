using System.Buffers;

namespace StreamObserve.Storage.Tests;

public sealed class CutTests
{
    [Fact]
    public async Task UpdatesWhileACutRunsAreNotInIt()
    {
        using var partition = new TestPartition();
        byte[] payload = [];
        CutId last = default;
        for (int restart = 0; restart < 12; restart++)
        {
            using var store = partition.Open();
            Assert.Empty(store.Damages);
            var model = store.Recovered is { } cut ? ReferenceModel.FromPayload(cut.Payload.Span) : new ReferenceModel();
            Assert.Equal(last, store.Recovered?.Id ?? default);
            Assert.Equal(payload, store.Recovered?.Payload.ToArray() ?? []);
            Assert.Null(model.Difference(store));
            PendingCut? pending = null;
            for (int batch = 0; batch < 25; batch++)
            {
                model.ApplyTo(store);
                if (pending is null || pending.Completed.IsCompleted)
                {
                    payload = model.Payload();
                    pending = store.BeginCut(payload);
                }
            }

            last = (await pending!.Completed).Id;
        }
    }

    [Fact]
    public async Task ReadersSeeWholeValuesWhileCutsRun()
    {
        using var partition = new TestPartition();
        using var store = partition.Open();
        const int Keys = 64;
        long generation = 0;
        using var stop = new CancellationTokenSource();
        void WriteAll()
        {
            long next = generation + 1;
            for (ulong i = 0; i < Keys; i++)
            {
                // Each value is one byte repeated, of a length that depends on it: a torn one would show.
                byte[] value = new byte[1_000 + (next % 50 * 100)];
                Array.Fill(value, (byte)next);
                store.Aggregates.Upsert(new ChunkKey(4, i), value);
                store.Blocks.Upsert(new ChunkKey(4, ((ulong)next * Keys) + i), value);
                var add = new AddRow(next);
                store.Summaries.Update(new ChunkKey(4, i), ref add);
            }

            Interlocked.Exchange(ref generation, next);
        }

        WriteAll();
        long reads = 0;
        Task[] readers = [.. Enumerable.Range(0, 3).Select(seed => Task.Factory.StartNew(
            () =>
            {
                var random = new Random(seed);
                var buffer = new ArrayBufferWriter<byte>();
                while (!stop.IsCancellationRequested)
                {
                    long at = Interlocked.Read(ref generation);
                    ulong i = (ulong)random.Next(Keys);
                    buffer.ResetWrittenCount();
                    Assert.Equal(ReadOutcome.Found, store.Aggregates.TryRead(new ChunkKey(4, i), buffer));
                    CheckWhole(buffer.WrittenSpan);
                    buffer.ResetWrittenCount();
                    long old = random.NextInt64(1, at + 1);
                    Assert.Equal(ReadOutcome.Found, store.Blocks.TryRead(new ChunkKey(4, ((ulong)old * Keys) + i), buffer));
                    CheckWhole(buffer.WrittenSpan);
                    Assert.Equal((byte)old, buffer.WrittenSpan[0]);
                    Assert.Equal(ReadOutcome.Found, store.Summaries.TryGet(new ChunkKey(4, i), out Tally tally));
                    Assert.Equal(tally.Rows, tally.LastBatch);
                    Assert.Equal(tally.Longest, tally.LastBatch);
                    Assert.True(tally.Rows >= at);
                    Interlocked.Increment(ref reads);
                }
            },
            TaskCreationOptions.LongRunning))];

        for (int cut = 0; cut < 20; cut++)
        {
            for (int i = 0; i < 8; i++)
            {
                WriteAll();
            }

            await store.BeginCut(default).Completed;
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.True(Interlocked.Read(ref reads) > 100, $"only {reads} reads");

        static void CheckWhole(ReadOnlySpan<byte> value)
        {
            Assert.Equal(-1, value.IndexOfAnyExcept(value[0]));
            Assert.Equal(value[0] % 50, (value.Length - 1_000) / 100 % 50);
        }
    }

    [Fact]
    public async Task FourPartitionsCutAtOnceWithinBounds()
    {
        using var scheduler = new CutScheduler(2);
        TestPartition[] partitions = [.. Enumerable.Range(0, 4).Select(_ => new TestPartition())];
        try
        {
            PartitionStore<Tally>[] stores = [.. partitions.Select(partition => PartitionStore<Tally>.Open(
                partition.Folder, TestPartition.Small, "", scheduler, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance))];
            ReferenceModel[] models = [.. stores.Select(_ => new ReferenceModel())];
            for (int round = 0; round < 5; round++)
            {
                for (int i = 0; i < stores.Length; i++)
                {
                    for (int batch = 0; batch < 8; batch++)
                    {
                        models[i].ApplyTo(stores[i]);
                    }
                }

                PendingCut[] pending = [.. stores.Select((store, i) => store.BeginCut(models[i].Payload()))];
                CompletedCut[] completed = await Task.WhenAll(pending.Select(cut => cut.Completed));
                Assert.All(completed, cut => Assert.InRange(cut.TotalTime, TimeSpan.Zero, TimeSpan.FromSeconds(5)));
                Assert.All(completed, cut => Assert.InRange(cut.CaptureTime, TimeSpan.Zero, TimeSpan.FromSeconds(1)));
            }

            for (int i = 0; i < stores.Length; i++)
            {
                stores[i].Dispose();
                using PartitionStore<Tally> reopened = PartitionStore<Tally>.Open(
                    partitions[i].Folder, TestPartition.Small, "", scheduler, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
                Assert.Null(models[i].Difference(reopened));
            }
        }
        finally
        {
            foreach (TestPartition partition in partitions)
            {
                partition.Dispose();
            }
        }
    }

    [Fact]
    public async Task CutsOfAnEmptyOrUnchangedPartitionAreCuts()
    {
        using var partition = new TestPartition();
        for (int restart = 0; restart < 3; restart++)
        {
            using var store = partition.Open();
            Assert.Empty(store.Damages);
            Assert.Equal(restart, store.Recovered?.Payload.Length ?? 0);
            for (int cut = 0; cut < 3; cut++)
            {
                await store.BeginCut(new byte[restart + 1]).Completed;
            }
        }
    }

    [Fact]
    public async Task CutBeforeTheLastOneIsCompletedIsRefused()
    {
        using var partition = new TestPartition();
        using var store = partition.Open();
        using var blocker = new ManualResetEventSlim();
        Task blocked = partition.Scheduler.EnqueueCut(() => { blocker.Wait(); return 0; });
        PendingCut pending = store.BeginCut(default);
        Assert.Throws<InvalidOperationException>(() => store.BeginCut(default));
        blocker.Set();
        await blocked;
        await pending.Completed;
        await store.BeginCut(default).Completed;
    }

    [Fact]
    public async Task FailedWriteStopsCutsAndSaysThatOpeningAgainHelps()
    {
        using var partition = new TestPartition();
        var model = new ReferenceModel();
        using (var store = partition.Open())
        {
            model.ApplyTo(store);
            await store.BeginCut(model.Payload()).Completed;
            string blocks = partition.StoreFolder(store.Epoch, "blocks");
            Directory.Move(blocks, blocks + ".gone");
            StorageException failed = await Assert.ThrowsAnyAsync<StorageException>(async () =>
            {
                for (ulong i = 0; i < 200; i++)
                {
                    store.Blocks.Upsert(new ChunkKey(5, i), new byte[50_000]);
                }

                await store.BeginCut(default).Completed;
            });
            Assert.True(failed.IsTransient);
            Assert.IsType<StorageFailedException>(failed);
            Assert.Throws<StorageFailedException>(() => store.BeginCut(default));
            Directory.Move(blocks + ".gone", blocks);
        }

        using var reopened = partition.Open();
        Assert.Null(model.Difference(reopened));
    }
}
