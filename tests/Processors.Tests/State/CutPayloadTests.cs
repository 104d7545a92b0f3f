using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.Tests.State;

public sealed class CutPayloadTests
{
    private static readonly Gen<LogPlace> Place = Gen.Select(Gen.Long[0, long.MaxValue], Gen.Long[0, 1L << 50], (offset, time) => new LogPlace(offset, time));

    private static readonly Gen<CutPayload> Payload =
        from head in Place
        from sealedTo in Place
        from folded in Place
        from numbers in Gen.Long[0, 1L << 40].Array[4]
        from flags in Gen.Bool.Array[3]
        from places in Gen.Select(Gen.Long[0, 1L << 40], Gen.Int[0, 1 << 20], (offset, version) => new PolicyPlace(offset, version)).List[0, 4]
        from windows in Gen.Select(Gen.Long[0, 1L << 40], Gen.Long[100, 3_600_000], (start, window) => new WindowChange(start, window)).List[1, 4]
        from datasets in Gen.String[Gen.Char['a', 'z'], 1, 9].HashSet[0, 5]
        from blocks in Gen.Select(Gen.Long[0, 1L << 40], Gen.Int[1, 65_536], Gen.Long, Gen.Long, Gen.Bool, Gen.Int[1, 500], Gen.Long[0, 1L << 40],
            (id, rows, min, max, sampled, chunks, bytes) => new BlockInfo(id, rows, min, max, sampled, chunks, bytes)).List[0, 4]
        from lost in Gen.Select(Gen.Long[0, 1L << 40], Gen.Long[0, 1L << 40], (start, end) => new LostOffsets(start, end)).List[0, 3]
        from marks in Gen.Select(Gen.Long[0, 1L << 40], Gen.Long[0, 1L << 40], (time, address) => (time, address)).List[0, 3]
        from folder in Gen.Byte.Array[0, 50]
        from catalog in Gen.Byte.Array[0, 50]
        from keySets in Gen.Byte.Array[0, 50]
        from epochs in Gen.Byte.Array[0, 50]
        select new CutPayload
        {
            Head = head,
            Sealed = sealedTo,
            Folded = folded,
            NextFold = numbers[0],
            NextBlock = numbers[1],
            KeptRows = numbers[2],
            DroppedRows = numbers[3],
            HadRules = flags[0],
            HasUncountedDrops = flags[1],
            SampledTimes = flags[2] ? (-numbers[0], numbers[1]) : null,
            Policies = [new(SamplingPolicySet.Empty, 0, long.MaxValue)],
            PolicyPlaces = places,
            Windows = windows,
            Datasets = Names(datasets),
            Folds = [],
            Blocks = blocks,
            Promoted = [new(9, 7, 1, 2, false, 3, 4)],
            Lost = lost,
            SummaryMarks = marks,
            Folder = folder,
            Catalog = catalog,
            KeySets = keySets,
            Epochs = epochs,
        };

    [Fact]
    public void DecodingWhatWasEncodedGivesTheSame() => Payload.Sample(payload =>
    {
        var read = CutPayload.Decode(payload.Encode());
        Assert.Equal((payload.Head, payload.Sealed, payload.Folded), (read.Head, read.Sealed, read.Folded));
        Assert.Equal((payload.NextFold, payload.NextBlock, payload.KeptRows, payload.DroppedRows), (read.NextFold, read.NextBlock, read.KeptRows, read.DroppedRows));
        Assert.Equal((payload.HadRules, payload.HasUncountedDrops, payload.SampledTimes), (read.HadRules, read.HasUncountedDrops, read.SampledTimes));
        Assert.Equal(payload.PolicyPlaces, read.PolicyPlaces);
        Assert.Equal(payload.Windows, read.Windows);
        Assert.Equal(payload.Blocks, read.Blocks);
        Assert.Equal(payload.Lost, read.Lost);
        Assert.Equal(payload.SummaryMarks, read.SummaryMarks);
        Assert.Equal(payload.Encode(), read.Encode());
    });

    [Fact]
    public void AnotherVersionIsRefused()
    {
        byte[] bytes = [CutPayload.Version + 1, 0, 0];
        Assert.Throws<FormatException>(() => CutPayload.Decode(bytes));
    }

    private static StringDictionary Names(IEnumerable<string> names)
    {
        var dictionary = new StringDictionary();
        foreach (var name in names)
        {
            dictionary.Add(System.Text.Encoding.UTF8.GetBytes(name));
        }

        return dictionary;
    }
}
