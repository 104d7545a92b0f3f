using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class DeterministicSamplerTests
{
    [Theory]
    [InlineData("abc123", false)]
    [InlineData("def456", true)]
    [InlineData("ghi789", false)]
    [InlineData("zyx987", false)]
    [InlineData("wvu654", false)]
    [InlineData("tsr321", false)]
    public void OfTheReferenceIdsAtRateTenOnlyOneIsKept(string traceId, bool kept) =>
        Assert.Equal(kept, DeterministicSampler.Keep(DeterministicSampler.HashOf(traceId), 10));

    [Fact]
    public void TheHashIsTheStartOfTheSha1OfIdAndSaltForIdsOfAnyLength() =>
        Gen.String[0, 120].Sample(id => DeterministicSampler.HashOf(id) == Reference(id) && DeterministicSampler.HashOf(Encoding.UTF8.GetBytes(id)) == Reference(id));

    [Theory]
    [InlineData(38)]
    [InlineData(39)]
    [InlineData(40)]
    [InlineData(64)]
    [InlineData(5000)]
    public void TheHashIsRightAroundTheLengthOfOneBlock(int length) =>
        Assert.Equal(Reference(new string('x', length)), DeterministicSampler.HashOf(new string('x', length)));

    [Fact]
    public void AtRateOneEverythingIsKept() => Gen.UInt.Sample(hash => DeterministicSampler.Keep(hash, 1));

    [Fact]
    public void IntegerRatesDivideAsIntegers() =>
        Gen.Select(Gen.UInt, Gen.UInt[2, 1_000_000]).Sample((hash, rate) =>
        {
            var bound = uint.MaxValue / rate;
            return DeterministicSampler.Keep(hash, rate) == (hash <= bound) && DeterministicSampler.Keep(bound, rate) && !DeterministicSampler.Keep(bound + 1, rate);
        });

    [Fact]
    public void WhoeverIsKeptAtARateIsKeptAtEveryLowerOne() =>
        Gen.Select(Gen.UInt, Gen.Double[1, 1000], Gen.Double[1, 1000]).Sample((hash, a, b) =>
            !DeterministicSampler.Keep(hash, Math.Max(a, b)) || DeterministicSampler.Keep(hash, Math.Min(a, b)));

    [Theory]
    [InlineData(1.25)]
    [InlineData(2.5)]
    [InlineData(10)]
    [InlineData(33.3)]
    public void TheShareKeptIsOneInTheRate(double rate)
    {
        const int Traces = 200_000;
        var kept = 0;
        for (var i = 0; i < Traces; i++)
        {
            kept += DeterministicSampler.Keep(DeterministicSampler.HashOf($"trace-{i}"), rate) ? 1 : 0;
        }

        var p = 1 / rate;
        Assert.InRange(kept, Traces * (p - (4 * Math.Sqrt(p * (1 - p) / Traces))), Traces * (p + (4 * Math.Sqrt(p * (1 - p) / Traces))));
    }

    private static uint Reference(string id) => BinaryPrimitives.ReadUInt32BigEndian(SHA1.HashData(Encoding.UTF8.GetBytes(id + "5VQ8l2jE5aJLPVqk")));
}
