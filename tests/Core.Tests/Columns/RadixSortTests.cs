using CsCheck;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Tests.Columns;

public class RadixSortTests
{
    [Fact]
    public void KeysAreSortedByTheirHighBitsAndStayInOrderWithin()
    {
        var cases = Gen.Select(Gen.Int[0, 300], Gen.Int[0, 20], Gen.Int[1, 64], Gen.Int[1, int.MaxValue]);
        cases.Sample((count, lowBit, bits, seed) =>
        {
            var random = new Random(seed);
            var mask = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
            var keys = Enumerable.Range(0, count).Select(_ => (ulong)random.NextInt64(long.MinValue, long.MaxValue) & mask).ToArray();
            var expected = keys.OrderBy(key => key >> lowBit).ToArray();
            RadixSort.Sort(keys, lowBit, mask);
            Assert.Equal(expected, keys);
        });
    }
}
