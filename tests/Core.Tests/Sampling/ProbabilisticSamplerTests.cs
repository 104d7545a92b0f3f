using System.Globalization;
using System.Numerics;
using System.Text;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class ProbabilisticSamplerTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(10)]
    [InlineData(50)]
    [InlineData(99.9)]
    [InlineData(100)]
    public void KeepsWhatTheCollectorsHashSays(double percent)
    {
        var sampler = new ProbabilisticSampler(percent, NestedSampler.DefaultSalt);
        var random = new Random(1);
        var kept = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"{random.NextInt64():x16}{random.NextInt64():x16}");
            var hash = Fnv1A([.. Encoding.UTF8.GetBytes(NestedSampler.DefaultSalt), .. Convert.FromHexString(id)]);
            var expected = hash <= (BigInteger)(percent / 100 * Math.Pow(2, 64));
            Assert.Equal(expected, sampler.Keeps(Encoding.UTF8.GetBytes(id)));
            kept += expected ? 1 : 0;
        }

        Assert.Equal(20_000 * percent / 100, kept, 4 * Math.Sqrt(20_000 * percent / 100) + 1);
    }

    [Fact]
    public void AnIdThatIsNoneOfSixteenBytesIsHashedAsItsText()
    {
        for (var i = 0; i < 500; i++)
        {
            var id = Encoding.UTF8.GetBytes($"order-{i}");
            Assert.Equal(Fnv1A([.. "pepper"u8, .. id]) <= (BigInteger)(0.3 * Math.Pow(2, 64)), new ProbabilisticSampler(30, "pepper").Keeps(id));
        }
    }

    [Fact]
    public void SamplersOfOtherSaltsKeepOtherTraces()
    {
        byte[][] ids = [.. Enumerable.Range(0, 1_000).Select(i => Encoding.UTF8.GetBytes($"{i}"))];
        var (one, other) = (new ProbabilisticSampler(50, "a"), new ProbabilisticSampler(50, "b"));
        Assert.InRange(ids.Count(id => one.Keeps(id) == other.Keeps(id)), 400, 600);
    }

    /// <summary>FNV-1a as its authors define it, in whole numbers without a bound.</summary>
    private static BigInteger Fnv1A(byte[] bytes)
    {
        BigInteger hash = 14695981039346656037, modulus = BigInteger.One << 64;
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * 1099511628211 % modulus;
        }

        return hash;
    }
}
