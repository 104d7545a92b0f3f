using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>
/// Conditions as docs/query-language.md words them: a comparison's value takes the type of the event's; the negative operators hold exactly where the positive ones don't,
/// also where the field is missing.
/// </summary>
internal static class OracleCondition
{
    public static bool Holds(Condition? condition, OracleRow row, OracleTraces traces) => condition switch
    {
        null => true,
        Condition.Any any => any.Parts.Any(part => Holds(part, row, traces)),
        Condition.Not not => !Holds(not.Part, row, traces),
        _ => AllHold(Together(condition), row, traces),
    };

    /// <summary>A comparison with a field's value, wherever that is from.</summary>
    public static bool Holds(Condition.Match match, object? value) => Holds(match.Op, value, [.. match.Values.Select(v => OracleValue.Of(v)!)]);

    /// <summary>What an AND joins, brackets that hold only AND taken off; anything else is alone.</summary>
    public static IReadOnlyList<Condition> Together(Condition condition) => condition is Condition.All all ? [.. all.Parts.SelectMany(Together)] : [condition];

    /// <summary>Comparisons of one prefix that are joined by AND speak of one related span.</summary>
    private static bool AllHold(IReadOnlyList<Condition> parts, OracleRow row, OracleTraces traces)
    {
        var related = new List<(string Prefix, string Name, Condition.Match Match)>();
        foreach (var part in parts)
        {
            if (part is not Condition.Match match)
            {
                if (!Holds(part, row, traces))
                {
                    return false;
                }
            }
            else if (OracleTraces.Split(match.Column) is { } field)
            {
                related.Add((field.Prefix, field.Name, match));
            }
            else if (!Holds(match, row[match.Column]))
            {
                return false;
            }
        }

        return related.GroupBy(r => r.Prefix)
            .All(one => traces.Related(one.Key, row).Any(span => one.All(r => Holds(r.Match, span[r.Name]))) != (one.Key == "none."));
    }

    private static bool Holds(FilterOp op, object? value, object[] wanted) => op switch
    {
        FilterOp.Exists => value is not null,
        FilterOp.DoesNotExist => value is null,
        FilterOp.Equal => value is not null && IsSame(value, wanted[0]),
        FilterOp.NotEqual => !Holds(FilterOp.Equal, value, wanted),
        FilterOp.In => value is not null && wanted.Any(w => IsSame(value, w)),
        FilterOp.NotIn => !Holds(FilterOp.In, value, wanted),
        FilterOp.Greater => value is not null && Compare(value, wanted[0]) > 0,
        FilterOp.GreaterOrEqual => value is not null && Compare(value, wanted[0]) >= 0,
        FilterOp.Less => value is not null && Compare(value, wanted[0]) < 0,
        FilterOp.LessOrEqual => value is not null && Compare(value, wanted[0]) <= 0,
        FilterOp.StartsWith => value is not null && OracleValue.Text(value).StartsWith(OracleValue.Text(wanted[0]), StringComparison.Ordinal),
        FilterOp.DoesNotStartWith => !Holds(FilterOp.StartsWith, value, wanted),
        FilterOp.EndsWith => value is not null && OracleValue.Text(value).EndsWith(OracleValue.Text(wanted[0]), StringComparison.Ordinal),
        FilterOp.DoesNotEndWith => !Holds(FilterOp.EndsWith, value, wanted),
        FilterOp.Contains => value is not null && OracleValue.Text(value).Contains(OracleValue.Text(wanted[0]), StringComparison.Ordinal),
        FilterOp.DoesNotContain => !Holds(FilterOp.Contains, value, wanted),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "no such operator"),
    };

    private static bool IsSame(object value, object wanted) => Compare(value, wanted) == 0;

    /// <summary>Null where the two can't be compared: then no comparison holds.</summary>
    private static int? Compare(object value, object wanted) => value switch
    {
        string text => OracleValue.CompareTexts(text, OracleValue.Text(wanted)),
        bool flag => OracleValue.Flag(wanted) is { } other ? flag.CompareTo(other) : null,
        _ => OracleValue.NumberIn(wanted) is { } number ? OracleValue.CompareNumbers(value, number) : null,
    };
}
