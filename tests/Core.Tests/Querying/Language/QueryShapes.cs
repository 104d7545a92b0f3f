using System.Text;
using CsCheck;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

/// <summary>Queries at random, all of them well-formed, and a description of a query that differs when anything in it does.</summary>
internal static class QueryShapes
{
    private static readonly Gen<string> Name = Gen.OneOf(
        Constant("duration_ms", "service.name", "http.status_code", "error", "k8s.io/name", "@t", "a:b", "x-y", "größe", "trace.trace_id"),
        Constant("count", "P99", "limit", "and", "Not", "last", "in", "if", "as", "by", "desc", "exists", "true", "5xx", "-", "group by"),
        Gen.Char["ab \"'`\\\n\t\u0001\u2028,().=é漢😀"[..18]].Array[1, 6].Select(chars => new string(chars)));

    private static readonly Gen<string> Text = Gen.OneOf(
        Constant("", "x", "checkout", "\"", "\\", "a\"b'c`d", "line\nbreak\r\t", "\0\u0085\u2029", "😀", "AND 1 = 1", "42", "true"),
        Gen.Char[' ', '~'].Array[0, 8].Select(chars => new string(chars)));

    private static readonly Gen<FieldValue> Value = Gen.OneOf(
        Text.Select(FieldValue.Of),
        Gen.Long.Select(FieldValue.Of),
        Gen.Int[-10, 10].Select(number => FieldValue.Of((double)number)),
        Gen.Double.Where(double.IsFinite).Select(FieldValue.Of),
        Gen.Bool.Select(FieldValue.Of));

    private static readonly Gen<Condition> Match =
        from op in Gen.Enum<FilterOp>()
        from column in Name
        from text in Text
        from value in Value
        from list in Value.List[0, 4]
        select (Condition)new Condition.Match(
            column,
            op,
            op.TakesNothing() ? [] : op.TakesList() ? list : op.TakesText() ? [FieldValue.Of(text)] : [value]);

    private static readonly Gen<CalculationOp> Op = Gen.Enum<CalculationOp>();

    private static readonly Gen<Calculation> OneCalculation =
        from op in Op
        from column in Name
        from name in Name.Null()
        from filter in Conditions(2).Null(0.7)
        select new Calculation(op, op.TakesColumn() ? column : null, name, filter);

    private static readonly Gen<NamedExpression> Expression =
        from name in Name
        from text in Text.Where(text => text.Length > 0)
        select new NamedExpression(name, text);

    // Any text is an expression, as a text constant.
    private static readonly Gen<NamedExpression> Calculated =
        from name in Name
        from text in Text
        select new NamedExpression(name, TextNames.Quote(text));

    private static readonly Gen<(long? Start, long? End, long? Range)> Time =
        from start in Gen.Long
        from end in Gen.Long
        from range in Gen.Long[1, LanguageLimits.TimeRangeMaxSeconds]
        from kind in Gen.Int[0, 5]
        let wholeStart = Math.Min(start, end) / 1_000_000_000 * 1_000_000_000
        select kind switch
        {
            0 => ((long?)null, (long?)null, (long?)null),
            1 => (null, null, range),
            2 => (start, null, range),
            3 => (null, end, range),
            4 => (wholeStart, null, null),
            _ => start == end ? (start, null, null) : (Math.Min(start, end), Math.Max(start, end), null),
        };

    public static Gen<T> Constant<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    public static Gen<Condition> Conditions(int depth) => depth <= 1
        ? Match
        : Gen.Frequency(
            (2, Match),
            (1, Conditions(depth - 1).List[2, 3].Select(parts => (Condition)new Condition.All(parts))),
            (1, Conditions(depth - 1).List[2, 3].Select(parts => (Condition)new Condition.Any(parts))),
            (1, Conditions(depth - 1).Select(part => (Condition)new Condition.Not(part))));

    public static Gen<QuerySpec> Specs { get; } =
        from breakdowns in Name.List[0, 3]
        from calculations in OneCalculation.List[1, 4]
        from filter in Conditions(4).Null(0.3)
        from fields in Calculated.List[0, 2]
        from formulas in Expression.List[0, 2]
        from picks in Gen.Int[0, 100].List[0, 4]
        from comparison in Gen.Enum<FilterOp>().Where(op => op.IsComparison())
        from bound in Gen.Double.Where(double.IsFinite)
        from limit in Gen.OneOf(Gen.Const(QueryLimits.LimitDefault), Gen.Int[1, QueryLimits.LimitMax])
        from granularity in Gen.Int[1, int.MaxValue].Nullable()
        from time in Time
        from compare in Constant(QueryLimits.CompareOffsetsSeconds).Nullable()
        from usage in Gen.Bool
        select Assemble(breakdowns, calculations, filter, fields, formulas, picks, comparison, bound) with
        {
            Limit = limit,
            GranularitySeconds = granularity,
            StartTimeNs = time.Start,
            EndTimeNs = time.End,
            TimeRangeSeconds = time.Range,
            CompareOffsetSeconds = compare,
            UsageMode = usage,
        };

