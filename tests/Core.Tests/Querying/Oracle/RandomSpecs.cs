using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;
using StreamObserve.Core.Tests.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>Whole questions at random, from a seed, about some events of <see cref="EventMaker"/>: every part of the language that is answered.</summary>
internal sealed class RandomSpecs(int seed, IReadOnlyList<ModelEvent> events)
{
    private const long Second = 1_000_000_000;

    private static readonly CalculationOp[] Ops =
    [
        CalculationOp.Count, CalculationOp.Count, CalculationOp.Sum, CalculationOp.Avg, CalculationOp.Min, CalculationOp.Max, CalculationOp.CountDistinct, CalculationOp.Heatmap,
        CalculationOp.P001, CalculationOp.P01, CalculationOp.P05, CalculationOp.P10, CalculationOp.P20, CalculationOp.P25, CalculationOp.P50, CalculationOp.P75, CalculationOp.P80,
        CalculationOp.P90, CalculationOp.P95, CalculationOp.P99, CalculationOp.P999, CalculationOp.RateAvg, CalculationOp.RateSum, CalculationOp.RateMax,
    ];

    private static readonly string[] Measures = ["duration_ms", "duration_ms", "size", "size", "status", "mixed", "seq", "big", "name", "nowhere"];
    private static readonly string[] Dimensions = ["name", "service.name", "status", "error", "http.method", "user", "dataset", "nowhere"];

    /// <summary>Of related spans; the last is for conditions only.</summary>
    private static readonly string[] Prefixes = ["root.", "parent.", "child.", "any.", "any2.", "any3.", "none."];

    private readonly Random _random = new(seed);
    private readonly QueryMaker _conditions = new(seed);

    /// <summary>The next question. Two in five select by one field, so that aggregates can answer.</summary>
    public LeafPlan Next()
    {
        var byOneField = _random.Next(5) < 2;
        var asksForSpans = _random.Next(10) == 0;
        var calculated = byOneField ? [] : CalculatedFields(asksForSpans);
        var related = !byOneField && _random.Next(6) == 0;
        var field = Dimensions[_random.Next(Dimensions.Length)];
        var breakdowns = byOneField ? (_random.Next(3) > 0 ? [field] : [])
            : Enumerable.Range(0, _random.Next(4)).Select(_ => Field(_random.Next(4) == 0 ? "seq" : EventMaker.Fields[_random.Next(EventMaker.Fields.Length)], calculated, related, false)).Distinct().ToList();
        Condition Condition(int depth) => byOneField ? _conditions.Match(field) : WithFields(_conditions.Condition(depth), name => Field(name, calculated, related, true));
        var calculations = Calculations(() => Condition(1), name => Field(name, calculated, false, false), asksForSpans);
        var formulas = new RandomFormulas(_random).Over(calculations, Math.Max(0, _random.Next(-6, 3)));
        var spec = new QuerySpec
        {
            Breakdowns = breakdowns,
            Calculations = calculations,
            CalculatedFields = calculated,
            Formulas = formulas,
            Where = WithShown(_random.Next(2) == 0 ? null : Condition(2), breakdowns),
            Orders = [.. Enumerable.Range(0, _random.Next(3)).Select(_ => Order(breakdowns, calculations, formulas)).OfType<Order>()],
            Havings = [.. Enumerable.Range(0, _random.Next(5) == 0 ? _random.Next(1, 3) : 0).Select(_ => Having(calculations, formulas)).OfType<Having>()],
            Limit = _random.Next(3) switch { 0 => _random.Next(1, 8), 1 => QueryLimits.LimitDefault, _ => QueryLimits.LimitMax },
            CompareOffsetSeconds = _random.Next(6) == 0 ? ((long[])[30, 60, 120, 300])[_random.Next(4)] : null,      // shorter than the language allows: the events lie within ten minutes
            UsageMode = _random.Next(6) == 0,
        };
        return new(Dataset(), spec, byOneField ? WholeMinutes() : Range());
    }

    /// <summary>Where a breakdown shows a related span, at times with a comparison that speaks of the same span.</summary>
    private Condition? WithShown(Condition? where, List<string> breakdowns)
    {
        var prefix = breakdowns.Select(OracleTraces.Split).FirstOrDefault(split => split is not null)?.Prefix;
        if (prefix is null || _random.Next(2) == 0)
        {
            return where;
        }

        var comparison = WithFields(_conditions.Match(EventMaker.Fields[_random.Next(EventMaker.Fields.Length)]), name => prefix + name);
        return where is null ? comparison : new Condition.All([comparison, where]);
    }

