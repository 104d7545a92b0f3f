using CsCheck;

namespace StreamObserve.Hosting.Tests;

public class DurationTextTests
{
    [Theory]
    [InlineData("100ms", 100)]
    [InlineData("60s", 60_000)]
    [InlineData("1m30s", 90_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("7d", 604_800_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("0s", 0)]
    public void DurationIsReadInAnyUnit(string text, long milliseconds)
    {
        Assert.True(DurationText.TryParse(text, out TimeSpan duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("60")]
    [InlineData("s")]
    [InlineData("-5s")]
    [InlineData("5 s")]
    [InlineData("5s5s")]
    [InlineData("5x")]
    [InlineData("5s3")]
    [InlineData("99999999999d")]
    [InlineData(null)]
    public void WhatIsNoDurationIsRefused(string? text) => Assert.False(DurationText.TryParse(text, out _));

    [Fact]
    public void TextOfADurationReadsBackToTheSameDuration() =>
        Gen.Long[0, 1_000_000_000_000].Sample(milliseconds =>
        {
            var duration = TimeSpan.FromMilliseconds(milliseconds);
            return DurationText.TryParse(DurationText.Format(duration), out TimeSpan read) && read == duration;
        });

    [Theory]
    [InlineData(60, "60s")]
    [InlineData(90, "90s")]
    [InlineData(300, "5m")]
    [InlineData(86_400, "1d")]
    public void CommonDurationsAreWrittenAsPeopleDo(int seconds, string text) => Assert.Equal(text, DurationText.Format(TimeSpan.FromSeconds(seconds)));
}
