using CsCheck;
using StreamObserve.Core.Querying.Variance;

namespace StreamObserve.Core.Tests.Querying.Variance;

public sealed class SignedSumsTests
{
    [Fact]
    public void SumsThatRanShortOfRoomAreWhatTheyWouldBeHadTheyBegunWithFewerBuckets() =>
        Gen.Select(Gen.Int[0, 5], Gen.ULong, Gen.Int[-9, 9]).Array[1, 200].Sample(rows =>
        {
            var late = new SignedSums(7 * VarianceLimits.BucketsMin);
            var early = new SignedSums(7 * VarianceLimits.BucketsMin);
            Assert.Equal(0, early.Allocate(6));
            Assert.Equal(VarianceLimits.BucketsMin, early.Buckets);
            var allocated = 0;
            foreach (var (sum, unit, value) in rows)
            {
                for (; allocated <= sum; allocated++)
                {
                    Assert.Equal(allocated, late.Allocate(1));
                }

                late.Add(sum, unit, value, 1);
                early.Add(sum, unit, value, 1);
            }

            late.Allocate(6 - allocated);
            for (var sum = 0; sum < 6; sum++)
            {
                Assert.Equal(early.Plain(sum), late.Plain(sum));
                Assert.Equal(early.Of(sum).ToArray(), late.Of(sum).ToArray());
            }
        });

    [Fact]
    public void WithoutRoomNothingIsAllocated()
    {
        var sums = new SignedSums(8 * VarianceLimits.BucketsMin);
        Assert.Equal(0, sums.Allocate(7));
        Assert.Equal(-1, sums.Allocate(1));
        Assert.Equal(7, sums.Allocate(1, favoured: true));
        Assert.Equal(-1, sums.Allocate(1, favoured: true));
        Assert.Equal(8, sums.Count);
    }

    [Fact]
    public void SquaresOfBucketsEstimateTheSumOfTheUnitsSquaresWithoutBias()
    {
        // 60 units in 16 buckets, 2,000 times with other hashes: each estimate is off by a third or so, their mean by less than 3 %.
        var random = new Random(8);
        var mean = 0d;
        for (var i = 0; i < 2_000; i++)
        {
            var sums = new SignedSums(2 * VarianceLimits.BucketsMin);
            sums.Allocate(1);
            for (var unit = 1; unit <= 60; unit++)
            {
                var hash = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
                sums.Add(0, hash, unit, 0.5);
                sums.Add(0, hash, unit, 0.5);
            }

            foreach (var bucket in sums.Of(0))
            {
                mean += bucket * bucket / 2_000;
            }
        }

        Assert.InRange(mean / (60 * 61 * 121 / 6), 0.97, 1.03);
    }
}
