using System.Text;
using CsCheck;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Sketches;

public class HashTests
{
    // The values of the xxHash specification's reference implementation for the empty input with seed 0.
    [Fact]
    public void TheHashesAreThoseOfTheXxHashSpecification()
    {
        Assert.Equal(0x2D06800538D394C2UL, Hash64.Of(ReadOnlySpan<byte>.Empty));
        Assert.Equal(new Hash128(0x99AA06D3014798D8UL, 0x6001C324468D497FUL), Hash128.Of(ReadOnlySpan<byte>.Empty));
    }

    // Stored hashes must stay readable: a change of these numbers is a change of format.
    [Fact]
    public void TheHashesDoNotChangeOverTime()
    {
        Assert.Equal(0xC9597D5DE43833CCUL, Hash64.Of("checkout"));
        Assert.Equal(0xF7380C0BF67DB1AFUL, Hash64.Of(42L));
        Assert.Equal(0x40EC3339838D6D11UL, Hash64.Of(true));
        Assert.Equal("402a57bc9ea0ff3c1bdc3301f12e338a", Hash128.Of("4bf92f3577b34da6a3ce929d0e0e4736").ToString());
    }

    [Fact]
    public void TextIsHashedAsItsUtf8BytesOfAnyLength() =>
        Gen.String[0, 500].Sample(text =>
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            return Hash64.Of(text) == Hash64.Of(bytes) && Hash128.Of(text) == Hash128.Of(bytes);
        });

    [Fact]
    public void EqualFieldValuesHaveEqualHashes()
    {
        Assert.Equal(Hash64.Of(1L), Hash64.Of(1.0));
        Assert.Equal(Hash64.Of(0.0), Hash64.Of(-0.0));
        Assert.Equal(Hash64.Of(FieldValue.Of(3L)), Hash64.Of(FieldValue.Of(3.0)));
        Gen.Long.Sample(i => Hash64.Of(i) == Hash64.Of(FieldValue.Of(i)) && ((Int128)(double)i != i || Hash64.Of(i) == Hash64.Of((double)i)));
    }

    [Fact]
    public void DifferentKindsOfTheSameTextHaveDifferentHashes()
    {
        ulong[] hashes = [Hash64.Of("1"), Hash64.Of(1L), Hash64.Of(true), Hash64.Of("true"), Hash64.Of(long.MaxValue), Hash64.Of((double)long.MaxValue), Hash64.Of(long.MaxValue - 1)];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
    }

    [Fact]
    public void AnAbsentValueHasNoHash() => Assert.Throws<ArgumentException>(() => Hash64.Of(FieldValue.Absent));

    [Fact]
    public void AHashIsReadBackAsWrittenInTheOrderOfItsBytes() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.ULong, Gen.ULong).Sample((a, b, c, d) =>
        {
            var (x, y) = (new Hash128(a, b), new Hash128(c, d));
            Span<byte> xBytes = stackalloc byte[Hash128.SizeBytes];
            Span<byte> yBytes = stackalloc byte[Hash128.SizeBytes];
            x.Write(xBytes);
            y.Write(yBytes);
            return Hash128.Read(xBytes) == x
                && Math.Sign(x.CompareTo(y)) == Math.Sign(xBytes.SequenceCompareTo(yBytes))
                && x.ToString() == Convert.ToHexStringLower(xBytes);
        });
}
