using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Expressions;
using StreamObserve.Core.Tests.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>A group of an answer: its key and all rows that fall into it.</summary>
internal sealed class OracleGroup(object?[] key, IReadOnlyList<OracleRow> rows)
{
    public object?[] Key => key;

    public IReadOnlyList<OracleRow> Rows => rows;

    /// <summary>The key as text that differs when the key does.</summary>
    public string Name { get; } = NameOf(key);

    public static string NameOf(IEnumerable<object?> key) => $"[{string.Join(" · ", key.Select(v => v is null ? "-" : $"{v.GetType().Name}:{OracleValue.Text(v)}"))}]";
}

/// <summary>
/// A question over rows in memory, evaluated after docs/query-language.md and with none of the engine's code but the specification's model and the reading of calculated fields'
/// expressions. Simple and slow. What it says is which groups there are, what any set of rows comes to, as a whole and over time, and how rows of an answer compare;
/// <see cref="OracleAssert"/> holds an answer against it.
/// </summary>
/// <remarks>
/// To add something: fields that are calculated go into <see cref="Prepare"/>, conditions of another kind into <see cref="OracleCondition"/>, a calculation into
/// <see cref="OracleCalculation"/>; what is made of cells (formulas, differences between points) into <see cref="Cells"/> and <see cref="Points"/>.
/// </remarks>
internal sealed class OracleQuery
{
    private const string AllDatasets = "__all__";
    private const string DurationField = "duration_ms";
    private const long TenMinutesNs = 600_000_000_000;

    /// <summary>Shares of spans are sums of fractions.</summary>
    private const double SpansRounding = 1e-6;

    private readonly OracleTraces _traces;
    private readonly bool _hasLongSpans;
    private readonly Dictionary<OracleGroup, IReadOnlyList<OracleCell>> _cells = [];
    private readonly Dictionary<OracleGroup, IReadOnlyList<(long TimeNs, IReadOnlyList<OracleCell> Cells)>> _points = [];

    public OracleQuery(string dataset, QuerySpec spec, ResolvedTime time, IEnumerable<OracleRow> rows)
    {
        Spec = spec;
        Keys = [.. spec.Calculations.Select(c => c.ResultKey), .. spec.Formulas.Select(f => f.Name)];
        Time = time;
        var seen = Prepare(spec, rows.Where(row => row.TimeNs >= time.StartNs - TenMinutesNs && row.TimeNs < time.EndNs + TenMinutesNs));
        _traces = new(seen);
        Rows = [.. seen
            .Where(row => row.TimeNs < time.EndNs && (row.TimeNs >= time.StartNs || LastsIntoRange(row)))
            .Where(row => dataset == AllDatasets || row.Dataset.Equals(dataset, StringComparison.OrdinalIgnoreCase))
            .Where(row => OracleCondition.Holds(spec.Where, row, _traces))
            .Where(row => row.TimeNs >= time.StartNs || Concurrencies.Any(c => Meets(c, row)))];
        Groups = [.. Rows
            .GroupBy(row => spec.Breakdowns.Select(field => _traces.Shown(field, row, spec.Where)).ToArray(), KeyComparer.Instance)
            .Select(group => new OracleGroup(group.Key, [.. group]))];
        All = new([], Rows);
        if (spec.Breakdowns.Count == 0)
        {
            Groups = [All];
        }

        _hasLongSpans = Concurrencies.Any(c => Rows.Any(row => DurationNs(row) > TenMinutesNs && Meets(c, row)));
        Earlier = spec.CompareOffsetSeconds is not { } offset ? null
            : new(dataset, spec with { CompareOffsetSeconds = null }, time with { StartNs = time.StartNs - (offset * 1_000_000_000), EndNs = time.EndNs - (offset * 1_000_000_000) }, rows);
    }

    public QuerySpec Spec { get; }

    public ResolvedTime Time { get; }

    /// <summary>The same over the earlier range of a comparison, else null.</summary>
    public OracleQuery? Earlier { get; }

    /// <summary>All rows that take part; of those before the range, spans in progress that a CONCURRENCY counts.</summary>
    public IReadOnlyList<OracleRow> Rows { get; }

    /// <summary>The groups of the breakdowns; without any all rows are one, also when there are none.</summary>
    public IReadOnlyList<OracleGroup> Groups { get; }

    /// <summary>The key of each cell.</summary>
    public IReadOnlyList<string> Keys { get; }

    /// <summary>All rows as one group.</summary>
    public OracleGroup All { get; }

