using CsCheck;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Querying.BubbleUp;

public sealed class ContrastTests
{
    [Fact]
    public void TheBoundNeverExceedsTheDifferenceAndComesNearItWithRows() => Gen.Select(Gen.Double[0, 1], Gen.Double[0, 1], Gen.Double[1, 1e4], Gen.Double[1, 1e4], Gen.Int[1, 1000])
        .Sample((a, b, rowsA, rowsB, candidates) =>
        {
            var deviations = Contrast.Deviations(candidates);
            var bound = Contrast.LowerBound(a, rowsA, b, rowsB, deviations);
            Assert.InRange(bound, -1.000001, a - b + 1e-9);
            Assert.True(Contrast.LowerBound(a, rowsA * 100, b, rowsB * 100, deviations) >= bound - 1e-9);
            Assert.Equal(a - b, Contrast.LowerBound(a, 1e12, b, 1e12, deviations), 4);
        });

    [Fact]
    public void WithoutRowsThereIsNoDifference() => Assert.Equal(-1, Contrast.LowerBound(1, 0, 0, 10, 1));

    [Theory]
    [InlineData(0, 1_000, 1_000, 1)]
    [InlineData(0, 500, 1_000, 0.5)]
    [InlineData(0, 0, 1_000, 0)]
    public void TheDistanceIsThatOfTheDistributionFunctions(int from, int shift, int count, double expected)
    {
        var (a, b) = (new QuantileSketch(), new QuantileSketch());
        for (var i = 0; i < count; i++)
        {
            a.Add(10_000 + from + i);
            b.Add(10_000 + from + shift + i);
        }

        Assert.Equal(expected, Contrast.Distance(a, 1e12, b, 1e12), 1);
        Assert.Equal(Math.Max(0, expected - 1), Contrast.Distance(a, 2, b, 2), 6);
    }

    [Fact]
    public void NegativeNumbersAndZerosHaveTheirPlaceInTheOrder()
    {
        var (a, b) = (new QuantileSketch(), new QuantileSketch());
        foreach (var value in (double[])[-100, -1, 0, 1, 100])
        {
            a.Add(value);
            b.Add(value);
        }

        b.Add(-1_000, 5);
        Assert.Equal(0, Contrast.Distance(a, 1e12, a, 1e12), 9);
        Assert.Equal(0.5, Contrast.Distance(a, 1e12, b, 1e12), 5);
    }
}
