using System.Globalization;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Language;

/// <summary>Turns what a query says about time into a range and a step.</summary>
public static class QueryTime
{
    /// <summary>How many points a series has, about, when the query doesn't say.</summary>
    public const int SeriesPointsWanted = 100;

    private const long Second = 1_000_000_000;
    private const int Day = 86_400;

    /// <summary>
    /// Seconds of range past which a step that nobody asked for is a multiple of the 10 s of a stored cell, so that stored cells can answer.
    /// </summary>
    public const long FineStepRangeMaxSeconds = 300;

    private const int CellSeconds = 10;

    // From 10 s on each is a multiple of a stored cell: hence 20 s and not 15 s.
    private static readonly int[] RoundSteps =
    [
        1, 2, 5, 10, 20, 30,
        60, 2 * 60, 5 * 60, 10 * 60, 15 * 60, 30 * 60,
        3_600, 2 * 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600,
        Day, 7 * Day, 14 * Day, 28 * Day, 91 * Day, 182 * Day, 364 * Day,
    ];

    /// <summary>
    /// The range [start, end) and the step of a query asked at <paramref name="nowNs"/> (unix nanoseconds). Of start, end and length any two give the third
    /// (a length not given is <see cref="QueryLimits.TimeRangeDefaultSeconds"/>) and are taken exactly; a length alone ends now, and then both edges move
    /// outwards to whole steps. The step is the query's, else the round one that comes nearest to <see cref="SeriesPointsWanted"/> points. In a comparison the
    /// offset is a whole number of steps, so that each point has its counterpart.
    /// A step wider than the range makes one point, or two where a multiple of the step lies in it; of a relative range it is refused, whose edges it would move far out.
    /// Errors: an empty range, all three given, a time out of range, a step under 1 s, one wider than a relative range, or one that makes more than
    /// <see cref="QueryLimits.SeriesPointsMax"/> points or that an offset is no multiple of.
    /// </summary>
    public static Parsed<ResolvedTime> Resolve(QuerySpec spec, long nowNs)
    {
        var errors = new ErrorList();
        QueryRules.CheckTime(spec, errors);
        if (errors.Count > 0)
        {
            return Parsed<ResolvedTime>.Failed(errors.Errors);
        }

        // Times in 128 bits until they are known to fit.
        var rangeSeconds = spec.TimeRangeSeconds ?? QueryLimits.TimeRangeDefaultSeconds;
        var range = (Int128)rangeSeconds * Second;
        var (start, end) = spec switch
        {
            { StartTimeNs: { } from, EndTimeNs: { } to } => ((Int128)from, (Int128)to),
            { StartTimeNs: { } from } => (from, from + range),
            { EndTimeNs: { } to } => (to - range, to),
            _ => (nowNs - range, nowNs),
        };
        var steps = StepsFor(end - start, spec.CompareOffsetSeconds);
        var step = spec.GranularitySeconds ?? RoundStep(end - start, steps);
        var isRelative = spec is { StartTimeNs: null, EndTimeNs: null };
        if (isRelative && step * (Int128)Second > end - start && step > 1 && spec.GranularitySeconds is not null)
        {
            var widest = (long)((end - start) / Second);
            return Fail("granularity", Text(step), $"a granularity of {DurationText.FormatSeconds(step)} is wider than the range of {DurationText.FormatSeconds(Math.Max(1, widest))}: {Math.Max(1, widest)} s or less fits");
        }

        if (isRelative)
        {
            start = FloorTo(start, step * Second);
            end = -FloorTo(-end, step * Second);
        }

        if (start - ((spec.CompareOffsetSeconds ?? 0) * (Int128)Second) < long.MinValue || end > long.MaxValue)
        {
            return Fail("time_range", Text(rangeSeconds), $"a range of {DurationText.FormatSeconds(rangeSeconds)} in steps of {DurationText.FormatSeconds(step)} leaves the times that can be told, {EventTime.Format(long.MinValue)} to {EventTime.Format(long.MaxValue)}");
        }

        var points = Points(start, end, step);
        if (points > QueryLimits.SeriesPointsMax)
        {
            var fits = steps.FirstOrDefault(round => Points(start, end, round) <= QueryLimits.SeriesPointsMax);
            if (fits == 0)
            {
                var offset = DurationText.FormatSeconds(spec.CompareOffsetSeconds!.Value);
                return Fail("compare_time_offset_seconds", Text(spec.CompareOffsetSeconds!.Value), $"steps that divide the offset of {offset} make more than {QueryLimits.SeriesPointsMax} points of this range: compare with a range further back, or ask about less time");
            }

            return Fail("granularity", Text(step), $"a granularity of {step} s makes {points} points from {EventTime.Format((long)start)} to {EventTime.Format((long)end)}; at most {QueryLimits.SeriesPointsMax} are answered: {fits} s or more fits");
        }

        if (spec.CompareOffsetSeconds is { } back && back % step != 0)
        {
            return Fail("granularity", Text(step), $"an offset of {DurationText.FormatSeconds(back)} is no whole number of steps of {DurationText.FormatSeconds(step)}, so points would have no counterpart: {RoundSteps.Last(round => round <= step && back % round == 0)} s fits");
        }

        return Parsed<ResolvedTime>.Of(new ResolvedTime((long)start, (long)end, step));
    }

    private static List<int> StepsFor(Int128 rangeNs, long? compareOffsetSeconds)
    {
        var finest = rangeNs > FineStepRangeMaxSeconds * Second ? CellSeconds : 1;
        return [.. RoundSteps.Where(step => step >= finest && (compareOffsetSeconds is not { } offset || offset % step == 0))];
    }

    // The nearest by ratio: a step twice too wide is as far off as one twice too narrow.
    private static int RoundStep(Int128 rangeNs, List<int> steps)
    {
        var ideal = (double)rangeNs / Second / SeriesPointsWanted;
        return steps.MinBy(step => Math.Abs(Math.Log(step / ideal)));
    }

    private static Int128 Points(Int128 start, Int128 end, int step) => (-FloorTo(-end, step * Second) - FloorTo(start, step * Second)) / (step * Second);

    private static Int128 FloorTo(Int128 time, long step)
    {
        var remainder = time % step;
        return remainder < 0 ? time - remainder - step : time - remainder;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static Parsed<ResolvedTime> Fail(string field, string value, string message) => Parsed<ResolvedTime>.Failed(new QueryError(field, value, message));
}
