using CsCheck;
using FASTER.core;
using StreamObserve.Storage.Cuts;
using StreamObserve.Storage.Engine;

namespace StreamObserve.Storage.Tests;

public sealed class ManifestTests
{
    private static string GoldenPath => Path.Combine(AppContext.BaseDirectory, "golden", "cut-v1.manifest.base64");

    [Fact]
    public void FormatIsThatOfTheGoldenFile()
    {
        CutManifest manifest = Sample([1, 2, 3, 4, 5], new CutId(3, 17), "BatchCodec=1\nBlocksPageBytes=8388608");
        string encoded = Convert.ToBase64String(manifest.Encode(), Base64FormattingOptions.InsertLineBreaks);
        Assert.Equal(File.ReadAllText(GoldenPath).ReplaceLineEndings("\n").Trim(), encoded.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void DecodedManifestIsTheEncodedOne() =>
        Gen.Select(Gen.Byte.Array[0, 3000], Gen.Long[1, long.MaxValue], Gen.Long[1, long.MaxValue], Gen.String[0, 200]).Sample(
            (payload, epoch, sequence, fingerprint) =>
            {
                CutManifest manifest = Sample(payload, new CutId(epoch, sequence), fingerprint);
                CutManifest? decoded = CutManifest.TryDecode(manifest.Encode(), out string? problem);
                Assert.Null(problem);
                Assert.Equal(manifest.Id, decoded!.Id);
                Assert.Equal(manifest.TakenAt, decoded.TakenAt);
                Assert.Equal(payload, decoded.Payload.ToArray());
                Assert.Equal(manifest.Encode(), decoded.Encode());
            },
            iter: 200);

    [Fact]
    public void DamagedBytesNeverThrow()
    {
        byte[] sound = Sample([9, 9], new CutId(1, 1), "a=b").Encode();
        Gen.Select(Gen.Int[0, sound.Length - 1], Gen.Byte, Gen.Int[0, sound.Length]).Sample(
            (at, value, length) =>
            {
                byte[] damaged = [.. sound];
                damaged[at] = value;
                CutManifest? decoded = CutManifest.TryDecode(damaged.AsMemory(0, length), out string? problem);
                Assert.Equal(length == sound.Length && value == sound[at], decoded is not null);
                Assert.Equal(decoded is null, problem is not null);
            },
            iter: 2_000);
    }

    private static CutManifest Sample(byte[] payload, CutId id, string fingerprint)
    {
        var token = new Guid("00112233-4455-6677-8899-aabbccddeeff");
        var log = new HybridLogRecoveryInfo();
        log.Initialize(token, 5);
        log.beginAddress = 64;
        log.startLogicalAddress = 12_345;
        log.finalLogicalAddress = 12_345;
        return new CutManifest(
            id,
            DateTimeOffset.FromUnixTimeMilliseconds(1_790_000_000_123),
            new SettingsFingerprint(fingerprint),
            [
                new StoreCut("blocks", token, log.ToByteArray(), 1 << 20, token, [7, 8, 9], new CheckpointFile(8192, 0xDEADBEEF), 4096, [1, 2, 3]),
                new StoreCut("summaries", token, log.ToByteArray(), 1 << 22, Guid.Empty, [], default, 0, []),
            ],
            payload);
    }
}
