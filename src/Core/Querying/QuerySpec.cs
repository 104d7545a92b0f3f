using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying;

/// <summary>
/// One question, as Honeycomb's query specification puts it, with a condition tree in place of its flat filter list (which is one level of the tree).
/// Immutable; lists are never null. Made by the JSON and the text reader, which validate; code that builds one by hand must keep the stated ranges.
/// </summary>
public sealed record QuerySpec
{
    /// <summary>Group-by fields, at most <see cref="QueryLimits.BreakdownsMax"/>.</summary>
    public IReadOnlyList<string> Breakdowns { get; init; } = [];

    /// <summary>What to compute; never empty after reading (none given = COUNT).</summary>
    public IReadOnlyList<Calculation> Calculations { get; init; } = [Calculation.Count];

    /// <summary>Which events take part; null = all.</summary>
    public Condition? Where { get; init; }

    /// <summary>Named expressions over an event's fields, in order; a later one may use an earlier one.</summary>
    public IReadOnlyList<NamedExpression> CalculatedFields { get; init; } = [];

    /// <summary>Named arithmetic over named calculations.</summary>
    public IReadOnlyList<NamedExpression> Formulas { get; init; } = [];

    /// <summary>Order of the result rows; empty = by the first calculation, descending.</summary>
    public IReadOnlyList<Order> Orders { get; init; } = [];

    /// <summary>Conditions on the result rows, all of which must hold.</summary>
    public IReadOnlyList<Having> Havings { get; init; } = [];

    /// <summary>At most so many result rows, 1..10,000.</summary>
    public int Limit { get; init; } = QueryLimits.LimitDefault;

    /// <summary>Width of a series point in seconds; null = chosen from the time range (about 100 points on a round step).</summary>
    public int? GranularitySeconds { get; init; }

    /// <summary>Length of time in seconds (LAST in the text form); with an edge, the other edge follows from it.</summary>
    public long? TimeRangeSeconds { get; init; }

    /// <summary>Inclusive start, unix nanoseconds.</summary>
    public long? StartTimeNs { get; init; }

    /// <summary>Exclusive end, unix nanoseconds.</summary>
    public long? EndTimeNs { get; init; }

    /// <summary>Compare with the same range so many seconds earlier; one of <see cref="QueryLimits.CompareOffsetsSeconds"/>.</summary>
    public long? CompareOffsetSeconds { get; init; }

    /// <summary>True = events are not weighted by their sample rate.</summary>
    public bool UsageMode { get; init; }
}

/// <summary>The operations of a calculation. The percentiles carry their quantile in <see cref="CalculationOps.Quantile"/>.</summary>
public enum CalculationOp : byte
{
#pragma warning disable CS1591 // the names are the specification's
    Count, Concurrency, Sum, Avg, CountDistinct, Heatmap, Max, Min,
    P001, P01, P05, P10, P20, P25, P50, P75, P80, P90, P95, P99, P999,
    RateAvg, RateSum, RateMax,
#pragma warning restore CS1591
}

/// <summary>Facts about <see cref="CalculationOp"/>s.</summary>
public static class CalculationOps
{
    /// <summary>The name in the specification, e.g. COUNT_DISTINCT.</summary>
    public static string Name(this CalculationOp op) => op switch
    {
        CalculationOp.CountDistinct => "COUNT_DISTINCT",
        CalculationOp.RateAvg => "RATE_AVG",
        CalculationOp.RateSum => "RATE_SUM",
        CalculationOp.RateMax => "RATE_MAX",
        _ => op.ToString().ToUpperInvariant(),
    };

    /// <summary>The quantile 0..1 of a percentile operation, else null.</summary>
    public static double? Quantile(this CalculationOp op) => op switch
    {
        CalculationOp.P001 => 0.001,
        CalculationOp.P01 => 0.01,
        CalculationOp.P05 => 0.05,
        CalculationOp.P10 => 0.10,
        CalculationOp.P20 => 0.20,
        CalculationOp.P25 => 0.25,
        CalculationOp.P50 => 0.50,
        CalculationOp.P75 => 0.75,
        CalculationOp.P80 => 0.80,
        CalculationOp.P90 => 0.90,
        CalculationOp.P95 => 0.95,
        CalculationOp.P99 => 0.99,
        CalculationOp.P999 => 0.999,
        _ => null,
    };

