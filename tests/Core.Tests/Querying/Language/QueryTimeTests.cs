using CsCheck;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class QueryTimeTests
{
    private const long Second = 1_000_000_000;

    // A Monday, 123 ms past 04:05:06.
    private static readonly long Now = At("2026-11-23T04:05:06.123Z");

    [Theory]
    [InlineData("", "2026-11-23T02:05:00Z", "2026-11-23T04:06:00Z", 60)]
    [InlineData("LAST 2h", "2026-11-23T02:05:00Z", "2026-11-23T04:06:00Z", 60)]
    [InlineData("LAST 10m EVERY 10s", "2026-11-23T03:55:00Z", "2026-11-23T04:05:10Z", 10)]
    [InlineData("LAST 10m EVERY 7s", "2026-11-23T03:55:02Z", "2026-11-23T04:05:11Z", 7)]
    [InlineData("LAST 1s", "2026-11-23T04:05:05Z", "2026-11-23T04:05:07Z", 1)]
    [InlineData("LAST 1d", "2026-11-22T04:00:00Z", "2026-11-23T04:15:00Z", 900)]
    [InlineData("LAST 1h EVERY 1h", "2026-11-23T03:00:00Z", "2026-11-23T05:00:00Z", 3_600)]
    [InlineData("LAST 7d COMPARE 30m", "2026-11-16T04:00:00Z", "2026-11-23T04:30:00Z", 1_800)]
    [InlineData("LAST 30d COMPARE 182d", "2026-10-24T00:00:00Z", "2026-11-23T06:00:00Z", 21_600)]
    [InlineData("LAST 10m", "2026-11-23T03:55:00Z", "2026-11-23T04:05:10Z", 10)]
    [InlineData("SINCE 2026-11-23T01:00:00.5Z UNTIL 2026-11-23T02:00:00.25Z EVERY 60s", "2026-11-23T01:00:00.5Z", "2026-11-23T02:00:00.25Z", 60)]
    [InlineData("SINCE 2026-11-23T01:00:00.5Z LAST 1h", "2026-11-23T01:00:00.5Z", "2026-11-23T02:00:00.5Z", 30)]
    [InlineData("UNTIL 2026-11-23T01:00:00.5Z LAST 1h", "2026-11-23T00:00:00.5Z", "2026-11-23T01:00:00.5Z", 30)]
    [InlineData("SINCE 2026-11-23T01:00:00.5Z", "2026-11-23T01:00:00.5Z", "2026-11-23T03:00:00.5Z", 60)]
    [InlineData("UNTIL 2026-11-23T01:00:00.5Z", "2026-11-22T23:00:00.5Z", "2026-11-23T01:00:00.5Z", 60)]
    [InlineData("SINCE 1969-12-31T23:00:00.5Z UNTIL 1970-01-01T00:00:00Z", "1969-12-31T23:00:00.5Z", "1970-01-01T00:00:00Z", 30)]
    public void TimesResolve(string text, string start, string end, int step)
    {
        var time = QueryTime.Resolve(QueryText.Parse(text).Value, Now).Value;
        Assert.Equal((start, end, step), (EventTime.Format(time.StartNs), EventTime.Format(time.EndNs), time.GranularitySeconds));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(60, 1)]
    [InlineData(300, 2)]
    [InlineData(301, 10)]
    [InlineData(600, 10)]
    [InlineData(1_200, 10)]
    [InlineData(900, 10)]
    [InlineData(1_800, 20)]
    [InlineData(3_600, 30)]
    [InlineData(7_200, 60)]
    [InlineData(4 * 3_600, 120)]
    [InlineData(8 * 3_600, 300)]
    [InlineData(86_400, 900)]
    [InlineData(7 * 86_400, 2 * 3_600)]
    [InlineData(30 * 86_400, 6 * 3_600)]
    [InlineData(365L * 86_400, 7 * 86_400)]
    [InlineData(LanguageLimits.TimeRangeMaxSeconds, 364 * 86_400)]
    public void TheStepIsRoundAndMakesAboutAHundredPoints(long rangeSeconds, int step) =>
        Assert.Equal(step, QueryTime.Resolve(new QuerySpec { TimeRangeSeconds = rangeSeconds }, Now).Value.GranularitySeconds);

    [Theory]
    [InlineData("LAST 1d EVERY 1s", "granularity", "a granularity of 1 s makes 86401 points from 2026-11-22T04:05:06Z to 2026-11-23T04:05:07Z; at most 10000 are answered: 10 s or more fits")]
    [InlineData("SINCE 2026-01-01 UNTIL 2026-01-02 EVERY 8s", "granularity", "a granularity of 8 s makes 10800 points from 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z; at most 10000 are answered: 10 s or more fits")]
    [InlineData("LAST 1h EVERY 1d", "granularity", "a granularity of 1d is wider than the range of 1h: 3600 s or less fits")]
    [InlineData("LAST 1h EVERY 7m COMPARE 1h", "granularity", "an offset of 1h is no whole number of steps of 7m, so points would have no counterpart: 300 s fits")]
    [InlineData("LAST 1h EVERY 7s COMPARE 1h", "granularity", "an offset of 1h is no whole number of steps of 7s, so points would have no counterpart: 5 s fits")]
    [InlineData("LAST 364d COMPARE 30m", "compare_time_offset_seconds", "steps that divide the offset of 30m make more than 10000 points of this range: compare with a range further back, or ask about less time")]
    [InlineData("UNTIL 1700-01-01 LAST 36000d", "time_range", "a range of 36000d in steps of 364d leaves the times that can be told, 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z")]
    public void WhatDoesNotFitIsRefused(string text, string field, string message)
    {
        var error = Assert.Single(QueryTime.Resolve(QueryText.Parse(text).Value, Now).Errors);
        Assert.Equal((field, message), (error.Field, error.Message));
    }

    [Fact]
    public void ASpecMadeByHandIsCheckedToo()
    {
        Assert.Equal("start_time 1970-01-01T00:00:00.000000002Z must be before end_time 1970-01-01T00:00:00.000000002Z", Fail(new QuerySpec { StartTimeNs = 2, EndTimeNs = 2 }));
        Assert.Equal("give two of start_time, end_time and time_range, not all three (time_range 1)", Fail(new QuerySpec { StartTimeNs = 1, EndTimeNs = 2, TimeRangeSeconds = 1 }));
        Assert.Equal("granularity must be 1 s or more, not 0", Fail(new QuerySpec { GranularitySeconds = 0 }));
        Assert.Equal("time_range must be 1..3155760000 s, not 0", Fail(new QuerySpec { TimeRangeSeconds = 0 }));
    }

    [Theory]
    [InlineData("SINCE 2026-08-03T14:00:00Z UNTIL 2026-08-03T15:00:01Z EVERY 2h")]
    [InlineData("SINCE 2026-08-03T14:00:00Z LAST 1h EVERY 7d")]
    public void AStepWiderThanARangeWithGivenEdgesLeavesThemAlone(string text)
    {
        var spec = QueryText.Parse(text).Value;
        var resolved = QueryTime.Resolve(spec, Now).Value;
        Assert.Equal((spec.StartTimeNs, spec.GranularitySeconds), (resolved.StartNs, resolved.GranularitySeconds));
        Assert.InRange(resolved.EndNs - resolved.StartNs, 3600 * Second, 3601 * Second);
    }

    [Fact]
    public void TenThousandPointsAreAnswered() =>
        Assert.Equal(1, QueryTime.Resolve(new QuerySpec { StartTimeNs = 0, EndTimeNs = 10_000 * Second, GranularitySeconds = 1 }, Now).Value.GranularitySeconds);

    [Fact]
    public void RelativeEdgesSnapOutwardsByLessThanAStep() =>
        Gen.Select(Gen.Long[-4_000_000_000, 4_000_000_000], Gen.Long[0, Second - 1], Gen.Long[1, 3_000_000], Gen.Int[1, 100_000]).Sample((nowSeconds, nanos, range, step) =>
        {
            step = (int)Math.Min(step, range);
            var now = nowSeconds * Second + nanos;
            if (!QueryTime.Resolve(new QuerySpec { TimeRangeSeconds = range, GranularitySeconds = step }, now).TryGet(out var time, out var errors))
            {
                Assert.Equal("granularity", Assert.Single(errors).Field);
                Assert.True(range / step >= QueryLimits.SeriesPointsMax - 2);
                return;
            }

            Assert.Equal(0, time.StartNs % (step * Second));
            Assert.Equal(0, time.EndNs % (step * Second));
            Assert.InRange(now - range * Second - time.StartNs, 0, step * Second - 1);
            Assert.InRange(time.EndNs - now, 0, step * Second - 1);
        });

    private static string Fail(QuerySpec spec) => Assert.Single(QueryTime.Resolve(spec, Now).Errors).Message;

    private static long At(string text) => EventTime.TryParseRfc3339(text, out var unixNs) ? unixNs : throw new ArgumentException(text);
}
