using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Language;

/// <summary>What holds of every condition, however it is written.</summary>
internal static class ConditionRules
{
    /// <summary>Why the operator can't have these values, or null when it can.</summary>
    public static string? Explain(FilterOp op, IReadOnlyList<FieldValue> values)
    {
        if (op.TakesNothing())
        {
            return values.Count == 0 ? null : $"{op.Name()} takes no value";
        }

        foreach (var value in values)
        {
            if (value.Kind == FieldKind.Absent)
            {
                return $"{op.Name()} takes no null; a missing field is asked for by exists and does-not-exist";
            }

            if (op.TakesText() && value.Kind != FieldKind.String)
            {
                return $"{op.Name()} takes text, not {value}; in quotes it is text";
            }
        }

        return op.TakesList() || values.Count == 1 ? null : $"{op.Name()} takes one value, not {values.Count}";
    }

    /// <summary>A group of the parts; one part is the part itself.</summary>
    public static Condition Group(IReadOnlyList<Condition> parts, bool any) =>
        parts.Count == 1 ? parts[0] : any ? new Condition.Any(parts) : new Condition.All(parts);

    /// <summary>Comparisons in it.</summary>
    public static int Matches(Condition? condition) => condition switch
    {
        null => 0,
        Condition.All all => Sum(all.Parts),
        Condition.Any any => Sum(any.Parts),
        Condition.Not not => Matches(not.Part),
        _ => 1,
    };

    /// <summary>Levels in it; a comparison is 1.</summary>
    public static int Depth(Condition? condition) => condition switch
    {
        null => 0,
        Condition.All all => 1 + Deepest(all.Parts),
        Condition.Any any => 1 + Deepest(any.Parts),
        Condition.Not not => 1 + Depth(not.Part),
        _ => 1,
    };

    /// <summary>The fields it names, in order, repeats included.</summary>
    public static IEnumerable<string> Columns(Condition? condition) => condition switch
    {
        null => [],
        Condition.All all => all.Parts.SelectMany(Columns),
        Condition.Any any => any.Parts.SelectMany(Columns),
        Condition.Not not => Columns(not.Part),
        Condition.Match match => [match.Column],
        _ => throw new ArgumentOutOfRangeException(nameof(condition), condition, "no such condition"),
    };

    private static int Sum(IReadOnlyList<Condition> parts)
    {
        var sum = 0;
        foreach (var part in parts)
        {
            sum += Matches(part);
        }

        return sum;
    }

    private static int Deepest(IReadOnlyList<Condition> parts)
    {
        var deepest = 0;
        foreach (var part in parts)
        {
            deepest = Math.Max(deepest, Depth(part));
        }

        return deepest;
    }
}
