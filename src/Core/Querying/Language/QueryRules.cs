using System.Globalization;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Expressions;
using StreamObserve.Core.Querying.Relations;

namespace StreamObserve.Core.Querying.Language;

/// <summary>
/// What holds of every query, however it is written. Paths are those of the JSON specification. That a comparison has the values its operator takes
/// is checked where it is read (<see cref="ConditionRules.Explain"/>), where its place is known.
/// </summary>
internal static class QueryRules
{
    /// <summary>Ranges and pairings within one member.</summary>
    public static void CheckMembers(QuerySpec spec, bool withoutSeries, ErrorList errors)
    {
        CheckCount(spec.Breakdowns.Count, QueryLimits.BreakdownsMax, "breakdowns", errors);
        CheckCount(spec.Calculations.Count, QueryLimits.CalculationsMax, "calculations", errors);
        CheckCount(spec.CalculatedFields.Count, LanguageLimits.ClauseItemsMax, "calculated_fields", errors);
        CheckCount(spec.Formulas.Count, LanguageLimits.ClauseItemsMax, "formulas", errors);
        CheckCount(spec.Orders.Count, LanguageLimits.ClauseItemsMax, "orders", errors);
        CheckCount(spec.Havings.Count, LanguageLimits.ClauseItemsMax, "havings", errors);
        CheckConditions(spec, errors);

        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            CheckColumn(spec.Calculations[i].Op, spec.Calculations[i].Column, $"calculations[{i}]", errors);
        }

        for (var i = 0; i < spec.Orders.Count; i++)
        {
            CheckOrder(spec.Orders[i], $"orders[{i}]", errors);
        }

        for (var i = 0; i < spec.Havings.Count; i++)
        {
            CheckHaving(spec.Havings[i], $"havings[{i}]", errors);
        }

