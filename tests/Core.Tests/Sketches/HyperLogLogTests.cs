using CsCheck;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Sketches;

public class HyperLogLogTests
{
    // Sizes on both sides of the change from sparse to dense (128 hashes at precision 10), with repeats.
    private static readonly Gen<ulong[]> Hashes = Gen.Select(Gen.Int[0, 400], Gen.Int[0, 500]).Select((start, count) => Enumerable.Range(start, count).Select(Hash).ToArray());

    public static TheoryData<int, int> Sizes()
    {
        var sizes = new TheoryData<int, int>();
        foreach (var precision in (int[])[10, 12, 14])
        {
            foreach (var n in (int[])[1, 10, 100, 500, 513, 600, 1000, 3000, 10_000, 50_000, 1_000_000])
            {
                sizes.Add(precision, n);
            }
        }

        return sizes;
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void TheEstimateIsWithinItsBound(int precision, int n)
    {
        var sketch = SketchOf(precision, Enumerable.Range(0, n).Select(Hash));
        var error = Math.Abs(sketch.Estimate() - n) / n;
        Assert.True(error <= sketch.RelativeErrorBound, $"{sketch.Estimate()} for {n}, bound {sketch.RelativeErrorBound}");
    }

    [Fact]
    public void CoarseEntriesInAnyOrderAndCompanyAreOneSketch() => Gen.Select(Hashes, Hashes).Sample((some, others) =>
    {
        var coarse = new HyperLogLog(10);
        coarse.AddCoarse(CoarseEntries(some));
        foreach (var hash in others)
        {
            coarse.AddHash(hash);
        }

        var merged = SketchOf(10, others);
        var part = new HyperLogLog(10);
        part.AddCoarse(CoarseEntries(some.Reverse()));
        merged.Merge(part);
        part.Merge(SketchOf(10, others));
        Assert.Equal(Exported(coarse), Exported(merged));
        Assert.Equal(Exported(coarse), Exported(part));
        Assert.Equal(Exported(coarse), Exported(HyperLogLog.Import(Exported(coarse), out _)));
        var distinct = some.Concat(others).Distinct().Count();
        Assert.InRange(coarse.Estimate(), distinct * (1 - (2 * coarse.RelativeErrorBound)), distinct * (1 + (2 * coarse.RelativeErrorBound)));
    });

    [Fact]
    public void TheEstimateIsUnbiasedAndItsStandardErrorAsStated()
    {
        const int Precision = 10;
        const int Runs = 400;
        foreach (var n in (int[])[200, 700, 1500, 2600, 5000, 20_000])
        {
            var errors = new double[Runs];
            for (var run = 0; run < Runs; run++)
            {
                var sketch = new HyperLogLog(Precision);
                for (var i = 0; i < n; i++)
                {
                    sketch.AddHash(Hash64.Of(((long)run << 32) + i));
                }

                errors[run] = (sketch.Estimate() - n) / n;
            }

            var stated = 1.04 / Math.Sqrt(1 << Precision);
            var mean = errors.Average();
            var deviation = Math.Sqrt(errors.Average(e => e * e));
            Assert.True(Math.Abs(mean) < 4 * stated / Math.Sqrt(Runs), $"mean error {mean} at {n}");
            Assert.True(deviation < stated * 1.15, $"standard error {deviation} at {n}, stated {stated}");
        }
    }

    [Fact]
    public void AnEmptySketchEstimatesZero()
    {
        var sketch = new HyperLogLog(12);
        Assert.True(sketch.IsEmpty);
        Assert.Equal(0, sketch.Estimate());
        Assert.Equal(0, sketch.RelativeErrorBound);
    }

    [Fact]
    public void RepeatsDoNotCount()
    {
        foreach (var n in (int[])[50, 5000])
        {
            var once = SketchOf(12, Enumerable.Range(0, n).Select(Hash));
            var often = SketchOf(12, Enumerable.Range(0, 5 * n).Select(i => Hash(i % n)));
            Assert.Equal(Bytes(once), Bytes(often));
        }
    }

    [Fact]
    public void SparseTurnsDenseWithoutLosingWhatADenseSketchWouldHold()
    {
        var sparse = SketchOf(10, Enumerable.Range(0, 128).Select(Hash));
        Assert.True(sparse.IsSparse);
        sparse.AddHash(Hash(128));
        Assert.False(sparse.IsSparse);

        // Hashes whose registers and ranks are known: register 0, runs of zeros of every length.
        for (var zeros = 0; zeros <= 54; zeros++)
        {
            var hash = zeros == 54 ? 0 : 1UL << (53 - zeros);
            var direct = SketchOf(10, Enumerable.Range(0, 129).Select(i => (ulong)i << 54 | 1UL << 53).Append(hash));
            var viaSparse = SketchOf(10, [hash]);
            viaSparse.Merge(SketchOf(10, Enumerable.Range(0, 129).Select(i => (ulong)i << 54 | 1UL << 53)));
            Assert.Equal(Bytes(direct), Bytes(viaSparse));
        }
    }

    [Fact]
    public void MergingIsAssociativeCommutativeAndIdempotentWithTheEmptySketchAsIdentity() =>
        Gen.Select(Hashes, Hashes, Hashes).Sample((a, b, c) =>
        {
            var whole = Bytes(SketchOf(10, [.. a, .. b, .. c]));
            Assert.Equal(whole, Bytes(Merged(Merged(SketchOf(10, a), SketchOf(10, b)), SketchOf(10, c))));
            Assert.Equal(whole, Bytes(Merged(SketchOf(10, a), Merged(SketchOf(10, b), SketchOf(10, c)))));
            Assert.Equal(whole, Bytes(Merged(Merged(SketchOf(10, c), SketchOf(10, a)), SketchOf(10, b))));
            var self = SketchOf(10, a);
            Assert.Equal(Bytes(SketchOf(10, a)), Bytes(Merged(self, self)));
            Assert.Equal(Bytes(SketchOf(10, a)), Bytes(Merged(SketchOf(10, a), new HyperLogLog(10))));
            Assert.Equal(Bytes(SketchOf(10, a)), Bytes(Merged(new HyperLogLog(10), SketchOf(10, a))));
        });

    [Fact]
    public void AnExportIsReadBackEqualAndTellsItsLength() =>
        Gen.Select(Hashes, Gen.Int[10, 14]).Sample((hashes, precision) =>
        {
            var sketch = SketchOf(precision, hashes);
            var bytes = Bytes(sketch);
            byte[] followed = [.. bytes, 9];
            var back = HyperLogLog.Import(followed, out var read);
            Assert.Equal(bytes.Length, read);
            Assert.Equal(bytes, Bytes(back));
            Assert.Equal(sketch.Estimate(), back.Estimate());
            Assert.Equal(sketch.IsSparse, back.IsSparse);
            Assert.Equal(precision, back.Precision);
        });

    [Fact]
    public void RegistersFarAboveTheLowestAreExportedExactly()
    {
        var hashes = Enumerable.Range(0, 1024).Select(i => (ulong)i << 54 | 1UL << 53).Concat([0UL, 1UL << 54, 1023UL << 54 | 1]).ToArray();
        var sketch = SketchOf(10, hashes);
        Assert.Equal(Bytes(sketch), Bytes(HyperLogLog.Import(Bytes(sketch), out _)));
        Assert.Equal(sketch.Estimate(), HyperLogLog.Import(Bytes(sketch), out _).Estimate());
        Assert.NotEqual(Bytes(sketch), Bytes(SketchOf(10, hashes[..1024])));
    }

    [Fact]
    public void AFullSketchExportsToHalfAByteARegister()
    {
        var sketch = SketchOf(12, Enumerable.Range(0, 100_000).Select(Hash));
        Assert.InRange(sketch.ExportSize(), 2048, 2048 + 40);
    }

    [Fact]
    public void DamagedExportsAreRefusedWithoutReadingPastTheEnd() =>
        Gen.Select(Hashes, Gen.Int[0, 5000], Gen.Byte, Gen.Int[0, 5000]).Sample((hashes, position, value, length) =>
        {
            var bytes = Bytes(SketchOf(10, hashes));
            bytes[position % bytes.Length] = value;
            try
            {
                var sketch = HyperLogLog.Import(bytes.AsSpan(0, Math.Min(length, bytes.Length)), out _);
                Assert.True(double.IsFinite(sketch.Estimate()) || !sketch.IsSparse);
            }
            catch (InvalidDataException refused)
            {
                Assert.Contains("damaged near byte", refused.Message);
            }
        });

    [Fact]
    public void AClearedSketchIsAsNew()
    {
        foreach (var n in (int[])[20, 2000])
        {
            var sketch = SketchOf(10, Enumerable.Range(0, n).Select(Hash));
            sketch.Clear();
            Assert.True(sketch.IsEmpty);
            sketch.AddHash(Hash(5));
            Assert.Equal(Bytes(SketchOf(10, [Hash(5)])), Bytes(sketch));
        }
    }

    [Fact]
    public void SketchesOfDifferentPrecisionAreNotMerged() =>
        Assert.Throws<ArgumentException>(() => new HyperLogLog(12).Merge(new HyperLogLog(13)));

    [Theory]
    [InlineData(9)]
    [InlineData(15)]
    public void PrecisionsOutsideTheLimitsAreRefused(int precision) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new HyperLogLog(precision));

    [Fact]
    public void AddingToADenseSketchAllocatesNothing()
    {
        var sketch = SketchOf(12, Enumerable.Range(0, 10_000).Select(Hash));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            sketch.AddHash(Hash(i + 20_000));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static ulong Hash(int i) => Hash64.Of((long)i);

    private static HyperLogLog SketchOf(int precision, IEnumerable<ulong> hashes)
    {
        var sketch = new HyperLogLog(precision);
        foreach (var hash in hashes)
        {
            sketch.AddHash(hash);
        }

        return sketch;
    }

    private static HyperLogLog Merged(HyperLogLog a, HyperLogLog b)
    {
        a.Merge(b);
        return a;
    }

    private static byte[] Bytes(HyperLogLog sketch)
    {
        var bytes = new byte[sketch.ExportSize()];
        Assert.Equal(bytes.Length, sketch.Export(bytes));
        return bytes;
    }

    private static uint[] CoarseEntries(IEnumerable<ulong> hashes) => [.. hashes.Select(hash => HyperLogLog.CoarseEntryOf(hash, 10))];

    private static byte[] Exported(HyperLogLog sketch)
    {
        var bytes = new byte[sketch.ExportSize()];
        sketch.Export(bytes);
        return bytes;
    }
}