    // Names that would clash are left out; orders and havings go by what is left.
    private static QuerySpec Assemble(
        List<string> breakdowns, List<Calculation> calculations, Condition? where, List<NamedExpression> fields, List<NamedExpression> formulas, List<int> picks, FilterOp comparison, double bound)
    {
        var groups = breakdowns.Distinct().ToList();
        var kept = calculations.DistinctBy(calculation => calculation.ResultKey).Where(calculation => !groups.Contains(calculation.ResultKey)).ToList();
        if (kept.Count == 0)
        {
            kept.Add(Calculation.Count);
            groups.Remove("COUNT");
        }

        var sortable = kept.Where(calculation => calculation.Op != CalculationOp.Heatmap).ToList();
        var orders = new List<Order>();
        var havings = new List<Having>();
        foreach (var pick in picks)
        {
            if (sortable.Count > 0 && pick % 3 != 0)
            {
                var (op, column) = (sortable[pick % sortable.Count].Op, sortable[pick % sortable.Count].Column);
                orders.Add(new Order(op, column, pick % 2 == 0));
                havings.Add(new Having(op, column, comparison, bound));
            }
            else if (groups.Count > 0)
            {
                orders.Add(new Order(null, groups[pick % groups.Count], pick % 2 == 0));
            }
            else if (kept[0].Name is { } name)
            {
                orders.Add(new Order(null, name, pick % 2 == 0));
            }
        }

        var taken = groups.Concat(kept.Select(calculation => calculation.ResultKey)).ToHashSet();
        return new QuerySpec
        {
            Breakdowns = groups,
            Calculations = kept,
            Where = where,
            CalculatedFields = [.. fields.DistinctBy(field => field.Name)],
            Formulas = [.. formulas.DistinctBy(formula => formula.Name).Where(formula => !taken.Contains(formula.Name))],
            Orders = orders,
            Havings = havings,
        };
    }

    public static string Describe(QuerySpec spec)
    {
        var lines = new StringBuilder();
        lines.AppendLine($"by {string.Join('|', spec.Breakdowns.Select(Show))}");
        foreach (var calculation in spec.Calculations)
        {
            lines.AppendLine($"calculate {calculation.Op}({Show(calculation.Column)}) as {Show(calculation.Name)} if {Describe(calculation.Filter)}");
        }

        lines.AppendLine($"where {Describe(spec.Where)}");
        lines.AppendLine($"fields {string.Join('|', spec.CalculatedFields.Select(field => Show(field.Name) + Show(field.Expression)))}");
        lines.AppendLine($"formulas {string.Join('|', spec.Formulas.Select(formula => Show(formula.Name) + Show(formula.Expression)))}");
        lines.AppendLine($"orders {string.Join('|', spec.Orders.Select(order => $"{order.Op} {Show(order.Column)} {order.Descending}"))}");
        lines.AppendLine($"havings {string.Join('|', spec.Havings.Select(having => $"{having.Op} {Show(having.Column)} {having.Comparison} {having.Value:R}"))}");
        lines.Append($"limit {spec.Limit} every {spec.GranularitySeconds} from {spec.StartTimeNs} to {spec.EndTimeNs} for {spec.TimeRangeSeconds} against {spec.CompareOffsetSeconds} usage {spec.UsageMode}");
        return lines.ToString();
    }

    public static string Describe(Condition? condition) => condition switch
    {
        null => "-",
        Condition.All all => $"all[{string.Join("; ", all.Parts.Select(Describe))}]",
        Condition.Any any => $"any[{string.Join("; ", any.Parts.Select(Describe))}]",
        Condition.Not not => $"not[{Describe(not.Part)}]",
        Condition.Match match => $"{Show(match.Column)} {match.Op} {string.Join(',', match.Values.Select(value => $"{value.Kind}:{Show(value.ToString())}"))}",
        _ => throw new InvalidOperationException(),
    };

    private static string Show(string? text) => text is null ? "-" : "<" + string.Concat(text.Select(c => c < ' ' || c > '~' ? $"\\u{(int)c:x4}" : c.ToString())) + ">";
}
