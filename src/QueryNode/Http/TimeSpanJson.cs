using System.Text.Json;
using StreamObserve.Hosting;

namespace StreamObserve.QueryNode.Http;

/// <summary>The members <c>time_range</c>, <c>start_time</c> and <c>end_time</c> of a body that is about a span of time: seconds, any two or fewer; up to now where no end is given.</summary>
internal sealed class TimeSpanJson(int defaultSeconds)
{
    /// <summary>The names, for messages.</summary>
    public const string Known = "time_range, start_time, end_time";

    private long? _range;
    private long? _start;
    private long? _end;

    /// <summary>Takes a member that is one of these; false when it is another.</summary>
    public bool TryTake(JsonProperty member, List<ProblemError> errors)
    {
        switch (member.Name)
        {
            case "time_range":
                _range = Seconds(member, 1, errors);
                return true;
            case "start_time":
                _start = Seconds(member, 0, errors);
                return true;
            case "end_time":
                _end = Seconds(member, 0, errors);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The span, unix seconds, the end exclusive; checked.</summary>
    public (long Start, long End) Of(long nowSeconds, List<ProblemError> errors)
    {
        if (_range is not null && _start is not null && _end is not null)
        {
            errors.Add(new("time_range", null, "is given beside \"start_time\" and \"end_time\"; give any two"));
        }

        var range = _range ?? defaultSeconds;
        var end = Math.Min(_end ?? (_start is { } from && _range is not null ? from + range : nowSeconds + 1), QueryHttpLimits.UnixSecondsMax);
        var start = Math.Max(0, _start ?? end - range);
        if (start >= end)
        {
            errors.Add(new("start_time", null, "must be before the end"));
        }

        return (start, end);
    }

    private static long? Seconds(JsonProperty member, long min, List<ProblemError> errors)
    {
        if (member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt64(out var seconds) && seconds >= min && seconds <= QueryHttpLimits.UnixSecondsMax)
        {
            return seconds;
        }

        errors.Add(new(member.Name, JsonText.Excerpt(member.Value), $"must be a whole number of seconds from {min} up"));
        return null;
    }
}
