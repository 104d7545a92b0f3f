using System.Globalization;
using System.Text;
using CsCheck;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public sealed class EventTimeTests
{
    [Theory]
    [InlineData("1970-01-01T00:00:00Z", 0L)]
    [InlineData("1969-12-31T23:59:59.999999999Z", -1L)]
    [InlineData("2026-11-23T04:05:06Z", 1795406706_000000000L)]
    [InlineData("2026-11-23t04:05:06z", 1795406706_000000000L)]
    [InlineData("2026-11-23 04:05:06", 1795406706_000000000L)]
    [InlineData("2026-11-23 04:05:06,5", 1795406706_500000000L)]
    [InlineData("2026-11-23T04:05:06.123456789Z", 1795406706_123456789L)]
    [InlineData("2026-11-23T04:05:06.1234567891234Z", 1795406706_123456789L)]
    [InlineData("2026-11-23T04:05:06.000000001+00:00", 1795406706_000000001L)]
    [InlineData("2026-11-23T05:05:06+01:00", 1795406706_000000000L)]
    [InlineData("2026-11-22T22:35:06-0530", 1795406706_000000000L)]
    [InlineData("2026-11-23T05:05:06+01", 1795406706_000000000L)]
    [InlineData("2016-12-31T23:59:60Z", 1483228800_000000000L)]
    [InlineData("2024-02-29T00:00:00Z", 1709164800_000000000L)]
    [InlineData("2000-02-29T00:00:00Z", 951782400_000000000L)]
    [InlineData("1677-09-21T00:12:43.145224192Z", long.MinValue)]
    [InlineData("2262-04-11T23:47:16.854775807Z", long.MaxValue)]
    public void Rfc3339TextIsRead(string text, long expected)
    {
        Assert.True(EventTime.TryParseRfc3339(Encoding.UTF8.GetBytes(text), out var unixNs));
        Assert.Equal(expected, unixNs);
        Assert.True(EventTime.TryParseRfc3339(text, out unixNs));
        Assert.Equal(expected, unixNs);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2026-11-23")]
    [InlineData("2026-11-23T04:05Z")]
    [InlineData("2026-11-23T04:05:06.Z")]
    [InlineData("2026-11-23T04:05:06X")]
    [InlineData("2026-11-23T04:05:06ZZ")]
    [InlineData("2026-11-23T04:05:06Z ")]
    [InlineData("2026-11-23T04:05:06+1:00")]
    [InlineData("2026-11-23T04:05:06+24:00")]
    [InlineData("2026-11-23T04:05:06+01:60")]
    [InlineData("2026-11-23T04:05:06.5.5Z")]
    [InlineData("2026-13-23T04:05:06Z")]
    [InlineData("2026-00-23T04:05:06Z")]
    [InlineData("2026-11-00T04:05:06Z")]
    [InlineData("2026-11-31T04:05:06Z")]
    [InlineData("2025-02-29T04:05:06Z")]
    [InlineData("1900-02-29T04:05:06Z")]
    [InlineData("2026-11-23T24:00:00Z")]
    [InlineData("2026-11-23T04:60:06Z")]
    [InlineData("2026-11-23T04:05:61Z")]
    [InlineData("2O26-11-23T04:05:06Z")]
    [InlineData("2026/11/23T04:05:06Z")]
    [InlineData("2026-11-23\u000104:05:06Z")]
    [InlineData("2026-11-23T04:05:06\u00b5Z")]
    [InlineData("1677-09-21T00:12:43.145224191Z")]
    [InlineData("2262-04-11T23:47:16.854775808Z")]
    [InlineData("9999-12-31T23:59:59Z")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("2026-11-23T04:05:06.00000000000000000000000000000000000000000000000000Z")]
    public void OtherTextIsRefused(string text)
    {
        Assert.False(EventTime.TryParseRfc3339(Encoding.UTF8.GetBytes(text), out _));
        Assert.False(EventTime.TryParseRfc3339(text, out _));
    }

    [Fact]
    public void FormattedTimesAreReadBackExactly() =>
        Gen.Long.Sample(unixNs => EventTime.TryParseRfc3339(EventTime.Format(unixNs), out var back) && back == unixNs);

    [Fact]
    public void EveryDayAgreesWithTheCalendarOfTheRuntime()
    {
        for (var day = new DateTime(1678, 1, 1, 0, 0, 0, DateTimeKind.Utc); day.Year < 2262; day = day.AddDays(1))
        {
            var text = day.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            Assert.True(EventTime.TryParseRfc3339(text, out var unixNs), text);
            Assert.Equal((day - DateTime.UnixEpoch).Ticks * 100, unixNs);
        }
    }

    [Fact]
    public void BytesOfAnyKindNeverThrow() =>
        Gen.OneOf(Gen.Byte.Array[0, 70], Gen.Char["0123456789-:.TZ+ "].Array[0, 40].Select(chars => Encoding.ASCII.GetBytes(chars)))
            .Sample(bytes =>
            {
                EventTime.TryParseRfc3339(bytes, out _);
                EventTime.TryParseEpoch(bytes, out _);
            });

    [Theory]
    [InlineData(0L, 0L)]
    [InlineData(1795406706L, 1795406706_000000000L)]
    [InlineData(1795406706123L, 1795406706_123000000L)]
    [InlineData(1795406706123456L, 1795406706_123456000L)]
    [InlineData(1795406706123456789L, 1795406706_123456789L)]
    [InlineData(-1L, -1_000000000L)]
    [InlineData(9_223_372_036L, 9_223_372_036_000000000L)]
    [InlineData(9_223_372_037L, 9_223_372_037_000000L)]
    [InlineData(long.MaxValue, long.MaxValue)]
    [InlineData(long.MinValue, long.MinValue)]
    public void TheMagnitudeOfAnIntegerTellsItsUnit(long epoch, long expected)
    {
        Assert.Equal(expected, EventTime.FromEpoch(epoch));
        Assert.True(EventTime.TryParseEpoch(Encoding.ASCII.GetBytes(epoch.ToString(CultureInfo.InvariantCulture)), out var unixNs));
        Assert.Equal(expected, unixNs);
    }

    [Theory]
    [InlineData(1795406706.0, 1795406706_000000000L)]
    [InlineData(1795406706.123456, 1795406706_123456000L)]
    [InlineData(1795406706123.25, 1795406706_123250000L)]
    [InlineData(1795406706123456.0, 1795406706_123456000L)]
    [InlineData(1795406706123456768.0, 1795406706_123457000L)]
    [InlineData(-0.5, -500_000_000L)]
    public void TheMagnitudeOfAFloatTellsItsUnit(double epoch, long expected)
    {
        Assert.True(EventTime.TryFromEpoch(epoch, out var unixNs));
        Assert.Equal(expected, unixNs);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(1e19)]
    [InlineData(-1e300)]
    public void AFloatThatIsNoTimeIsRefused(double epoch) => Assert.False(EventTime.TryFromEpoch(epoch, out _));

    [Fact]
    public void MicrosecondsInAFloatOfSecondsSurvive() =>
        Gen.Long[0, 4_000_000_000_000_000].Sample(micros => EventTime.TryFromEpoch(micros / 1e6, out var unixNs) && unixNs == micros * 1_000);

    [Theory]
    [InlineData("1795406706.123456789", 1795406706_123456789L)]
    [InlineData("1795406706.1234567899", 1795406706_123456789L)]
    [InlineData("1795406706123.456789", 1795406706_123456789L)]
    [InlineData("1795406706123456.789", 1795406706_123456789L)]
    [InlineData("1795406706123456789.9", 1795406706_123456789L)]
    [InlineData("-1.5", -1_500_000_000L)]
    [InlineData("-0.5", -500_000_000L)]
    [InlineData("1.795406706e9", 1795406706_000000000L)]
    [InlineData("1.795406706123E12", 1795406706_123000000L)]
    public void ANumberInTextIsReadExactly(string text, long expected)
    {
        Assert.True(EventTime.TryParseEpoch(Encoding.ASCII.GetBytes(text), out var unixNs));
        Assert.Equal(expected, unixNs);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("+1")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1.5x")]
    [InlineData("12a")]
    [InlineData("1e400")]
    [InlineData("NaN")]
    [InlineData("99999999999999999999")]
    public void TextThatIsNoNumberIsRefused(string text) => Assert.False(EventTime.TryParseEpoch(Encoding.ASCII.GetBytes(text), out _));
}