    /// <summary>The cells of all rows.</summary>
    public IReadOnlyList<OracleCell> Total => Cells(All);

    private IEnumerable<Calculation> Concurrencies => Spec.Calculations.Where(c => c.Op == CalculationOp.Concurrency);

    /// <summary>The cells of a group, worked out once.</summary>
    public IReadOnlyList<OracleCell> Cells(OracleGroup group) => _cells.TryGetValue(group, out var known) ? known : _cells[group] = Cells(group.Rows);

    /// <summary>The points of a group, worked out once.</summary>
    public IReadOnlyList<(long TimeNs, IReadOnlyList<OracleCell> Cells)> Points(OracleGroup group) => _points.TryGetValue(group, out var known) ? known : _points[group] = Points(group.Rows);

    /// <summary>The cells of some rows over the whole range, one a calculation, then one a formula.</summary>
    public IReadOnlyList<OracleCell> Cells(IReadOnlyList<OracleRow> rows)
    {
        var rates = Spec.Calculations.Any(IsRate) ? PointsWithoutFormulas(rows) : [];
        return WithFormulas([.. Spec.Calculations.Select((c, i) => IsRate(c) ? OracleCalculation.OverDifferences(c.Op, [.. rates.Select(point => point.Cells[i])]) : Cell(c, rows, Time.StartNs, Time.EndNs))]);
    }

    /// <summary>Some rows over time: the points in which one of them is, or is in progress.</summary>
    public IReadOnlyList<(long TimeNs, IReadOnlyList<OracleCell> Cells)> Points(IReadOnlyList<OracleRow> rows) => [.. PointsWithoutFormulas(rows).Select(point => (point.TimeNs, WithFormulas(point.Cells)))];

    private List<(long TimeNs, IReadOnlyList<OracleCell> Cells)> PointsWithoutFormulas(IReadOnlyList<OracleRow> rows)
    {
        var points = new List<(long, IReadOnlyList<OracleCell>)>();
        var before = new OracleCell?[Spec.Calculations.Count];
        foreach (var (startNs, inPoint) in RowsOfPoints(rows))
        {
            long from = Math.Max(startNs, Time.StartNs), to = Math.Min(startNs + StepNs, Time.EndNs);
            var cells = Spec.Calculations.Select(c => Cell(c, inPoint, from, to)).ToArray();
            for (var i = 0; i < cells.Length; i++)
            {
                if (IsRate(Spec.Calculations[i]))
                {
                    (cells[i], before[i]) = (OracleCalculation.Difference(cells[i], before[i]), cells[i].Value is null ? before[i] : cells[i]);
                }
            }

            points.Add((startNs, cells));
        }

        return points;
    }

    /// <summary>The points by time, each with the rows that lie in it and the spans that a CONCURRENCY counts there.</summary>
    private IEnumerable<(long StartNs, List<OracleRow> Rows)> RowsOfPoints(IReadOnlyList<OracleRow> rows)
    {
        var points = new SortedDictionary<long, List<OracleRow>>();
        foreach (var row in rows)
        {
            var first = PointOf(Math.Max(row.TimeNs, Time.StartNs));
            var last = Concurrencies.Any(c => Meets(c, row)) ? Math.Max(first, PointOf(Math.Min(EndNs(row), Time.EndNs) - 1)) : first;
            for (var point = first; point <= last; point += StepNs)
            {
                (points.TryGetValue(point, out var inPoint) ? inPoint : points[point] = []).Add(row);
            }
        }

        return points.Select(point => (point.Key, point.Value));
    }

    /// <summary>A calculation over the rows of [fromNs, toNs), of CONCURRENCY over the spans that are in progress then too.</summary>
    private OracleCell Cell(Calculation calculation, IReadOnlyList<OracleRow> rows, long fromNs, long toNs)
    {
        var counted = rows.Where(row => Meets(calculation, row)).ToList();
        if (calculation.Op != CalculationOp.Concurrency)
        {
            return OracleCalculation.Of(calculation, [.. counted.Where(row => row.TimeNs >= fromNs && row.TimeNs < toNs)], Spec.UsageMode);
        }

        var covered = counted.Sum(row => Math.Max(0, Math.Min(EndNs(row), toNs) - Math.Max(row.TimeNs, fromNs)) * (Spec.UsageMode ? 1 : row.Weight));
        var spans = covered / (toNs - fromNs);
        return new(spans, spans * SpansRounding, _hasLongSpans ? LabelKind.AtLeast : LabelKind.Exact);
    }

