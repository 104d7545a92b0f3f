using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>A group of an answer: its key and all rows that fall into it.</summary>
internal sealed record OracleGroup(object?[] Key, IReadOnlyList<OracleRow> Rows);

/// <summary>
/// A question over rows in memory, evaluated after docs/query-language.md and with none of the engine's code but the specification's model. Simple and slow. What it
/// says is which groups there are, what any set of rows comes to, and how rows of an answer compare; <see cref="OracleAssert"/> holds an answer against it.
/// </summary>
/// <remarks>
/// To add something: fields that are calculated go into <see cref="Prepare"/> (<see cref="OracleRow.With"/>), conditions of another kind into <see cref="OracleCondition"/>, a
/// calculation into <see cref="OracleCalculation"/>; what is made of cells (formulas, differences between points) into <see cref="Cells"/>.
/// </remarks>
internal sealed class OracleQuery
{
    private const string AllDatasets = "__all__";

    private static readonly string[] RelationalPrefixes = ["root.", "parent.", "child.", "any.", "any2.", "any3.", "none."];

    public OracleQuery(string dataset, QuerySpec spec, ResolvedTime time, IEnumerable<OracleRow> rows)
    {
        Spec = spec;
        Time = time;
        Rows = [.. rows
            .Where(row => row.TimeNs >= time.StartNs && row.TimeNs < time.EndNs)
            .Where(row => dataset == AllDatasets || row.Dataset.Equals(dataset, StringComparison.OrdinalIgnoreCase))
            .Select(Prepare)
            .Where(row => OracleCondition.Holds(spec.Where, row))];
        Groups = [.. Rows
            .GroupBy(row => spec.Breakdowns.Select(field => row[field]).ToArray(), KeyComparer.Instance)
            .Select(group => new OracleGroup(group.Key, [.. group]))];
    }

    public QuerySpec Spec { get; }

    public ResolvedTime Time { get; }

    /// <summary>All rows that take part.</summary>
    public IReadOnlyList<OracleRow> Rows { get; }

    /// <summary>The groups of the breakdowns; one, or none, without.</summary>
    public IReadOnlyList<OracleGroup> Groups { get; }

    /// <summary>False of questions with parts that the oracle has no answer to yet.</summary>
    public static bool Knows(QuerySpec spec) =>
        spec.CalculatedFields.Count == 0 && spec.Formulas.Count == 0 && spec.CompareOffsetSeconds is null
        && spec.Calculations.All(c => c.Op is not (CalculationOp.Concurrency or CalculationOp.RateAvg or CalculationOp.RateMax or CalculationOp.RateSum))
        && !spec.Breakdowns.Concat(spec.Calculations.Select(c => c.Column ?? "")).Concat(spec.Calculations.Select(c => c.Filter).Append(spec.Where).SelectMany(Fields))
            .Any(field => RelationalPrefixes.Any(prefix => field.StartsWith(prefix, StringComparison.Ordinal)));

    /// <summary>The cells of some rows, one a calculation.</summary>
    public IReadOnlyList<OracleCell> Cells(IReadOnlyList<OracleRow> rows) => [.. Spec.Calculations.Select(c => OracleCalculation.Of(c, rows, Spec.UsageMode))];

    /// <summary>Where the point of a row's time starts.</summary>
    public long PointOf(OracleRow row)
    {
        var step = Time.GranularitySeconds * 1_000_000_000L;
        return (long)Math.Floor((decimal)row.TimeNs / step) * step;
    }

    /// <summary>Whether the havings hold; null when that is within the error of an approximate cell.</summary>
    public bool? Having(IReadOnlyList<OracleCell> cells)
    {
        bool? all = true;
        foreach (var having in Spec.Havings)
        {
            var holds = Holds(having, cells[having.Op is { } op ? Find(op, having.Column) : Named(having.Column)]);
            all = holds == false || all == false ? false : holds is null ? null : all;
        }

        return all;
    }

