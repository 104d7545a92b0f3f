using System.Runtime.CompilerServices;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Tests.Columns;

public sealed class LentArraysTests
{
    private static readonly int[] Counts = [1, 16, 100, 1_000, 1_025, 2_047, 2_500, 4_095, 4_096, 8_193, 10_000, 16_383, 16_384, 40_000, 65_536, 70_000, 300_000];

    [Fact]
    public void WhatIsGivenBackIsLentAgainWhateverItsLengthAndType()
    {
        foreach (var count in Counts)
        {
            AssertReused<byte>(count);
            AssertReused<ushort>(count);
            AssertReused<int>(count);
            AssertReused<double>(count);
        }
    }

    [Fact]
    public void OnesOfAPowerOfTwoAreAsLongAsAskedForAndOthersALittleLonger()
    {
        for (var count = 16; count <= 1 << 20; count = count < 5_000 ? count + 1 : count + (count / 50))
        {
            var array = LentArrays.Rent<long>(count);
            Assert.InRange(array.Length, count, Math.Max(count * 2, LentArrays.PooledBytesMin / 8));
            Assert.True(count <= LentArrays.PooledBytesMin / 8 || array.Length <= count * 5 / 4);
            LentArrays.Return(array);
        }

        for (var log = 4; log < 24; log++)
        {
            Assert.Equal(1 << log, LentArrays.Rent<ulong>(1 << log).Length);
        }
    }

    [Fact]
    public void NoMoreWaitThanTheBoundAllows()
    {
        var lent = Enumerable.Range(0, 40).Select(_ => LentArrays.Rent<byte>(4 << 20)).ToList();
        lent.ForEach(LentArrays.Return);
        Assert.InRange(LentArrays.IdleBytes, 1, LentArrays.IdleBytesMax);

        // Longer ones than are worth keeping, and ones that were not lent, are nothing.
        LentArrays.Return(LentArrays.Rent<byte>((int)LentArrays.IdleBytesMax));
        LentArrays.Return(new byte[100_001]);
        LentArrays.Return(Array.Empty<byte>());
        Assert.InRange(LentArrays.IdleBytes, 1, LentArrays.IdleBytesMax);
    }

    [Fact]
    public void ABufferHoldsWhatWasWrittenPieceByPiece()
    {
        using var buffer = new LentBuffer();
        var expected = new List<byte>();
        for (var i = 0; i < 300; i++)
        {
            var piece = Enumerable.Repeat((byte)i, i * 7 % 900).ToArray();
            piece.CopyTo(buffer.GetSpan(piece.Length));
            buffer.Advance(piece.Length);
            expected.AddRange(piece);
        }

        Assert.Equal(expected, buffer.WrittenMemory.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Advance(int.MaxValue));
        buffer.Clear();
        Assert.True(buffer.WrittenSpan.IsEmpty);
    }

    private static void AssertReused<T>(int count)
        where T : unmanaged
    {
        // Other tests lend meanwhile: now and then one of theirs comes.
        var seen = new HashSet<int>();
        for (var i = 0; i < 200; i++)
        {
            var array = LentArrays.Rent<T>(count);
            seen.Add(RuntimeHelpers.GetHashCode(array));
            LentArrays.Return(array);
        }

        Assert.InRange(seen.Count, 1, 50);
    }
}