    /// <summary>The cells of the calculations and behind them those of the formulas.</summary>
    private IReadOnlyList<OracleCell> WithFormulas(IReadOnlyList<OracleCell> calculations)
    {
        if (Spec.Formulas.Count == 0)
        {
            return calculations;
        }

        var cells = Spec.Calculations.Zip(calculations).ToDictionary(pair => pair.First.ResultKey, pair => pair.Second);
        return [.. calculations, .. Spec.Formulas.Select(f => Formula(f.Name))];

        OracleCell Formula(string name)
        {
            if (cells.TryGetValue(name, out var known))
            {
                return known;
            }

            var used = new List<OracleCell>();
            OracleNumber? Column(string key, Func<OracleCell, double> error)
            {
                if (!cells.ContainsKey(key) && Spec.Formulas.All(f => f.Name != key))
                {
                    return null;
                }

                var cell = Formula(key);
                used.Add(cell);
                return cell.IsOpen ? OracleNumber.Anything : new(cell.Value, error(cell));
            }

            var text = Spec.Formulas.First(f => f.Name == name).Expression;
            var best = new OracleFormula(text, key => Column(key, cell => cell.Slack)).Evaluate();
            var worst = new OracleFormula(text, key => Column(key, cell => cell.Doubt)).Evaluate();
            var label = used.All(c => c.Label == LabelKind.Exact) ? LabelKind.Exact : used.All(c => c.Label is LabelKind.Exact or LabelKind.Bounded) ? LabelKind.Bounded : LabelKind.Estimated;
            return cells[name] = new(best.Value, best.Error, label) { Doubt = worst.Error, IsFormula = true, MayBeOneSided = used.Any(c => c.MayBeOneSided) };
        }
    }

    private static bool IsRate(Calculation calculation) => calculation.Op is CalculationOp.RateAvg or CalculationOp.RateSum or CalculationOp.RateMax;

    /// <summary>Whether a calculation counts a row: its filter holds, and of CONCURRENCY it lasts.</summary>
    private bool Meets(Calculation calculation, OracleRow row) =>
        (calculation.Op != CalculationOp.Concurrency || DurationNs(row) > 0) && OracleCondition.Holds(calculation.Filter, row, _traces);

    private bool LastsIntoRange(OracleRow row) => row.TimeNs >= Time.StartNs - TenMinutesNs && EndNs(row) > Time.StartNs;

    private static double DurationNs(OracleRow row) => row[DurationField] is { } duration && OracleValue.IsNumber(duration) ? OracleValue.AsDouble(duration) * 1e6 : 0;

    private static long EndNs(OracleRow row) => (long)Math.Min(row.TimeNs + Math.Round((decimal)Math.Clamp(DurationNs(row), 0, 1e18)), long.MaxValue);

    private long StepNs => Time.GranularitySeconds * 1_000_000_000L;

    /// <summary>Where the point of a time starts.</summary>
    private long PointOf(long timeNs) => (long)Math.Floor((decimal)timeNs / StepNs) * StepNs;

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

    /// <summary>The events as the question sees them: with its calculated fields.</summary>
    private static List<OracleRow> Prepare(QuerySpec spec, IEnumerable<OracleRow> rows)
    {
        if (spec.CalculatedFields.Count == 0)
        {
            return [.. rows];
        }

        var fields = CalculatedFields.Parse(spec.CalculatedFields).Value;
        return [.. rows.Select(row =>
        {
            var expression = new ReferenceExpression(fields, name => OracleValue.ToField(row.Stored(name)), row.TimeNs);
            return row.With(spec.CalculatedFields.ToDictionary(f => f.Name, f => OracleValue.Of(expression.Field(f.Name))));
        })];
    }

    private static int? CompareCells(OracleCell a, OracleCell b, bool descending)
    {
        if (a.IsOpen || b.IsOpen)
        {
            return null;
        }

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
        if (cell.IsOpen)
        {
            return null;
        }

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

    private int Named(string? key) => Keys.ToList().IndexOf(key!);

    private sealed class KeyComparer : IEqualityComparer<object?[]>
    {
        public static KeyComparer Instance { get; } = new();

        public bool Equals(object?[]? x, object?[]? y) => x!.SequenceEqual(y!);

        public int GetHashCode(object?[] key) => key.Aggregate(17, (hash, value) => (hash * 31) + (value?.GetHashCode() ?? 0));
    }
}
