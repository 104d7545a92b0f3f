namespace StreamObserve.Core.Querying;

/// <summary>
/// The columns of a result row behind its breakdowns, by number: first the calculations, then the formulas, both in the query's order. Orders, havings and
/// formulas name them.
/// </summary>
public static class ResultColumns
{
    /// <summary>No such column.</summary>
    public const int None = -1;

    /// <summary>How many there are.</summary>
    public static int Count(QuerySpec spec) => spec.Calculations.Count + spec.Formulas.Count;

    /// <summary>A column's key in the answer.</summary>
    public static string Key(QuerySpec spec, int column) =>
        column < spec.Calculations.Count ? spec.Calculations[column].ResultKey : spec.Formulas[column - spec.Calculations.Count].Name;

    /// <summary>
    /// The calculation of an operation and column. Of several the plain one (without name and filter), else the first without a filter, else the first.
    /// </summary>
    public static int OfCalculation(QuerySpec spec, CalculationOp op, string? column)
    {
        int unfiltered = None, any = None;
        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            var calculation = spec.Calculations[i];
            if (calculation.Op != op || calculation.Column != column)
            {
                continue;
            }

            if (calculation is { Name: null, Filter: null })
            {
                return i;
            }

            any = any == None ? i : any;
            unfiltered = unfiltered == None && calculation.Filter is null ? i : unfiltered;
        }

        return unfiltered == None ? any : unfiltered;
    }

    /// <summary>The calculation or formula that has this key: a given name, or e.g. <c>P99(duration_ms)</c>.</summary>
    public static int OfName(QuerySpec spec, string name)
    {
        for (var column = 0; column < Count(spec); column++)
        {
            if (Key(spec, column) == name)
            {
                return column;
            }
        }

        return None;
    }

    /// <summary>The column that a having is about.</summary>
    public static int Of(QuerySpec spec, Having having) => having.Op is { } op ? OfCalculation(spec, op, having.Column) : OfName(spec, having.Column ?? "");

    /// <summary>The column that an order goes by; none when it goes by a breakdown.</summary>
    public static int Of(QuerySpec spec, Order order) =>
        order.Op is { } op ? OfCalculation(spec, op, order.Column)
        : OfBreakdown(spec, order) != None ? None
        : OfName(spec, order.Column ?? "");

    /// <summary>The breakdown that an order goes by.</summary>
    public static int OfBreakdown(QuerySpec spec, Order order)
    {
        for (var i = 0; order.Op is null && i < spec.Breakdowns.Count; i++)
        {
            if (spec.Breakdowns[i] == order.Column)
            {
                return i;
            }
        }

        return None;
    }
}
