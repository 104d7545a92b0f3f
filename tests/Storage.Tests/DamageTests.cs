namespace StreamObserve.Storage.Tests;

public sealed class DamageTests
{
    /// <summary>What is done to the newest cut, and which store's file is named.</summary>
    public static TheoryData<string, string> Injuries => new()
    {
        { "manifest", "flip" },
        { "manifest", "truncate" },
        { "manifest", "delete" },
        { "manifest", "empty" },
        { "index-*", "flip" },
        { "index-*", "truncate" },
        { "index-*", "delete" },
    };

    [Theory]
    [MemberData(nameof(Injuries))]
    public async Task DamagedNewestCutIsNamedAndTheOneBeforeServes(string what, string injury)
    {
        using var partition = new TestPartition();
        (CutId before, ReferenceModel modelBefore, CutId newest, _) = await MakeTwoCuts(partition);
        string folder = Path.Combine(partition.Folder, $"epoch-{newest.Epoch:D10}");
        string file = what == "manifest"
            ? Path.Combine(folder, $"cut-{newest.Sequence:D10}.manifest")
            : IndexOfCut(partition, newest);
        Injure(file, injury);

        using var store = partition.Open();
        if (injury == "delete" && what == "manifest")
        {
            Assert.Empty(store.Damages); // a cut without a manifest never was
        }
        else
        {
            Damage damage = Assert.Single(store.Damages);
            Assert.Equal(DamageEffect.CutRefused, damage.Effect);
            Assert.Equal(Path.GetRelativePath(partition.Folder, file), damage.File);
        }

        Assert.Equal(before, store.Recovered!.Id);
        Assert.Null(modelBefore.Difference(store));
    }

    [Theory]
    [InlineData("aggregates", "flip")]
    [InlineData("aggregates", "truncate")]
    [InlineData("blocks", "flip")]
    [InlineData("blocks", "truncate")]
    [InlineData("blocks", "delete")]
    [InlineData("summaries", "flip")]
    public async Task DamagedTailOfTheLogRefusesBothCutsOfAnEpochButNeverCrashes(string storeName, string injury)
    {
        using var partition = new TestPartition();
        (_, _, CutId newest, _) = await MakeTwoCuts(partition);
        string file = NewestFile(partition.StoreFolder(newest.Epoch, storeName), "segment-*");
        Injure(file, injury, at: injury == "flip" ? LastByteOfFirstHalf(file) : null);

        using var store = partition.Open();
        Assert.NotEmpty(store.Damages);
        Assert.All(store.Damages, damage => Assert.Contains("segment-", damage.File, StringComparison.Ordinal));
        if (store.Recovered is { } recovered)
        {
            Assert.Null(ReferenceModel.FromPayload(recovered.Payload.Span).Difference(store));
        }
        else
        {
            Assert.Equal(ReadOutcome.NotFound, store.Summaries.TryGet(new ChunkKey(1, 1), out _));
        }

        var model = store.Recovered is { } from ? ReferenceModel.FromPayload(from.Payload.Span) : new ReferenceModel();
        model.ApplyTo(store);
        await store.BeginCut(model.Payload()).Completed;
        Assert.Null(model.Difference(store));
    }

    [Theory]
    [InlineData("flip")]
    [InlineData("truncate")]
    [InlineData("delete")]
    [InlineData("zero")]
    public async Task DamagedColdSegmentLosesItsValuesOnlyAndSaysSo(string injury)
    {
        using var partition = new TestPartition();
        var keys = new List<ChunkKey>();
        using (var store = partition.Open())
        {
            for (int i = 0; i < 400; i++)
            {
                var key = new ChunkKey(9, (ulong)i);
                store.Blocks.Upsert(key, SeededBytes.Make((ulong)i, 40_000));
                keys.Add(key);
                if (i % 100 == 99)
                {
                    await store.BeginCut(default).Completed;
                }
            }
        }

        string cold = Directory.GetFiles(partition.StoreFolder(1, "blocks"), "segment-*").Order(StringComparer.Ordinal).ElementAt(1);
        Injure(cold, injury);
        using var reopened = partition.Open();
        Assert.NotNull(reopened.Recovered);
        Assert.All(reopened.Damages, damage => Assert.Equal(DamageEffect.ValuesLost, damage.Effect));
        Assert.Equal(injury is "truncate" or "delete", reopened.Damages.Count > 0);

        int damaged = 0;
        for (int i = 0; i < keys.Count; i++)
        {
            var destination = new System.Buffers.ArrayBufferWriter<byte>();
            switch (reopened.Blocks.TryRead(keys[i], destination))
            {
                case ReadOutcome.Found:
                    Assert.True(destination.WrittenSpan.SequenceEqual(SeededBytes.Make((ulong)i, 40_000)), $"value {i} is not what was stored");
                    break;
                case ReadOutcome.Damaged:
                    Assert.Equal(0, destination.WrittenCount);
                    damaged++;
                    break;
                default:
                    Assert.Fail($"value {i} is reported as never stored");
                    break;
            }
        }

        int inASegment = (1 << 20) / 40_000;
        Assert.InRange(damaged, 1, inASegment + 2);
        Assert.True(reopened.Blocks.DamagedSectorCount > 0);
        Assert.Contains(reopened.VerifyFiles(), damage => damage.File.EndsWith(Path.GetFileName(cold), StringComparison.Ordinal));
    }