    /// <summary>The fields of a condition replaced.</summary>
    private static Condition WithFields(Condition condition, Func<string, string> field) => condition switch
    {
        Condition.All all => new Condition.All([.. all.Parts.Select(part => WithFields(part, field))]),
        Condition.Any any => new Condition.Any([.. any.Parts.Select(part => WithFields(part, field))]),
        Condition.Not not => new Condition.Not(WithFields(not.Part, field)),
        Condition.Match match => match with { Column = field(match.Column) },
        _ => throw new ArgumentOutOfRangeException(nameof(condition), condition, "no such condition"),
    };

    /// <summary>A field, or at times a calculated one, or that of a related span.</summary>
    private string Field(string name, IReadOnlyList<NamedExpression> calculated, bool related, bool inCondition)
    {
        var own = calculated.Count > 0 && _random.Next(2) == 0 ? calculated[_random.Next(calculated.Count)].Name : name;
        return related && _random.Next(2) == 0 ? Prefixes[_random.Next(inCondition ? Prefixes.Length : Prefixes.Length - 1)] + own : own;
    }

    /// <summary>In one question of six some; where spans in progress are asked for, also one that makes spans of up to half an hour.</summary>
    private List<NamedExpression> CalculatedFields(bool withSpans)
    {
        var fields = _random.Next(6) == 0 ? new ExpressionMaker(_random.Next()).Fields(_random.Next(1, 4)) : [];
        if (fields.Count > 0 && _random.Next(5) == 0)
        {
            fields.Insert(0, new(((string[])["trace.trace_id", "trace.parent_id", "dataset"])[_random.Next(3)], _random.Next(2) == 0 ? "$name" : "null"));
        }

        if (withSpans && _random.Next(2) == 0)
        {
            fields.Insert(0, new("duration_ms", _random.Next(2) == 0 ? "$size / 2" : "$size * IF($error, 20, 0.3)"));
        }

        return fields;
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

    private List<Calculation> Calculations(Func<Condition> filter, Func<string, string> field, bool withSpans)
    {
        var calculations = new List<Calculation>();
        for (var wanted = _random.Next(1, 5); wanted > 0; wanted--)
        {
            var op = withSpans && (calculations.Count == 0 || _random.Next(4) == 0) ? CalculationOp.Concurrency : Ops[_random.Next(Ops.Length)];
            var column = !op.TakesColumn() ? null : field(op == CalculationOp.CountDistinct ? Dimensions[_random.Next(Dimensions.Length)] : Measures[_random.Next(Measures.Length)]);
            var calculation = new Calculation(op, column, _random.Next(3) == 0 ? $"c{calculations.Count}" : null, _random.Next(3) == 0 ? filter() : null);
            if (calculations.All(c => c.ResultKey != calculation.ResultKey))
            {
                calculations.Add(calculation);
            }
        }

        return calculations;
    }

    private Order? Order(List<string> breakdowns, List<Calculation> calculations, List<NamedExpression> formulas)
    {
        var calculation = calculations[_random.Next(calculations.Count)];
        return _random.Next(4) switch
        {
            0 => breakdowns.Count > 0 ? new(null, breakdowns[_random.Next(breakdowns.Count)], _random.Next(2) == 0) : null,
            1 => calculation.Op == CalculationOp.Heatmap ? null : new(null, calculation.ResultKey, _random.Next(2) == 0),
            2 when formulas.Count > 0 => new(null, formulas[_random.Next(formulas.Count)].Name, _random.Next(2) == 0),
            _ => new(calculation.Op, calculation.Column, _random.Next(2) == 0),
        };
    }

    private Having? Having(List<Calculation> calculations, List<NamedExpression> formulas)
    {
        var calculation = calculations[_random.Next(calculations.Count)];
        var (op, column) = formulas.Count > 0 && _random.Next(2) == 0 ? ((CalculationOp?)null, formulas[_random.Next(formulas.Count)].Name) : (calculation.Op, calculation.Column);
        return op == CalculationOp.Heatmap ? null
            : new(op, column, (FilterOp)_random.Next((int)FilterOp.Equal, (int)FilterOp.LessOrEqual + 1), _random.Next(5) switch { 0 => 0, 1 => 1, 2 => 500, _ => _random.Next(40) });
    }
}
