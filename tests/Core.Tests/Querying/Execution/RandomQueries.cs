using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Execution;

/// <summary>Questions at random, from a seed, about the events of <see cref="EventMaker"/>.</summary>
internal sealed class QueryMaker(int seed)
{
    private static readonly CalculationOp[] Ops =
        [CalculationOp.Count, CalculationOp.Sum, CalculationOp.Avg, CalculationOp.Min, CalculationOp.Max, CalculationOp.P50, CalculationOp.P99, CalculationOp.Heatmap, CalculationOp.CountDistinct,
         CalculationOp.Concurrency, CalculationOp.RateSum];

    private readonly Random _random = new(seed);

    public Condition Condition(int depth) => _random.Next(depth > 0 ? 6 : 3) switch
    {
        3 => new Condition.All(Parts(depth)),
        4 => new Condition.Any(Parts(depth)),
        5 => new Condition.Not(Condition(depth - 1)),
        _ => Match(Field()),
    };

    public Condition.Match Match(string field)
    {
        var op = Enum.GetValues<FilterOp>()[_random.Next(16)];
        return new(field, op, op switch
        {
            FilterOp.Exists or FilterOp.DoesNotExist => [],
            FilterOp.In or FilterOp.NotIn => [.. Enumerable.Range(0, _random.Next(4)).Select(_ => Value())],
            FilterOp.StartsWith or FilterOp.DoesNotStartWith or FilterOp.EndsWith or FilterOp.DoesNotEndWith or FilterOp.Contains or FilterOp.DoesNotContain => [FieldValue.Of(Fragment())],
            _ => [Value()],
        });
    }

    /// <summary>A question of any kind.</summary>
    public LeafPlan Plan()
    {
        var fields = Enumerable.Range(0, _random.Next(4)).Select(_ => Field()).Distinct().ToList();
        var spec = new QuerySpec
        {
            Breakdowns = fields,
            Where = _random.Next(2) == 0 ? null : Condition(2),
            Calculations = [.. Enumerable.Range(0, _random.Next(1, 5)).Select(_ => Calculation(_random.Next(3) == 0 ? Condition(1) : null))],
            UsageMode = _random.Next(5) == 0,
        };
        var start = EventMaker.StartNs + (_random.Next(-100, 300) * 1_000_000_000L) + _random.Next(1000);
        var end = start + 1 + (_random.Next(700) * 1_000_000_000L);
        return new(Dataset(), spec, new(start, end, ((int[])[1, 7, 60, 3600])[_random.Next(4)]));
    }

    /// <summary>A question that selects by one field at most, over whole minutes.</summary>
    public LeafPlan PlanForAggregates()
    {
        var field = ((string[])["name", "service.name", "status", "error", "http.method", "user", "dataset", "nowhere"])[_random.Next(8)];
        var calculations = Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Calculation(_random.Next(4) == 0 ? Match(field) : null)).ToList();
        var spec = new QuerySpec
        {
            Breakdowns = _random.Next(2) == 0 ? [field] : [],
            Where = _random.Next(2) == 0 ? Match(field) : null,
            Calculations = calculations,
        };
        var start = EventMaker.StartNs + (_random.Next(0, 5) * 60_000_000_000L);
        return new(Dataset(), spec, new(start, start + (_random.Next(1, 11) * 60_000_000_000L), _random.Next(2) == 0 ? 60 : 3600));
    }

    private string Dataset() => _random.Next(3) switch { 0 => "SHOP", 1 => "default", _ => LeafPlan.AllDatasets };

    private Calculation Calculation(Condition? filter)
    {
        var op = Ops[_random.Next(Ops.Length)];
        var column = op == CalculationOp.CountDistinct ? Field() : ((string[])["duration_ms", "size", "status", "mixed", "name", "nowhere", "seq"])[_random.Next(7)];
        return new(op, op.TakesColumn() ? column : null, null, filter);
    }

    private List<Condition> Parts(int depth) => [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Condition(depth - 1))];

    private string Field() => _random.Next(20) == 0 ? "nowhere" : EventMaker.Fields[_random.Next(EventMaker.Fields.Length)];

    private string Fragment() => ((string[])["", "GET", "c", "5", "0", ".5", "E+15", "true", "漢", "dead", "[", "00000001"])[_random.Next(12)];

    private FieldValue Value() => _random.Next(8) switch
    {
        0 => FieldValue.Of(_random.Next(-5, 6)),
        1 => FieldValue.Of(_random.Next(-8, 9) / 2d),
        2 => FieldValue.Of(_random.Next(2) == 0),
        3 => FieldValue.Of(200 + (_random.Next(4) * 100)),
        4 => FieldValue.Of(9_007_199_254_740_992L + _random.Next(-1, 2)),
        5 => FieldValue.Of($"{_random.Next(20):x8}{0xabcdef01:x8}{_random.Next(2):x16}"),
        _ => FieldValue.Of(EventMaker.Texts[_random.Next(EventMaker.Texts.Length)]),
    };
}