        CheckLimit(spec.Limit, withoutSeries, errors);
        CheckTime(spec, errors);
    }

    /// <summary>What one member says of another: only worth asking when all of them could be read.</summary>
    public static void CheckReferences(QuerySpec spec, ErrorList errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < spec.Breakdowns.Count; i++)
        {
            if (!names.Add(spec.Breakdowns[i]))
            {
                errors.Add($"breakdowns[{i}]", spec.Breakdowns[i], $"the breakdown {spec.Breakdowns[i]} is given twice");
            }
        }

        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            var calculation = spec.Calculations[i];
            if (!names.Add(calculation.ResultKey))
            {
                var field = calculation.Name is null ? $"calculations[{i}]" : $"calculations[{i}].name";
                errors.Add(field, calculation.ResultKey, $"{calculation.ResultKey} names two columns of the answer; give one a name of its own");
            }
        }

        CheckNames(spec.Formulas, "formulas", names, errors);
        CheckNames(spec.CalculatedFields, "calculated_fields", new HashSet<string>(StringComparer.Ordinal), errors);
        CalculatedFields.Compile(spec.CalculatedFields, errors);
        CheckRelations(spec, errors);
        for (var i = 0; i < spec.Orders.Count; i++)
        {
            var order = spec.Orders[i];
            if (order.Op is { } op)
            {
                CheckCalculated(spec, op, order.Column, $"orders[{i}]", errors);
            }
            else if (order.Column is { } column && !IsNamed(spec, column))
            {
                errors.Add($"orders[{i}].column", column, $"orders go by a breakdown, a calculation or a name given to one, and {column} is none of this query's");
            }
        }

        for (var i = 0; i < spec.Havings.Count; i++)
        {
            CheckCalculated(spec, spec.Havings[i].Op, spec.Havings[i].Column, $"havings[{i}]", errors);
        }
    }

    /// <summary>Fields of related spans stand in conditions and, but for none., in breakdowns.</summary>
    private static void CheckRelations(QuerySpec spec, ErrorList errors)
    {
        for (var i = 0; i < spec.Breakdowns.Count; i++)
        {
            if (RelationalField.TryParse(spec.Breakdowns[i], out var field) && field.Relation == Relation.None)
            {
                errors.Add($"breakdowns[{i}]", spec.Breakdowns[i], $"{spec.Breakdowns[i]} can't be a breakdown: none. speaks of spans that there are not");
            }
        }

        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            if (spec.Calculations[i].Column is { } column && RelationalField.TryParse(column, out var field))
            {
                errors.Add(
                    $"calculations[{i}].column", column,
                    $"{spec.Calculations[i].Op.Name()}({column}): a calculation takes a field of the event itself; {field.Prefix} belongs in filters and breakdowns");
            }
        }
    }

    private static void CheckCount(int count, int max, string field, ErrorList errors)
    {
        if (count > max)
        {
            errors.Add(field, Text(count), $"{field} may have {max} items, not {count}");
        }
    }

    /// <summary>Number and depth of its conditions.</summary>
    public static void CheckConditions(QuerySpec spec, ErrorList errors)
    {
        var matches = ConditionRules.Matches(spec.Where) + spec.Calculations.Sum(calculation => ConditionRules.Matches(calculation.Filter));
        if (matches > QueryLimits.FiltersMax)
        {
            errors.Add("filters", Text(matches), $"a query may have {QueryLimits.FiltersMax} filters, not {matches}");
        }

        CheckDepth(spec.Where, "where", errors);
        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            CheckDepth(spec.Calculations[i].Filter, $"calculations[{i}].where", errors);
        }
    }

    private static void CheckDepth(Condition? condition, string field, ErrorList errors)
    {
        if (ConditionRules.Depth(condition) > LanguageLimits.ConditionDepthMax)
        {
            errors.Add(field, "", $"a condition may be {LanguageLimits.ConditionDepthMax} levels deep, and this one is deeper");
        }
    }

    private static void CheckColumn(CalculationOp op, string? column, string path, ErrorList errors)
    {
        if (op.TakesColumn() && column is null)
        {
            errors.Add($"{path}.column", "", $"{op.Name()} needs a column, as in {op.Name()}(duration_ms)");
        }
        else if (!op.TakesColumn() && column is not null)
        {
            errors.Add($"{path}.column", column, $"{op.Name()} takes no column, but has {column}");
        }
    }

    private static void CheckOrder(Order order, string path, ErrorList errors)
    {
        if (order.Op is not { } op)
        {
            if (order.Column is null)
            {
                errors.Add(path, "", $"{path} needs an op or a column");
            }

            return;
        }

        CheckColumn(op, order.Column, path, errors);
        if (op == CalculationOp.Heatmap)
        {
            errors.Add($"{path}.op", op.Name(), "rows can't be ordered by HEATMAP");
        }
    }

    private static void CheckHaving(Having having, string path, ErrorList errors)
    {
        CheckColumn(having.Op, having.Column, path, errors);
        if (having.Op == CalculationOp.Heatmap)
        {
            errors.Add($"{path}.calculate_op", having.Op.Name(), "a having can't be about HEATMAP");
        }

        if (!having.Comparison.IsComparison())
        {
            errors.Add($"{path}.op", having.Comparison.Name(), $"a having compares by {OperatorNames.ComparisonList}, not by {having.Comparison.Name()}");
        }
    }

    private static void CheckLimit(int limit, bool withoutSeries, ErrorList errors)
    {
        var max = withoutSeries ? QueryLimits.LimitWithoutSeriesMax : QueryLimits.LimitMax;
        if (limit < 1 || limit > max)
        {
            var hint = !withoutSeries && limit > 0 && limit <= QueryLimits.LimitWithoutSeriesMax ? $" ({QueryLimits.LimitWithoutSeriesMax} with disable_series)" : "";
            errors.Add("limit", Text(limit), $"limit must be 1..{max}{hint}, not {limit}");
        }
    }

    /// <summary>Ranges and pairings of what it says about time.</summary>
    public static void CheckTime(QuerySpec spec, ErrorList errors)
    {
        if (spec.GranularitySeconds is { } granularity and < 1)
        {
            errors.Add("granularity", Text(granularity), $"granularity must be 1 s or more, not {granularity}");
        }

        if (spec.TimeRangeSeconds is { } range && range is < 1 or > LanguageLimits.TimeRangeMaxSeconds)
        {
            errors.Add("time_range", Text(spec.TimeRangeSeconds.Value), $"time_range must be 1..{LanguageLimits.TimeRangeMaxSeconds} s, not {spec.TimeRangeSeconds}");
        }

        if (spec is { StartTimeNs: { } start, EndTimeNs: { } end })
        {
            if (spec.TimeRangeSeconds is { } third)
            {
                errors.Add("time_range", Text(third), $"give two of start_time, end_time and time_range, not all three (time_range {third})");
            }

            if (start >= end)
            {
                errors.Add("start_time", EventTime.Format(start), $"start_time {EventTime.Format(start)} must be before end_time {EventTime.Format(end)}");
            }
        }

        if (spec.CompareOffsetSeconds is { } offset && !QueryLimits.CompareOffsetsSeconds.Contains(offset))
        {
            var offsets = string.Join(' ', QueryLimits.CompareOffsetsSeconds.Select(seconds => $"{Text(seconds)} ({DurationText.FormatSeconds(seconds)})"));
            errors.Add("compare_time_offset_seconds", Text(offset), $"compare_time_offset_seconds must be one of {offsets}, not {offset}");
        }
    }

    private static void CheckNames(IReadOnlyList<NamedExpression> expressions, string field, HashSet<string> names, ErrorList errors)
    {
        for (var i = 0; i < expressions.Count; i++)
        {
            if (!names.Add(expressions[i].Name))
            {
                errors.Add($"{field}[{i}].name", expressions[i].Name, $"the name {expressions[i].Name} is taken");
            }
        }
    }

    private static void CheckCalculated(QuerySpec spec, CalculationOp op, string? column, string path, ErrorList errors)
    {
        if (op.TakesColumn() == (column is null))
        {
            // Reported as a member that can't be; there is nothing to look for.
            return;
        }

        foreach (var calculation in spec.Calculations)
        {
            if (calculation.Op == op && calculation.Column == column)
            {
                return;
            }
        }

        var asked = new Calculation(op, column).ResultKey;
        errors.Add(path, asked, $"{asked} is not among the query's calculations ({string.Join(", ", spec.Calculations.Select(calculation => new Calculation(calculation.Op, calculation.Column).ResultKey).Distinct())})");
    }

    private static bool IsNamed(QuerySpec spec, string name) =>
        spec.Breakdowns.Contains(name) || spec.Calculations.Any(calculation => calculation.Name == name) || spec.Formulas.Any(formula => formula.Name == name);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
