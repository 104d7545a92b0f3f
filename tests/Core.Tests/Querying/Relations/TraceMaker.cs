using System.Globalization;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Relations;

/// <summary>
/// Spans of a few traces at random, from a seed: ids of several forms, without parents, with parents that are not there, with empty ones; rows without a trace; times
/// within and far outside of the range asked about.
/// </summary>
internal sealed class TraceMaker(int seed)
{
    public const long StartNs = EventMaker.StartNs + 3_600_000_000_000;

    private readonly Random _random = new(seed);

    public List<ModelEvent> Many(int count) => [.. Enumerable.Range(0, count).Select(_ => One())];

    /// <summary>A question with relational fields in condition, calculations and breakdowns.</summary>
    public QuerySpec Question()
    {
        var breakdowns = Enumerable.Range(0, _random.Next(3)).Select(_ => Field(false)).Distinct().ToList();
        return new()
        {
            Breakdowns = breakdowns,
            Where = _random.Next(5) == 0 ? null : Condition(3),
            Calculations = [Calculation.Count, new(CalculationOp.Sum, "duration_ms", null, _random.Next(2) == 0 ? Condition(2) : null)],
            CalculatedFields = [new("double", "$duration_ms * 2")],
        };
    }

    private ModelEvent One()
    {
        var fields = new Dictionary<string, FieldValue>();
        var trace = _random.Next(8);
        if (trace > 0)
        {
            fields["trace.trace_id"] = trace switch
            {
                1 => FieldValue.Of("not hexadecimal"),
                2 => FieldValue.Of("abcdef"),
                3 => FieldValue.Of(""),
                4 => FieldValue.Of(12L),        // no text: no trace
                _ => FieldValue.Of(trace.ToString("x32", CultureInfo.InvariantCulture)),
            };
        }

        if (_random.Next(8) > 0)
        {
            fields["trace.span_id"] = SpanId();
        }

        if (_random.Next(4) > 0)
        {
            fields["trace.parent_id"] = _random.Next(10) == 0 ? FieldValue.Of("") : SpanId();
        }

        fields["name"] = FieldValue.Of(((string[])["a", "b", "c"])[_random.Next(3)]);
        fields["duration_ms"] = _random.Next(2) == 0 ? FieldValue.Of((long)_random.Next(5)) : FieldValue.Of(_random.Next(5) + 0.5);
        if (_random.Next(3) == 0)
        {
            fields["error"] = FieldValue.Of(_random.Next(2) == 0);
        }

        if (_random.Next(2) == 0)
        {
            fields["mixed"] = _random.Next(3) switch { 0 => FieldValue.Of("x"), 1 => FieldValue.Of(1L), _ => FieldValue.Of(true) };
        }

        // Two minutes are asked about; ten more on either side are seen, the rest is too far away. Few times, so that many are equal.
        var timeNs = StartNs + (_random.Next(-14, 16) * 60_000_000_000L);
        var json = string.Join(',', fields.Select(f => $"{JsonSerializer.Serialize(f.Key)}:{(f.Value.Kind == FieldKind.String ? JsonSerializer.Serialize(f.Value.AsString) : f.Value.ToString())}"));
        return new(EventMaker.DefaultDataset, timeNs, 1, fields, $"{{\"time\":{timeNs},{json}}}");
    }

    private FieldValue SpanId() => _random.Next(6) switch
    {
        0 => FieldValue.Of((long)_random.Next(3)),
        1 => FieldValue.Of($"s{_random.Next(3)}"),
        _ => FieldValue.Of(_random.Next(6).ToString("x16", CultureInfo.InvariantCulture)),
    };

    private Condition Condition(int depth) => _random.Next(depth > 0 ? 7 : 2) switch
    {
        2 or 3 or 4 => new Condition.All(Parts(depth)),
        5 => new Condition.Any(Parts(depth)),
        6 => new Condition.Not(Condition(depth - 1)),
        _ => Match(),
    };

    private List<Condition> Parts(int depth) => [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Condition(depth - 1))];

    private Condition.Match Match()
    {
        var field = Field(true);
        return _random.Next(4) switch
        {
            0 => new(field, FilterOp.Exists, []),
            1 => new(field, FilterOp.NotEqual, [FieldValue.Of("a")]),
            2 => new(field, FilterOp.GreaterOrEqual, [FieldValue.Of(3L)]),
            _ => new(field, FilterOp.In, [FieldValue.Of("b"), FieldValue.Of("x"), FieldValue.Of(true), FieldValue.Of(4L)]),
        };
    }

    private string Field(bool withNone)
    {
        var prefix = ((string[])["", "root.", "parent.", "child.", "any.", "any2.", "any3.", "none."])[_random.Next(withNone ? 8 : 7)];
        return prefix + ((string[])["name", "duration_ms", "error", "mixed", "double"])[_random.Next(5)];
    }
}
