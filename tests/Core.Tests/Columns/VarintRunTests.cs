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

    [Fact]
    public void ManyNumbersAtOnceAreTheBytesOfNumbersWrittenOneByOne()
    {
        Gen.Select(Gen.Int[0, 31], Gen.Int[0, 20], Gen.Select(Gen.UInt, Gen.Int[0, 99]).Array[0, 200]).Sample((shift, longShare, drawn) =>
        {
            // Mostly numbers of a byte, with longer ones between.
            var numbers = drawn.Select(number => (int)(number.Item2 < longShare ? number.Item1 >> 1 >> shift : number.Item1 >> 25)).ToArray();
            ushort[] small = [.. numbers.Select(number => (ushort)number)];
            var single = new ByteWriter(1);
            var run = new ByteWriter(1);
            Array.ForEach(numbers, number => single.Varint((ulong)number));
            Array.ForEach(small, number => single.Varint(number));
            single.U8(7);
            var added = run.BeginVarints(2 * numbers.Length, VarintRun.BytesMax32);
            added.AddAll(numbers);
            added.AddAll(small);
            added.End();
            run.U8(7);
            Assert.Equal(single.Written.ToArray(), run.Written.ToArray());

            var reader = new ByteReader(run.Written);
            var (readNumbers, readSmall) = (new int[numbers.Length], new int[small.Length]);
            Assert.True(reader.TryCounts(readNumbers));
            Assert.True(reader.TryCounts(readSmall));
            Assert.Equal(numbers, readNumbers);
            Assert.Equal(small, readSmall.Select(number => (ushort)number));
            Assert.Equal(1, reader.Remaining);
        }, iter: 500);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(40)]
    public void ACountThatNoIntHoldsIsSaidAndNothingIsRead(int at)
    {
        var writer = new ByteWriter();
        for (var i = 0; i < 41; i++)
        {
            writer.Varint(i == at ? int.MaxValue + 1UL : 5);
        }

        var reader = new ByteReader(writer.Written);
        Assert.False(reader.TryCounts(new int[41]));
        Assert.Equal(0, reader.Position);
        Assert.True(reader.TryCounts(new int[at]));
        Assert.Equal(int.MaxValue + 1UL, reader.Varint());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(10)]
    public void ANumberThatGoesOnPastTheEndIsDamage(int bytes) =>
        Assert.Throws<FormatException>(() => new ByteReader(Enumerable.Repeat((byte)0x80, bytes).ToArray()).Varint());
}
