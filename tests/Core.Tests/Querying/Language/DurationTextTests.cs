using CsCheck;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData("0s", 0L, "0s")]
    [InlineData("10s", 10_000_000_000L, "10s")]
    [InlineData("500ms", 500_000_000L, "500ms")]
    [InlineData("250us", 250_000L, "250us")]
    [InlineData("250µs", 250_000L, "250us")]
    [InlineData("7ns", 7L, "7ns")]
    [InlineData("2h", 7_200_000_000_000L, "2h")]
    [InlineData("90m", 5_400_000_000_000L, "1h30m")]
    [InlineData("1d12h", 129_600_000_000_000L, "1d12h")]
    [InlineData("1W", 604_800_000_000_000L, "7d")]
    [InlineData("1.5H", 5_400_000_000_000L, "1h30m")]
    [InlineData("0.000000001s", 1L, "1ns")]
    [InlineData("1m1m", 120_000_000_000L, "2m")]
    [InlineData("9223372036854775807ns", long.MaxValue, "106751d23h47m16s854ms775us807ns")]
    public void DurationsAreReadAndWritten(string text, long nanoseconds, string usual)
    {
        Assert.True(DurationText.TryParse(text, out long read));
        Assert.Equal(nanoseconds, read);
        Assert.Equal(usual, DurationText.Format(nanoseconds));
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("s")]
    [InlineData("10x")]
    [InlineData("10 s")]
    [InlineData("-10s")]
    [InlineData("1..5s")]
    [InlineData(".s")]
    [InlineData("1h-5m")]
    [InlineData("0.5ns")]
    [InlineData("9223372036854775808ns")]
    [InlineData("1000000w")]
    [InlineData("99999999999999999999999999999999999999s")]
    [InlineData("1e3s")]
    public void OtherTextIsRefused(string text)
    {
        Assert.False(DurationText.TryParse(text, out long _));
        Assert.False(DurationText.TryParse(text, out TimeSpan _));
    }

    [Fact]
    public void TimeSpansAreReadToTheirResolution()
    {
        Assert.True(DurationText.TryParse("1m30s", out TimeSpan duration));
        Assert.Equal(TimeSpan.FromSeconds(90), duration);
        Assert.Equal("1m30s", DurationText.Format(duration));
        Assert.False(DurationText.TryParse("50ns", out TimeSpan _));
    }

    [Fact]
    public void WrittenDurationsAreReadBack() =>
        Gen.Long[0, long.MaxValue].Sample(nanoseconds => DurationText.TryParse(DurationText.Format(nanoseconds), out long read) && read == nanoseconds);

    [Fact]
    public void NoTextThrows() => Gen.Char["0123456789.wdhmsnuµ -"].Array[0, 40].Sample(chars => { DurationText.TryParse(chars, out long _); });
}
