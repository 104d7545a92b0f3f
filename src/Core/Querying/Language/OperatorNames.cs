using System.Collections.Frozen;

namespace StreamObserve.Core.Querying.Language;

/// <summary>Names of calculation operations and filter operators as written in both forms; read in any case.</summary>
public static class OperatorNames
{
    private static readonly FrozenDictionary<string, CalculationOp> Calculations =
        Enum.GetValues<CalculationOp>().ToFrozenDictionary(op => op.Name(), StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenDictionary<string, FilterOp> Filters =
        Enum.GetValues<FilterOp>().ToFrozenDictionary(op => op.Name(), StringComparer.OrdinalIgnoreCase);

    /// <summary>All calculation operations, as an error lists them.</summary>
    public static string CalculationList { get; } = string.Join(' ', Enum.GetValues<CalculationOp>().Select(op => op.Name()));

    /// <summary>All filter operators, as an error lists them.</summary>
    public static string FilterList { get; } = string.Join(' ', Enum.GetValues<FilterOp>().Select(op => op.Name()));

    /// <summary>Those that a having may use, as an error lists them.</summary>
    public static string ComparisonList { get; } = "= != > >= < <=";

    /// <summary>The operator's name in the specification, e.g. <c>does-not-contain</c>.</summary>
    public static string Name(this FilterOp op) => op switch
    {
        FilterOp.Equal => "=",
        FilterOp.NotEqual => "!=",
        FilterOp.Greater => ">",
        FilterOp.GreaterOrEqual => ">=",
        FilterOp.Less => "<",
        FilterOp.LessOrEqual => "<=",
        FilterOp.StartsWith => "starts-with",
        FilterOp.DoesNotStartWith => "does-not-start-with",
        FilterOp.EndsWith => "ends-with",
        FilterOp.DoesNotEndWith => "does-not-end-with",
        FilterOp.Exists => "exists",
        FilterOp.DoesNotExist => "does-not-exist",
        FilterOp.Contains => "contains",
        FilterOp.DoesNotContain => "does-not-contain",
        FilterOp.In => "in",
        FilterOp.NotIn => "not-in",
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "no such filter operator"),
    };

    /// <summary>Finds a calculation operation by name.</summary>
    public static bool TryParse(string name, out CalculationOp op) => Calculations.TryGetValue(name, out op);

    /// <summary>Finds a filter operator by name.</summary>
    public static bool TryParse(string name, out FilterOp op) => Filters.TryGetValue(name, out op);

    /// <summary>True of the six that compare by order or equality: what a having may use.</summary>
    public static bool IsComparison(this FilterOp op) => op <= FilterOp.LessOrEqual;

    /// <summary>True of those that look into text and so take only text.</summary>
    public static bool TakesText(this FilterOp op) => op is FilterOp.StartsWith or FilterOp.DoesNotStartWith or FilterOp.EndsWith or FilterOp.DoesNotEndWith
        or FilterOp.Contains or FilterOp.DoesNotContain;

    /// <summary>True of those that take a list of values.</summary>
    public static bool TakesList(this FilterOp op) => op is FilterOp.In or FilterOp.NotIn;

    /// <summary>True of those that take no value.</summary>
    public static bool TakesNothing(this FilterOp op) => op is FilterOp.Exists or FilterOp.DoesNotExist;
}
