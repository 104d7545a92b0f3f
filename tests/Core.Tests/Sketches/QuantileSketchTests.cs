using CsCheck;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Sketches;

public class QuantileSketchTests
{
    private static readonly double[] Quantiles = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1];

    // Values as clients send them: signs, zeros, many magnitudes; integral weights, so that sums are exact.
    private static readonly Gen<(double Value, double Weight)[]> Observations =
        Gen.Select(Gen.OneOf(Gen.Double[-1e6, 1e6], Gen.Double[0.001, 1000], Gen.Const(0d), Gen.Int[-5, 5].Select(i => (double)i)), Gen.Int[1, 20].Select(w => (double)w))
            .Array[0, 60];

    // Spans far more than the bins there are, both signs.
    private static readonly Gen<(double Value, double Weight)[]> WideObservations =
        Gen.Select(Gen.Double[-290, 290], Gen.Bool, Gen.Int[1, 20])
            .Select((exponent, negative, weight) => ((negative ? -1 : 1) * Math.Pow(10, exponent), (double)weight))
            .Array[0, 40];

    public static TheoryData<string, int> ReferenceCases()
    {
        var cases = new TheoryData<string, int>();
        foreach (var distribution in (string[])["constant", "linear", "reversed", "zigzag", "normal", "lognormal", "exponential", "negative", "mixed", "zeros"])
        {
            foreach (var n in (int[])[3, 5, 10, 21, 100, 1000, 20_000])
            {
                cases.Add(distribution, n);
            }
        }

        return cases;
    }

    [Fact]
    public void CountsOfBinsAreTheSameAsTheirValuesOneByOneInAnyOrder() => Gen.Select(Gen.Int, Gen.Int[1, 4]).Sample((seed, parts) =>
    {
        var random = new Random(seed);
        QuantileSketch atOnce = new(), oneByOne = new();
        for (var part = 0; part < parts; part++)
        {
            // From one bin to more of them than a sketch holds, near each other or far apart.
            var low = random.Next(-6_000, 6_000);
            var counts = new int[((int[])[1, 50, 1500, 2048, 3000])[random.Next(5)]];
            for (var i = random.Next(5); i < counts.Length; i += random.Next(1, 40))
            {
                counts[i] = random.Next(3);
                for (var n = 0; n < counts[i]; n++)
                {
                    oneByOne.AddPositive(low + i);
                }
            }

            atOnce.AddPositive(low, counts);
        }

        Assert.Equal(Exported(oneByOne), Exported(atOnce));
        Assert.Equal(Exported(oneByOne), Exported(QuantileSketch.Import(Exported(oneByOne), out _)));

        static byte[] Exported(QuantileSketch sketch)
        {
            var bytes = new byte[sketch.ExportSize()];
            sketch.Export(bytes);
            return bytes;
        }
    }, iter: 500);

    [Theory]
    [MemberData(nameof(ReferenceCases))]
    public void QuantilesAreWithinTheErrorBound(string distribution, int n)
    {
        var values = Values(distribution, n, seed: n);
        var sketch = SketchOf(values);
        AssertQuantiles(values, sketch);
    }

    [Theory]
    [MemberData(nameof(ReferenceCases))]
    public void QuantilesOfMergedPartsAreThoseOfTheWhole(string distribution, int n)
    {
        var values = Values(distribution, n, seed: n + 1).Concat(Values("normal", n, seed: n + 2)).ToArray();
        var parts = new QuantileSketch();
        foreach (var part in values.Chunk(Math.Max(1, n / 3)))
        {
            parts.Merge(SketchOf(part));
        }

        AssertQuantiles(values, parts);
        Assert.Equal(Bytes(SketchOf(values)), Bytes(parts));
    }

    [Fact]
    public void AnEmptySketchHasNoQuantile()
    {
        var sketch = new QuantileSketch();
        Assert.True(sketch.IsEmpty);
        Assert.Equal(0, sketch.Count);
        Assert.Equal(double.NaN, sketch.Quantile(0.5));
    }

    [Fact]
    public void AWeightCountsAsThatManyValues() =>
        Observations.Sample(observations =>
        {
            var weighted = new QuantileSketch();
            var repeated = new QuantileSketch();
            foreach (var (value, weight) in observations)
            {
                weighted.Add(value, weight);
                for (var i = 0; i < weight; i++)
                {
                    repeated.Add(value);
                }
            }

            Assert.Equal(observations.Sum(o => o.Weight), weighted.Count);
            Assert.Equal(Bytes(repeated), Bytes(weighted));
        });

    [Fact]
    public void MergingIsAssociativeAndCommutativeWithTheEmptySketchAsIdentity() =>
        Gen.Select(Gen.OneOf(Observations, WideObservations), Observations, Gen.OneOf(Observations, WideObservations)).Sample((a, b, c) =>
        {
            var whole = Bytes(SketchOf([.. a, .. b, .. c]));
            Assert.Equal(whole, Bytes(Merged(Merged(SketchOf(a), SketchOf(b)), SketchOf(c))));
            Assert.Equal(whole, Bytes(Merged(SketchOf(a), Merged(SketchOf(b), SketchOf(c)))));
            Assert.Equal(whole, Bytes(Merged(Merged(SketchOf(c), SketchOf(a)), SketchOf(b))));
            Assert.Equal(Bytes(SketchOf(a)), Bytes(Merged(SketchOf(a), new QuantileSketch())));
            Assert.Equal(Bytes(SketchOf(a)), Bytes(Merged(new QuantileSketch(), SketchOf(a))));
        });

    [Fact]
    public void MergingASketchWithItselfDoublesIt() =>
        Observations.Sample(observations =>
        {
            var sketch = SketchOf(observations);
            sketch.Merge(sketch);
            Assert.Equal(Bytes(SketchOf([.. observations, .. observations])), Bytes(sketch));
        });

    [Fact]
    public void AnExportIsReadBackEqualAndTellsItsLength() =>
        Gen.Select(Gen.OneOf(Observations, WideObservations), Gen.Double[0.01, 1]).Sample((observations, scale) =>
        {
            foreach (var factor in (double[])[1, scale])
            {
                var sketch = SketchOf([.. observations.Select(o => (o.Value, o.Weight * factor))]);
                var bytes = Bytes(sketch);
                byte[] followed = [.. bytes, 1, 2, 3];
                var back = QuantileSketch.Import(followed, out var read);
                Assert.Equal(bytes.Length, read);
                Assert.Equal(bytes, Bytes(back));
                Assert.Equal(sketch.LowestCollapsed, back.LowestCollapsed);
                Assert.Equal(sketch.Quantile(0.5), back.Quantile(0.5));

                var merged = SketchOf(observations);
                merged.MergeExported(bytes);
                Assert.Equal(Bytes(Merged(SketchOf(observations), sketch)), Bytes(merged));
            }
        });

    [Fact]
    public void DamagedExportsAreRefusedWithoutReadingPastTheEnd() =>
        Gen.Select(Observations, Gen.Int[0, 1000], Gen.Byte, Gen.Int[0, 1000]).Sample((observations, position, value, length) =>
        {
            var bytes = Bytes(SketchOf(observations));
            bytes[position % bytes.Length] = value;
            try
            {
                QuantileSketch.Import(bytes.AsSpan(0, Math.Min(length, bytes.Length)), out var read);
                Assert.InRange(read, 2, bytes.Length);
            }
            catch (InvalidDataException refused)
            {
                Assert.Contains("damaged near byte", refused.Message);
            }
        });

    [Fact]
    public void AClearedSketchIsAsNew() =>
        Gen.Select(WideObservations, Observations).Sample((before, after) =>
        {
            var sketch = SketchOf(before);
            sketch.Clear();
            Assert.True(sketch.IsEmpty);
            foreach (var (value, weight) in after)
            {
                sketch.Add(value, weight);
            }

            Assert.Equal(Bytes(SketchOf(after)), Bytes(sketch));
        });

    [Fact]
    public void QuantilesAreThoseOfAWalkOverTheBins() =>
        Gen.Select(Gen.Double[-3, 9].Array[1, 400], Gen.Int[1, 3], Gen.Bool, Gen.Double[0, 1]).Sample((powers, weight, isPositive, q) =>
        {
            var sketch = new QuantileSketch();
            foreach (var power in powers)
            {
                sketch.Add(isPositive || power > 0 ? Math.Exp(power) : -Math.Exp(-power), weight);
            }

            var position = q * (sketch.Count - 1);
            double below = 0, lower = double.NaN, upper = double.NaN;
            foreach (var bin in sketch)
            {
                below += bin.Weight;
                lower = double.IsNaN(lower) && below > Math.Floor(position) ? bin.Representative : lower;
                upper = double.IsNaN(upper) && below > Math.Floor(position) + 1 ? bin.Representative : upper;
            }

            var share = position - Math.Floor(position);
            Assert.Equal(double.IsNaN(upper) ? lower : ((1 - share) * lower) + (share * upper), sketch.Quantile(q), Math.Abs(lower) * 1e-12);
        });

    [Fact]
    public void BetweenTwoRanksAQuantileLiesOnTheLineFromOneToTheOther()
    {
        var sketch = new QuantileSketch();
        sketch.Add(100);
        sketch.Add(200, 2);
        sketch.Add(1000);

        Assert.Equal(150, sketch.Quantile(1d / 6), 1.5);         // ranks: 100, 200, 200, 1000
        Assert.Equal(200, sketch.Quantile(0.5), 2.0);
        Assert.Equal(600, sketch.Quantile(2.5 / 3), 6.0);
        Assert.Equal(976, sketch.Quantile(0.99), 10.0);
    }

    [Fact]
    public void PastItsBinsTheSmallestMagnitudesCollapseAndTheSketchSaysSo()
    {
        var sketch = new QuantileSketch();
        double[] values = [1e-12, 1e-3, 1, 1e6, 1e12, 1e17];
        foreach (var value in values)
        {
            sketch.Add(value);
        }

        Assert.True(sketch.LowestCollapsed);
        Assert.Equal(values.Length, sketch.Count);
        Assert.Equal(1, sketch.Quantile(0.4, out var bounded), 0.01);
        Assert.True(bounded);
        Assert.Equal(1e17, sketch.Quantile(1), 1e15);
        Assert.True(sketch.Quantile(0) > 0.1);
        sketch.Quantile(0, out bounded);
        Assert.False(bounded);
    }

    [Fact]
    public void WithinItsBinsNothingCollapsesInAnyOrder() =>
        Gen.Shuffle(Enumerable.Range(-1023, SketchLimits.QuantileBinsMax).ToArray()).Sample(
            bins =>
            {
                var sketch = new QuantileSketch();
                foreach (var bin in bins)
                {
                    sketch.Add(LogBins.Representative(bin));
                }

                Assert.False(sketch.LowestCollapsed);
                var expected = -1023;
                foreach (var bin in sketch)
                {
                    Assert.Equal(new SketchBin(1, expected++, 1), bin);
                }

                Assert.Equal(1025, expected);
            },
            iter: 20);

    [Fact]
    public void BinsComeInAscendingOrderOfValueAndRebuildTheSketch() =>
        Observations.Sample(observations =>
        {
            var sketch = SketchOf(observations);
            var rebuilt = new QuantileSketch();
            var previous = double.NegativeInfinity;
            foreach (var bin in sketch)
            {
                Assert.True(bin.Representative > previous);
                previous = bin.Representative;
                rebuilt.Add(bin);
            }

            Assert.Equal(Bins(sketch), Bins(rebuilt));
        });

    [Theory]
    [InlineData(double.NaN, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(double.NegativeInfinity, 1)]
    [InlineData(1, 0)]
    [InlineData(1, -1)]
    [InlineData(1, double.NaN)]
    [InlineData(1, double.PositiveInfinity)]
    public void ValuesAndWeightsThatAreNoFiniteNumbersAreRefused(double value, double weight) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new QuantileSketch().Add(value, weight));

    [Theory]
    [InlineData(-0.001)]
    [InlineData(1.001)]
    [InlineData(double.NaN)]
    public void QuantilesOutsideZeroToOneAreRefused(double q) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new QuantileSketch().Quantile(q));

    [Fact]
    public void AddingToAGrownSketchAllocatesNothing()
    {
        var values = Values("lognormal", 1000, seed: 1);
        var sketch = SketchOf(values);
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var value in values)
        {
            sketch.Add(value, 2);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void AThousandDurationsExportToTwoBytesABin()
    {
        var sketch = SketchOf(Values("lognormal", 1000, seed: 7));
        var bins = 0;
        foreach (var _ in sketch)
        {
            bins++;
        }

        Assert.InRange(sketch.ExportSize(), 2 * bins, (2 * bins) + 10);
    }

    private static QuantileSketch Merged(QuantileSketch a, QuantileSketch b)
    {
        a.Merge(b);
        return a;
    }

    private static QuantileSketch SketchOf(double[] values) => SketchOf([.. values.Select(v => (v, 1d))]);

    private static QuantileSketch SketchOf((double Value, double Weight)[] observations)
    {
        var sketch = new QuantileSketch();
        foreach (var (value, weight) in observations)
        {
            sketch.Add(value, weight);
        }

        return sketch;
    }

    private static List<SketchBin> Bins(QuantileSketch sketch)
    {
        var bins = new List<SketchBin>();
        foreach (var bin in sketch)
        {
            bins.Add(bin);
        }

        return bins;
    }

    private static byte[] Bytes(QuantileSketch sketch)
    {
        var bytes = new byte[sketch.ExportSize()];
        Assert.Equal(bytes.Length, sketch.Export(bytes));
        return bytes;
    }

    private static void AssertQuantiles(double[] values, QuantileSketch sketch)
    {
        const double Rounding = 1e-12;
        var sorted = values.Order().ToArray();
        Assert.Equal(values.Length, sketch.Count);
        Assert.False(sketch.LowestCollapsed);
        foreach (var q in Quantiles)
        {
            var position = q * (sorted.Length - 1);
            var share = position - Math.Floor(position);
            double lower = sorted[(int)Math.Floor(position)] * (1 - share), upper = sorted[(int)Math.Ceiling(position)] * share;
            var actual = sketch.Quantile(q, out var bounded);
            Assert.True(bounded);
            Assert.True(Math.Abs(actual - (lower + upper)) <= (Math.Abs(lower) + Math.Abs(upper)) * (LogBins.RelativeError + Rounding), $"q {q}: {actual} for {lower + upper}");
        }
    }

    private static double[] Values(string distribution, int n, int seed)
    {
        var random = new Random(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        Func<int, double> value = distribution switch
        {
            "constant" => _ => 42,
            "linear" => i => i,
            "reversed" => i => n - i,
            "zigzag" => i => i % 2 == 0 ? i : -i,
            "normal" => _ => 35 + Normal(),
            "lognormal" => _ => Math.Exp(2 * Normal()),
            "exponential" => _ => -Math.Log(1 - random.NextDouble()) / 2,
            "negative" => _ => -Math.Exp(Normal()),
            "mixed" => i => i % 3 == 0 ? 0 : Normal() * 1000,
            "zeros" => i => i % 2 == 0 ? 0 : 1e-320,
            _ => throw new ArgumentOutOfRangeException(nameof(distribution), distribution, "not a distribution"),
        };
        return [.. Enumerable.Range(0, n).Select(value).Select(v => LogBins.CountsAsZero(v) ? 0 : v)];
    }
}
