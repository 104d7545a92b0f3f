using CsCheck;

namespace StreamObserve.Hosting.Tests;

public class ByteSizeTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("65536", 65536)]
    [InlineData("512MB", 512_000_000)]
    [InlineData("512mb", 512_000_000)]
    [InlineData("1GiB", 1L << 30)]
    [InlineData("1.5GiB", 3L << 29)]
    [InlineData("2 TiB", 2L << 40)]
    [InlineData("64k", 65536)]
    [InlineData("7B", 7)]
    public void SizeIsReadInAnyUnit(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out ByteSize size));
        Assert.Equal(bytes, size.Bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("-1")]
    [InlineData("1 GB s")]
    [InlineData("GiB")]
    [InlineData("1..5GiB")]
    [InlineData("1e9")]
    [InlineData("9000000TiB")]
    [InlineData("99999999999999999999999999999999999999")]
    [InlineData(null)]
    public void WhatIsNoSizeIsRefused(string? text) => Assert.False(ByteSize.TryParse(text, out _));

    [Fact]
    public void TextOfASizeReadsBackToTheSameSize() =>
        Gen.Select(Gen.Long[0, long.MaxValue >> 1], Gen.Int[0, 50]).Sample((value, shift) =>
        {
            var size = new ByteSize(value >> shift << (shift / 2));
            return ByteSize.TryParse(size.ToString(), out ByteSize read) && read == size;
        });

    [Theory]
    [InlineData(1L << 30, "1GiB")]
    [InlineData(256L << 20, "256MiB")]
    [InlineData(512_000_000, "512MB")]
    [InlineData(1, "1")]
    public void TextIsTheShortestExactForm(long bytes, string text) => Assert.Equal(text, new ByteSize(bytes).ToString());
}
