using System.Text.Json.Nodes;

namespace StreamObserve.Scenario.Harness;

/// <summary>A query of the JSON form, with the fields that the scenarios use.</summary>
public sealed record QueryRequest
{
    /// <summary>Calculations as in result keys: <c>COUNT</c>, <c>P99(duration_ms)</c>.</summary>
    public required IReadOnlyList<string> Calculations { get; init; }

    public string Dataset { get; init; } = "__all__";
    public IReadOnlyList<string> Breakdowns { get; init; } = [];

    /// <summary>Filters, joined by AND.</summary>
    public IReadOnlyList<(string Column, string Op, JsonNode? Value)> Filters { get; init; } = [];

    public required TimeRange Range { get; init; }

    /// <summary><c>auto</c>, <c>aggregates</c>, <c>recent</c> or <c>blocks</c>.</summary>
    public string Source { get; init; } = "auto";

    public string Partial { get; init; } = "fail";

    /// <summary>True: rows count once each, whatever they stand for.</summary>
    public bool Unweighted { get; init; }

    /// <summary>At most 1000.</summary>
    public int Limit { get; init; } = 1000;

    /// <summary>
    /// Width of a point of the series. Unless said, one point for the whole range where a source is named, so that what is asked of it
    /// is the numbers and not a finer series than it holds; else the system's choice.
    /// </summary>
    public int? GranularitySeconds { get; init; }

    /// <summary>The body of <c>POST /api/v1/query</c>.</summary>
    public JsonObject ToJson()
    {
        var query = new JsonObject
        {
            ["calculations"] = new JsonArray([.. Calculations.Select(Calculation)]),
            ["start_time"] = Range.FromSeconds,
            ["end_time"] = Range.ToSeconds,
            ["limit"] = Limit,
        };
        if (GranularitySeconds is not null || Source != "auto")
        {
            query["granularity"] = GranularitySeconds ?? (Range.ToSeconds - Range.FromSeconds);
        }

        if (Breakdowns.Count > 0)
        {
            query["breakdowns"] = new JsonArray([.. Breakdowns.Select(b => (JsonNode)b)]);
        }

        if (Filters.Count > 0)
        {
            query["filters"] = new JsonArray([.. Filters.Select(f => f.Value is null
                ? new JsonObject { ["column"] = f.Column, ["op"] = f.Op }
                : new JsonObject { ["column"] = f.Column, ["op"] = f.Op, ["value"] = f.Value.DeepClone() })]);
        }

        if (Unweighted)
        {
            query["usage_mode"] = true;
        }

        return new JsonObject { ["dataset"] = Dataset, ["query"] = query, ["source"] = Source, ["partial"] = Partial };
    }

    private static JsonNode Calculation(string text)
    {
        int bracket = text.IndexOf('(');
        return bracket < 0
            ? new JsonObject { ["op"] = text }
            : new JsonObject { ["op"] = text[..bracket], ["column"] = text[(bracket + 1)..^1] };
    }
}

/// <summary>Event time in whole unix seconds, <c>to</c> exclusive.</summary>
public readonly record struct TimeRange(long FromSeconds, long ToSeconds);

/// <summary>
/// Gives a range around the same events that is another at every call, so that no stored result can be what answers.
/// Edges fall on multiples of the coarsest stored resolution below an hour, outside of the events, so that the range cuts no
/// stored cell that holds any. Not thread-safe.
/// </summary>
public sealed class VaryingRange(long firstSeconds, long lastSeconds)
{
    private const int StepSeconds = 600;
    private int _calls;

    /// <summary>The next range.</summary>
    public TimeRange Next()
    {
        _calls++;
        long from = (firstSeconds / StepSeconds * StepSeconds) - (StepSeconds * (1 + (_calls % 13)));
        long to = ((lastSeconds / StepSeconds) + 2 + (_calls / 13 % 97)) * StepSeconds;
        return new TimeRange(from, to);
    }
}
