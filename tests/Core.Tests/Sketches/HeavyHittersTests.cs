using CsCheck;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Sketches;

public class HeavyHittersTests
{
    private const int Capacity = 8;

    // Skewed, so that there are heavy keys among many light ones.
    private static readonly Gen<(string Key, double Weight)[]> Stream =
        Gen.Select(Gen.Double[0, 1], Gen.Int[1, 30]).Select((u, w) => ($"key-{(int)(60 * u * u * u)}", (double)w)).Array[0, 300];

    private static readonly Gen<(string Key, double Weight)[]> FewKeys =
        Gen.Select(Gen.Int[0, (2 * Capacity) - 1], Gen.Int[1, 30]).Select((k, w) => ($"käy-{k}", (double)w)).Array[0, 100];

    [Fact]
    public void TheBoundsHoldAndAreAsTightAsPromised() => Stream.Sample(stream => AssertBounds(stream, SketchOf(stream)));

    [Fact]
    public void TheBoundsHoldAfterAnyMerges() =>
        Gen.Select(Stream, Stream, Stream, Stream).Sample((a, b, c, d) =>
        {
            (string, double)[] all = [.. a, .. b, .. c, .. d];
            AssertBounds(all, Merged(Merged(Merged(SketchOf(a), SketchOf(b)), SketchOf(c)), SketchOf(d)));
            AssertBounds(all, Merged(Merged(SketchOf(d), SketchOf(b)), Merged(SketchOf(c), SketchOf(a))));
        });

    [Fact]
    public void MergingIsCommutativeWithTheEmptySketchAsIdentity() =>
        Gen.Select(Stream, Stream).Sample((a, b) =>
        {
            Assert.Equal(Bytes(Merged(SketchOf(a), SketchOf(b))), Bytes(Merged(SketchOf(b), SketchOf(a))));
            Assert.Equal(Bytes(SketchOf(a)), Bytes(Merged(SketchOf(a), new HeavyHitters(Capacity))));
            Assert.Equal(Bytes(SketchOf(a)), Bytes(Merged(new HeavyHitters(Capacity), SketchOf(a))));
        });

    [Fact]
    public void WithFewKeysEverythingIsExactAndMergingAssociative() =>
        Gen.Select(FewKeys, FewKeys, FewKeys).Sample((a, b, c) =>
        {
            var whole = SketchOf([.. a, .. b, .. c]);
            Assert.Equal(0, whole.Undercount);
            Assert.Equal(Bytes(whole), Bytes(Merged(Merged(SketchOf(a), SketchOf(b)), SketchOf(c))));
            Assert.Equal(Bytes(whole), Bytes(Merged(SketchOf(a), Merged(SketchOf(b), SketchOf(c)))));
        });

    [Fact]
    public void AnExportIsReadBackEqualAndTellsItsLength() =>
        Gen.Select(Gen.OneOf(Stream, FewKeys), Gen.Double[0.1, 1]).Sample((stream, scale) =>
        {
            foreach (var factor in (double[])[1, scale])
            {
                var sketch = SketchOf([.. stream.Select(s => (s.Key, s.Weight * factor))]);
                var bytes = Bytes(sketch);
                byte[] followed = [.. bytes, 7];
                var back = HeavyHitters.Import(followed, out var read);
                Assert.Equal(bytes.Length, read);
                Assert.Equal(bytes, Bytes(back));
                Assert.Equal(sketch.Top(5), back.Top(5));
                Assert.Equal(sketch.TotalWeight, back.TotalWeight);
            }
        });

    [Fact]
    public void DamagedExportsAreRefusedWithoutReadingPastTheEnd() =>
        Gen.Select(Stream, Gen.Int[0, 5000], Gen.Byte, Gen.Int[0, 5000]).Sample((stream, position, value, length) =>
        {
            var bytes = Bytes(SketchOf(stream));
            bytes[position % bytes.Length] = value;
            try
            {
                Assert.InRange(HeavyHitters.Import(bytes.AsSpan(0, Math.Min(length, bytes.Length)), out _).HeldCount, 0, 2 * SketchLimits.HeavyHittersCapacityMax);
            }
            catch (InvalidDataException refused)
            {
                Assert.Contains("damaged near byte", refused.Message);
            }
        });