    /// <summary>
    /// Of RATE_AVG, RATE_SUM and RATE_MAX the operation whose values in successive buckets they subtract (AVG, SUM, MAX); of all others null.
    /// </summary>
    public static CalculationOp? RateOf(this CalculationOp op) => op switch
    {
        CalculationOp.RateAvg => CalculationOp.Avg,
        CalculationOp.RateSum => CalculationOp.Sum,
        CalculationOp.RateMax => CalculationOp.Max,
        _ => null,
    };

    /// <summary>True when the operation needs a column.</summary>
    public static bool TakesColumn(this CalculationOp op) => op is not (CalculationOp.Count or CalculationOp.Concurrency);
}

/// <summary>One calculation. <paramref name="Filter"/> restricts it to some of the query's events.</summary>
public sealed record Calculation(CalculationOp Op, string? Column = null, string? Name = null, Condition? Filter = null)
{
    /// <summary>COUNT.</summary>
    public static Calculation Count { get; } = new(CalculationOp.Count);

    /// <summary>The key of its cells in an answer: the name if it has one, else e.g. <c>COUNT</c> or <c>P99(duration_ms)</c>.</summary>
    public string ResultKey => Name ?? (Column is null ? Op.Name() : $"{Op.Name()}({Column})");
}

/// <summary>A boolean tree over an event's fields.</summary>
public abstract record Condition
{
    private Condition() { }

    /// <summary>All of the parts hold. At least one part.</summary>
    public sealed record All(IReadOnlyList<Condition> Parts) : Condition;

    /// <summary>At least one part holds. At least one part.</summary>
    public sealed record Any(IReadOnlyList<Condition> Parts) : Condition;

    /// <summary>The part does not hold.</summary>
    public sealed record Not(Condition Part) : Condition;

    /// <summary>
    /// A comparison of one field. <paramref name="Values"/>: none for exists and does-not-exist, one for most, any number for in and not-in.
    /// A missing field satisfies only the negative operators (!=, does-not-…, not-in).
    /// </summary>
    public sealed record Match(string Column, FilterOp Op, IReadOnlyList<FieldValue> Values) : Condition;
}

/// <summary>Comparison operators of a filter.</summary>
public enum FilterOp : byte
{
#pragma warning disable CS1591 // the names are the specification's
    Equal, NotEqual, Greater, GreaterOrEqual, Less, LessOrEqual,
    StartsWith, DoesNotStartWith, EndsWith, DoesNotEndWith, Exists, DoesNotExist, Contains, DoesNotContain, In, NotIn,
#pragma warning restore CS1591
}

/// <summary>A name for an expression's text.</summary>
public sealed record NamedExpression(string Name, string Expression);

/// <summary>
/// Order of result rows: by a calculation (<paramref name="Op"/>, with its column) or, without one, by the breakdown, calculation or formula that has the name
/// <paramref name="Column"/>.
/// </summary>
public sealed record Order(CalculationOp? Op, string? Column, bool Descending);

/// <summary>
/// A condition on a number of a result row: on a calculation (<paramref name="Op"/>, with its column) or, without one, on the calculation or formula that has
/// the name <paramref name="Column"/>.
/// </summary>
public sealed record Having(CalculationOp? Op, string? Column, FilterOp Comparison, double Value);

/// <summary>Bounds of a query.</summary>
public static class QueryLimits
{
    /// <summary>Most breakdowns of a query. Past it: refused.</summary>
    public const int BreakdownsMax = 100;

    /// <summary>Most calculations of a query. Past it: refused.</summary>
    public const int CalculationsMax = 100;

    /// <summary>Most comparisons in a query's condition trees. Past it: refused.</summary>
    public const int FiltersMax = 100;

    /// <summary>Result rows when the query doesn't say.</summary>
    public const int LimitDefault = 100;

    /// <summary>Most result rows of a query with series.</summary>
    public const int LimitMax = 1_000;

    /// <summary>Most result rows of a query without series.</summary>
    public const int LimitWithoutSeriesMax = 10_000;

    /// <summary>Seconds asked about when the query names no time.</summary>
    public const long TimeRangeDefaultSeconds = 7_200;

    /// <summary>Most points of a series. Past it: refused, naming the granularity that fits.</summary>
    public const int SeriesPointsMax = 10_000;

    /// <summary>The offsets a comparison may have, in seconds.</summary>
    public static readonly long[] CompareOffsetsSeconds = [1800, 3600, 7200, 28800, 86400, 604800, 2419200, 15724800];
}