    [Fact]
    public async Task EveryByteOfAManifestIsGuarded()
    {
        using var partition = new TestPartition();
        (CutId before, _, CutId newest, _) = await MakeTwoCuts(partition);
        string file = Path.Combine(partition.Folder, $"epoch-{newest.Epoch:D10}", $"cut-{newest.Sequence:D10}.manifest");
        byte[] sound = File.ReadAllBytes(file);
        for (int at = 0; at < sound.Length; at += Math.Max(1, sound.Length / 400))
        {
            byte[] flipped = [.. sound];
            flipped[at] ^= 0x10;
            Assert.Null(Cuts.CutManifest.TryDecode(flipped, out string? problem));
            Assert.NotNull(problem);
            Assert.Null(Cuts.CutManifest.TryDecode(sound.AsMemory(0, at), out problem));
            Assert.NotNull(problem);
        }

        Assert.NotNull(Cuts.CutManifest.TryDecode(sound, out _));
        Assert.True(before < newest);
    }

    [Fact]
    public async Task BothCutsDamagedMeansAnEmptyStartThatNamesBoth()
    {
        using var partition = new TestPartition();
        (CutId before, _, CutId newest, _) = await MakeTwoCuts(partition);
        foreach (CutId id in new[] { before, newest })
        {
            Injure(Path.Combine(partition.Folder, $"epoch-{id.Epoch:D10}", $"cut-{id.Sequence:D10}.manifest"), "flip");
        }

        using var store = partition.Open();
        Assert.Null(store.Recovered);
        Assert.Equal(2, store.Damages.Count);
        Assert.Equal(ReadOutcome.NotFound, store.Summaries.TryGet(new ChunkKey(1, 1), out _));
    }

    private static async Task<(CutId Before, ReferenceModel ModelBefore, CutId Newest, ReferenceModel Model)> MakeTwoCuts(TestPartition partition)
    {
        var model = new ReferenceModel();
        using var store = partition.Open(TestPartition.Small with { IndexCheckpointLogBytes = 1 << 20 }); // a new index for each cut
        CutId before = default;
        CutId newest = default;
        byte[] payloadBefore = [];
        for (int cut = 0; cut < 5; cut++)
        {
            for (int batch = 0; batch < 25; batch++)
            {
                model.ApplyTo(store);
            }

            before = newest;
            payloadBefore = cut == 3 ? model.Payload() : payloadBefore;
            newest = (await store.BeginCut(model.Payload()).Completed).Id;
        }

        return (before, ReferenceModel.FromPayload(payloadBefore), newest, model);
    }

    private static string IndexOfCut(TestPartition partition, CutId id)
    {
        string folder = Path.Combine(partition.Folder, $"epoch-{id.Epoch:D10}");
        Cuts.CutManifest manifest = Cuts.CutManifest.TryDecode(File.ReadAllBytes(Path.Combine(folder, $"cut-{id.Sequence:D10}.manifest")), out _)!;
        return Path.Combine(folder, "blocks", Engine.CheckpointCatalog.IndexFileName(manifest.Stores.Single(store => store.Store == "blocks").IndexToken));
    }

    private static string NewestFile(string folder, string pattern) =>
        Directory.GetFiles(folder, pattern).OrderBy(File.GetLastWriteTimeUtc).ThenBy(name => name, StringComparer.Ordinal).Last();

    private static long LastByteOfFirstHalf(string file) => new FileInfo(file).Length / 2;

    private static void Injure(string file, string injury, long? at = null)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        long middle = at ?? stream.Length / 2;
        switch (injury)
        {
            case "flip":
                stream.Position = middle;
                int old = stream.ReadByte();
                stream.Position = middle;
                stream.WriteByte((byte)(old ^ 0x40));
                break;
            case "truncate":
                stream.SetLength(middle);
                break;
            case "empty":
                stream.SetLength(0);
                break;
            case "zero":
                stream.Position = middle;
                stream.Write(new byte[8192]);
                break;
            case "delete":
                stream.Dispose();
                File.Delete(file);
                break;
        }
    }
}
