using CsCheck;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Tests.Columns;

public class VarintRunTests
{
    [Fact]
    public void ARunHasTheBytesOfNumbersWrittenOneByOne()
    {
        var lengths = Gen.Select(Gen.ULong, Gen.Int[0, 63]).Select((bits, shift) => bits >> shift).Array;
        lengths.Sample(numbers =>
        {
            numbers = [.. numbers, .. Enumerable.Range(0, 64).SelectMany(bit => new[] { (1UL << bit) - 1, 1UL << bit }), ulong.MaxValue];
            var single = new ByteWriter(1);
            var run = new ByteWriter(1);
            single.U8(7);
            run.U8(7);
            var added = run.BeginVarints(2 * numbers.Length, VarintRun.BytesMax);
            foreach (var number in numbers)
            {
                single.Varint(number);
                single.Zigzag((long)number);
                added.Add(number);
                added.AddZigzag((long)number);
            }

            added.End();
            single.U8(7);
            run.U8(7);
            Assert.Equal(single.Written.ToArray(), run.Written.ToArray());

            var reader = new ByteReader(run.Written);
            Assert.Equal(7, reader.U8());
            foreach (var number in numbers)
            {
                Assert.Equal(number, reader.Varint());
                Assert.Equal((long)number, reader.Zigzag());
            }

            Assert.Equal(1, reader.Remaining);
        }, iter: 200);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(10)]
    public void ANumberThatGoesOnPastTheEndIsDamage(int bytes) =>
        Assert.Throws<FormatException>(() => new ByteReader(Enumerable.Repeat((byte)0x80, bytes).ToArray()).Varint());
}