    /// <summary>How two rows of an answer are ordered; null when that is within the error of an approximate cell.</summary>
    public int? Compare((object?[] Key, IReadOnlyList<OracleCell> Cells) a, (object?[] Key, IReadOnlyList<OracleCell> Cells) b)
    {
        if (Spec.Orders.Count == 0)
        {
            // By the first number, descending; of heatmaps alone the engine goes by the number of events.
            var first = Spec.Calculations.ToList().FindIndex(c => c.Op != CalculationOp.Heatmap);
            var byFirst = first < 0 ? null : CompareCells(a.Cells[first], b.Cells[first], true);
            return byFirst == 0 ? Ties() : byFirst;
        }

        foreach (var order in Spec.Orders)
        {
            var breakdown = order.Op is null ? Spec.Breakdowns.ToList().IndexOf(order.Column!) : -1;
            var calculation = order.Op is { } op ? Find(op, order.Column) : Named(order.Column);
            var compared = breakdown >= 0
                ? CompareKeys(a.Key[breakdown], b.Key[breakdown], order.Descending)
                : CompareCells(a.Cells[calculation], b.Cells[calculation], order.Descending);
            if (compared != 0)
            {
                return compared;
            }
        }

        return Ties();

        int? Ties() => a.Key.Zip(b.Key).Select(pair => OracleValue.Compare(pair.First, pair.Second)).FirstOrDefault(c => c != 0);
    }

    private static IEnumerable<string> Fields(Condition? condition) => condition switch
    {
        Condition.All all => all.Parts.SelectMany(Fields),
        Condition.Any any => any.Parts.SelectMany(Fields),
        Condition.Not not => Fields(not.Part),
        Condition.Match match => [match.Column],
        _ => [],
    };

    /// <summary>The event as the question sees it.</summary>
    private static OracleRow Prepare(OracleRow row) => row;

    private static int? CompareCells(OracleCell a, OracleCell b, bool descending)
    {
        if (a.Value is null || b.Value is null)
        {
            return (a.Value is null).CompareTo(b.Value is null);     // absent last, either way
        }

        var isClear = Math.Abs(a.Value.Value - b.Value.Value) > a.Doubt + b.Doubt || a.Doubt + b.Doubt == 0;
        return !isClear ? null : descending ? b.Value.Value.CompareTo(a.Value.Value) : a.Value.Value.CompareTo(b.Value.Value);
    }

    private static int CompareKeys(object? a, object? b, bool descending) =>
        a is null || b is null ? (a is null).CompareTo(b is null) : descending ? OracleValue.Compare(b, a) : OracleValue.Compare(a, b);

    private static bool? Holds(Having having, OracleCell cell)
    {
        if (cell.Value is not { } value)
        {
            return false;
        }

        if (cell.Doubt > 0 && Math.Abs(value - having.Value) <= cell.Doubt)
        {
            return null;
        }

        return having.Comparison switch
        {
            FilterOp.Equal => value == having.Value,
            FilterOp.NotEqual => value != having.Value,
            FilterOp.Greater => value > having.Value,
            FilterOp.GreaterOrEqual => value >= having.Value,
            FilterOp.Less => value < having.Value,
            FilterOp.LessOrEqual => value <= having.Value,
            _ => throw new ArgumentOutOfRangeException(nameof(having), having, "no such comparison"),
        };
    }

    /// <summary>The calculation that an order or having means: that with neither name nor filter, else the first without a filter, else the first.</summary>
    private int Find(CalculationOp op, string? column)
    {
        var all = Spec.Calculations.ToList();
        bool Is(Calculation c) => c.Op == op && (c.Column == column || op == CalculationOp.Count);
        int plain = all.FindIndex(c => Is(c) && c.Name is null && c.Filter is null), unfiltered = all.FindIndex(c => Is(c) && c.Filter is null);
        return plain >= 0 ? plain : unfiltered >= 0 ? unfiltered : all.FindIndex(Is);
    }

    private int Named(string? name) => Spec.Calculations.ToList().FindIndex(c => c.Name == name);

    private sealed class KeyComparer : IEqualityComparer<object?[]>
    {
        public static KeyComparer Instance { get; } = new();

        public bool Equals(object?[]? x, object?[]? y) => x!.SequenceEqual(y!);

        public int GetHashCode(object?[] key) => key.Aggregate(17, (hash, value) => (hash * 31) + (value?.GetHashCode() ?? 0));
    }
}