    [Fact]
    public void AFloodOfNewKeysKeepsTheHeavyOnesInBoundedMemory()
    {
        var sketch = new HeavyHitters(100);
        for (var i = 0; i < 200_000; i++)
        {
            sketch.Add(i % 20 == 0 ? "steady" : $"flood-{i}");
        }

        Assert.InRange(sketch.HeldCount, 1, 200);
        var top = sketch.Top(1)[0];
        Assert.Equal("steady", top.Key);
        Assert.InRange(10_000, top.LowerBound, top.UpperBound);
        Assert.Empty(sketch.Top(0));
    }

    [Fact]
    public void APurgeTakesNoMoreThanTheHeaviestKeyBeyondTheCapacityWeighs()
    {
        var heavy = Enumerable.Range(0, Capacity).Select(i => ($"heavy-{i}", 10d));
        var light = Enumerable.Range(0, Capacity + 1).Select(i => ($"light-{i}", 1d));
        var sketch = SketchOf([.. heavy, .. light]);
        Assert.Equal(1, sketch.Undercount);
        Assert.Equal(Capacity, sketch.HeldCount);
        Assert.All(sketch.Top(Capacity), top => Assert.Equal((9, 10), (top.LowerBound, top.UpperBound)));
    }

    [Fact]
    public void SpansAndStringsNameTheSameKey()
    {
        var sketch = new HeavyHitters(4);
        sketch.Add("checkout", 2);
        sketch.Add("xcheckout".AsSpan(1), 3);
        Assert.Equal([new HeavyHitter("checkout", 5, 5)], sketch.Top(10));
    }

    [Fact]
    public void SketchesOfDifferentCapacityAreNotMerged() =>
        Assert.Throws<ArgumentException>(() => new HeavyHitters(4).Merge(new HeavyHitters(5)));

    [Theory]
    [InlineData(0)]
    [InlineData(SketchLimits.HeavyHittersCapacityMax + 1)]
    public void CapacitiesOutsideTheLimitsAreRefused(int capacity) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new HeavyHitters(capacity));

    [Fact]
    public void AClearedSketchIsAsNew() =>
        Gen.Select(Stream, Stream).Sample((before, after) =>
        {
            var sketch = SketchOf(before);
            sketch.Clear();
            foreach (var (key, weight) in after)
            {
                sketch.Add(key, weight);
            }

            Assert.Equal(Bytes(SketchOf(after)), Bytes(sketch));
        });

    private static void AssertBounds((string Key, double Weight)[] stream, HeavyHitters sketch)
    {
        var total = stream.Sum(s => s.Weight);
        Assert.Equal(total, sketch.TotalWeight);
        Assert.True(sketch.Undercount <= total / (Capacity + 1));
        Assert.InRange(sketch.HeldCount, 0, 2 * Capacity);
        foreach (var key in stream.GroupBy(s => s.Key))
        {
            var truth = key.Sum(s => s.Weight);
            var bounds = sketch.BoundsOf(key.Key);
            Assert.InRange(truth, bounds.LowerBound, bounds.UpperBound);
            Assert.Equal(sketch.Undercount, bounds.UpperBound - bounds.LowerBound);
            Assert.True(truth <= sketch.Undercount || bounds.LowerBound > 0, $"{key.Key} of weight {truth} is not held");
        }
    }

    private static HeavyHitters SketchOf((string Key, double Weight)[] stream)
    {
        var sketch = new HeavyHitters(Capacity);
        foreach (var (key, weight) in stream)
        {
            sketch.Add(key, weight);
        }

        return sketch;
    }

    private static HeavyHitters Merged(HeavyHitters a, HeavyHitters b)
    {
        a.Merge(b);
        return a;
    }

    private static byte[] Bytes(HeavyHitters sketch)
    {
        var bytes = new byte[sketch.ExportSize()];
        Assert.Equal(bytes.Length, sketch.Export(bytes));
        return bytes;
    }
}
