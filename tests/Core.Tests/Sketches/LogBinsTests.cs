using System.Numerics;
using CsCheck;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Sketches;

public class LogBinsTests
{
    [Fact]
    public void EveryPowerOfTwoIsTheUpperEdgeOfItsBin()
    {
        for (var exponent = -1022; exponent <= 1023; exponent++)
        {
            var power = Math.ScaleB(1, exponent);
            Assert.Equal(exponent * LogBins.PerDoubling, LogBins.BinOf(power));
            Assert.Equal(power, LogBins.UpperBound(exponent * LogBins.PerDoubling));
            Assert.Equal((exponent * LogBins.PerDoubling) + 1, LogBins.BinOf(Math.BitIncrement(power)));
        }
    }

    [Fact]
    public void ValuesNextToEveryEdgeFallOnTheirSideOfIt()
    {
        foreach (var exponent in (int[])[-1022, -3, -1, 0, 1, 10, 1023])
        {
            for (var within = 0; within < LogBins.PerDoubling; within++)
            {
                var bin = (exponent * LogBins.PerDoubling) + within;
                var edge = LogBins.UpperBound(bin);
                Assert.Equal(bin, LogBins.BinOf(edge));
                Assert.Equal(bin + 1, LogBins.BinOf(Math.BitIncrement(edge)));
                Assert.Equal(bin, ExactBinOf(edge));
                Assert.Equal(bin + 1, ExactBinOf(Math.BitIncrement(edge)));
            }
        }
    }

    [Fact]
    public void TheBinIsTheExactCeilingOfTheLogarithm() =>
        Gen.Double[double.Epsilon, double.MaxValue].Where(x => double.IsNormal(x)).Sample(x => LogBins.BinOf(x) == ExactBinOf(x));

    [Fact]
    public void TheBinOfOrdinaryValuesIsTheExactCeilingOfTheLogarithm() =>
        Gen.Double[1e-6, 1e9].Sample(x => LogBins.BinOf(x) == ExactBinOf(x), iter: 20_000);

    [Fact]
    public void BinsCoverTheirBoundsAndTouch()
    {
        for (var bin = LogBins.Lowest + 1; bin < LogBins.Highest; bin++)
        {
            Assert.Equal(LogBins.UpperBound(bin - 1), LogBins.LowerBound(bin));
            Assert.True(LogBins.LowerBound(bin) < LogBins.UpperBound(bin));
        }

        Assert.Equal(0, LogBins.LowerBound(LogBins.Lowest));
        Assert.Equal(LogBins.Highest, LogBins.BinOf(double.MaxValue));
        Assert.Equal(double.MaxValue, LogBins.UpperBound(LogBins.Highest));
    }

    [Fact]
    public void TheRepresentativeIsWithinTheRelativeErrorOfBothEdges()
    {
        const double Rounding = 1e-15;
        for (var bin = LogBins.Lowest + 1; bin <= LogBins.Highest; bin++)
        {
            var representative = LogBins.Representative(bin);
            var (low, high) = (LogBins.LowerBound(bin), LogBins.UpperBound(bin));
            Assert.True(Math.Abs(representative - low) <= low * (LogBins.RelativeError + Rounding));
            Assert.True(Math.Abs(representative - high) <= high * (LogBins.RelativeError + Rounding));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1e-310)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void NumbersWithoutALogarithmicBinAreRefused(double value) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => LogBins.BinOf(value));

    [Theory]
    [InlineData(LogBins.Lowest - 1)]
    [InlineData(LogBins.Highest + 1)]
    public void BinsThatDoNotExistAreRefused(int bin)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => LogBins.LowerBound(bin));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogBins.UpperBound(bin));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogBins.Representative(bin));
    }

    /// <summary>ceil(35 log2 x) in integers: x = m 2^e is at most 2^(i/35) exactly when m^35 2^(35 e) is at most 2^i.</summary>
    private static int ExactBinOf(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)(bits >> 52) - 1023 - 52;
        var mantissa = (bits & ((1L << 52) - 1)) | (1L << 52);
        var power = BigInteger.Pow(mantissa, 35);
        var bitLength = (int)power.GetBitLength();
        var ceilingOfLog = power == BigInteger.One << (bitLength - 1) ? bitLength - 1 : bitLength;
        return ceilingOfLog + (35 * exponent);
    }
}
