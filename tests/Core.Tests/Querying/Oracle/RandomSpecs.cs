using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>Whole questions at random, from a seed, about some events of <see cref="EventMaker"/>: every part of the language that is answered.</summary>
internal sealed class RandomSpecs(int seed, IReadOnlyList<ModelEvent> events)
{
    private const long Second = 1_000_000_000;

    private static readonly CalculationOp[] Ops =
    [
        CalculationOp.Count, CalculationOp.Count, CalculationOp.Sum, CalculationOp.Avg, CalculationOp.Min, CalculationOp.Max, CalculationOp.CountDistinct, CalculationOp.Heatmap,
        CalculationOp.P001, CalculationOp.P01, CalculationOp.P05, CalculationOp.P10, CalculationOp.P20, CalculationOp.P25, CalculationOp.P50, CalculationOp.P75, CalculationOp.P80,
        CalculationOp.P90, CalculationOp.P95, CalculationOp.P99, CalculationOp.P999,
    ];

    private static readonly string[] Measures = ["duration_ms", "duration_ms", "size", "size", "status", "mixed", "seq", "big", "name", "nowhere"];
    private static readonly string[] Dimensions = ["name", "service.name", "status", "error", "http.method", "user", "dataset", "nowhere"];

    private readonly Random _random = new(seed);
    private readonly QueryMaker _conditions = new(seed);

    /// <summary>The next question. Two in five select by one field, so that aggregates can answer.</summary>
    public LeafPlan Next()
    {
        var byOneField = _random.Next(5) < 2;
        var field = Dimensions[_random.Next(Dimensions.Length)];
        var breakdowns = byOneField ? (_random.Next(3) > 0 ? [field] : [])
            : Enumerable.Range(0, _random.Next(4)).Select(_ => _random.Next(4) == 0 ? "seq" : EventMaker.Fields[_random.Next(EventMaker.Fields.Length)]).Distinct().ToList();
        var calculations = Calculations(byOneField ? () => _conditions.Match(field) : () => _conditions.Condition(1));
        var spec = new QuerySpec
        {
            Breakdowns = breakdowns,
            Calculations = calculations,
            Where = _random.Next(2) == 0 ? null : byOneField ? _conditions.Match(field) : _conditions.Condition(2),
            Orders = [.. Enumerable.Range(0, _random.Next(3)).Select(_ => Order(breakdowns, calculations)).OfType<Order>()],
            Havings = [.. Enumerable.Range(0, _random.Next(5) == 0 ? _random.Next(1, 3) : 0).Select(_ => Having(calculations)).OfType<Having>()],
            Limit = _random.Next(3) switch { 0 => _random.Next(1, 8), 1 => QueryLimits.LimitDefault, _ => QueryLimits.LimitMax },
            UsageMode = _random.Next(6) == 0,
        };
        return new(Dataset(), spec, byOneField ? WholeMinutes() : Range());
    }

    private static long At(int second) => EventMaker.StartNs + (second * Second);

    private string Dataset() => _random.Next(5) switch { 0 => "SHOP", 1 => "default", 2 => "über", _ => LeafPlan.AllDatasets };

    private ResolvedTime WholeMinutes()
    {
        var start = At(60 * _random.Next(0, 5)) - (_random.Next(4) == 0 ? 7 * Second : 0);
        return new(start, start + (_random.Next(1, 12) * 60 * Second), ((int[])[10, 60, 120, 3600])[_random.Next(4)]);
    }

    /// <summary>Any range; a third of the edges lie on an event's very time, or a nanosecond beside it.</summary>
    private ResolvedTime Range()
    {
        long start = Edge(), end = Edge();
        if (start > end)
        {
            (start, end) = (end, start);
        }

        return new(start, Math.Max(end, start + 1), ((int[])[1, 7, 60, 3600])[_random.Next(4)]);
    }

    private long Edge() => _random.Next(3) == 0 ? events[_random.Next(events.Count)].TimeNs + _random.Next(-1, 2) : At(_random.Next(-100, 700)) + _random.Next(1000);

    private List<Calculation> Calculations(Func<Condition> filter)
    {
        var calculations = new List<Calculation>();
        for (var wanted = _random.Next(1, 5); wanted > 0; wanted--)
        {
            var op = Ops[_random.Next(Ops.Length)];
            var column = op == CalculationOp.CountDistinct ? Dimensions[_random.Next(Dimensions.Length)] : op.TakesColumn() ? Measures[_random.Next(Measures.Length)] : null;
            var calculation = new Calculation(op, column, _random.Next(3) == 0 ? $"c{calculations.Count}" : null, _random.Next(3) == 0 ? filter() : null);
            if (calculations.All(c => c.ResultKey != calculation.ResultKey))
            {
                calculations.Add(calculation);
            }
        }

        return calculations;
    }

    private Order? Order(List<string> breakdowns, List<Calculation> calculations)
    {
        var calculation = calculations[_random.Next(calculations.Count)];
        return _random.Next(3) switch
        {
            0 => breakdowns.Count > 0 ? new(null, breakdowns[_random.Next(breakdowns.Count)], _random.Next(2) == 0) : null,
            1 => calculation.Name is { } name ? new(null, name, _random.Next(2) == 0) : null,
            _ => new(calculation.Op, calculation.Column, _random.Next(2) == 0),
        };
    }

    private Having? Having(List<Calculation> calculations)
    {
        var calculation = calculations[_random.Next(calculations.Count)];
        return calculation.Op == CalculationOp.Heatmap ? null
            : new(calculation.Op, calculation.Column, (FilterOp)_random.Next((int)FilterOp.Equal, (int)FilterOp.LessOrEqual + 1), _random.Next(5) switch { 0 => 0, 1 => 1, 2 => 500, _ => _random.Next(40) });
    }
}
