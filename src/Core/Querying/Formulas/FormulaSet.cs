using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Querying.Formulas;

/// <summary>A query's formulas, ready to compute: each after those that it uses. Immutable; any thread.</summary>
internal sealed class FormulaSet
{
    private readonly (int Column, Formula Formula, int[] Reads)[] _inOrder;
    private readonly int _calculations;

    private FormulaSet((int, Formula, int[])[] inOrder, int calculations)
    {
        _inOrder = inOrder;
        _calculations = calculations;
    }

    /// <summary>How many there are.</summary>
    public int Count => _inOrder.Length;

    /// <summary>The formulas of a query that passed validation.</summary>
    public static FormulaSet Of(QuerySpec spec)
    {
        var errors = new ErrorList();
        return TryCompile(spec, errors) ?? throw new InvalidOperationException($"a formula that does not read: {errors.Errors[0].Message}");
    }

    /// <summary>Reads and orders a query's formulas; null with errors at their paths.</summary>
    public static FormulaSet? TryCompile(QuerySpec spec, ErrorList errors)
    {
        var before = errors.Count;
        var calculations = spec.Calculations.Count;
        var formulas = new (int Column, Formula Formula, int[] Reads)[spec.Formulas.Count];
        for (var i = 0; i < formulas.Length; i++)
        {
            var (_, expression) = spec.Formulas[i];
            var path = $"formulas[{i}].expression";
            var (formula, error) = FormulaParser.Parse(expression, name => ResultColumns.OfName(spec, name));
            if (formula is null)
            {
                errors.Add(path, expression, $"the formula {spec.Formulas[i].Name} can't be read: {error}; this query has {Known(spec, i)}");
                continue;
            }

            var reads = new HashSet<int>();
            formula.AddColumns(reads);
            foreach (var column in reads)
            {
                if (column < calculations && spec.Calculations[column].Op == CalculationOp.Heatmap)
                {
                    errors.Add(path, expression, $"{spec.Calculations[column].ResultKey} is a heatmap, which is no number that the formula {spec.Formulas[i].Name} could use");
                }
            }

            formulas[i] = (calculations + i, formula, [.. reads]);
        }

        if (errors.Count > before)
        {
            return null;
        }

        var inOrder = new List<(int, Formula, int[])>();
        var states = new byte[formulas.Length];
        for (var i = 0; i < formulas.Length; i++)
        {
            if (!TryOrder(i, formulas, calculations, states, inOrder))
            {
                errors.Add($"formulas[{i}].expression", spec.Formulas[i].Expression, $"the formula {spec.Formulas[i].Name} uses itself, directly or by way of others");
                return null;
            }
        }

        return new([.. inOrder], calculations);
    }

    /// <summary>
    /// Computes the formulas of a row whose calculations are there. The label says what the inputs allow: exact when all of them are, bounded (by nothing stated)
    /// when all are exact or bounded, else estimated.
    /// </summary>
    public void Complete(AnswerCell[] row, Func<double, Events.FieldValue> number)
    {
        if (_inOrder.Length == 0)
        {
            return;
        }

        var numbers = new double[row.Length];
        for (var column = 0; column < _calculations; column++)
        {
            numbers[column] = row[column].Value.IsNumber ? row[column].Value.AsDouble : double.NaN;
        }

        foreach (var (column, formula, reads) in _inOrder)
        {
            var kind = LabelKind.Exact;
            foreach (var read in reads)
            {
                kind = Worse(kind, row[read].Label.Kind);
            }

            numbers[column] = formula.Evaluate(numbers);
            row[column] = new(number(numbers[column]), null, new(kind));
        }
    }

    private static LabelKind Worse(LabelKind left, LabelKind right) =>
        left is LabelKind.Exact or LabelKind.Bounded && right is LabelKind.Exact or LabelKind.Bounded ? (LabelKind)Math.Max((byte)left, (byte)right) : LabelKind.Estimated;

    private static string Known(QuerySpec spec, int but)
    {
        var keys = new List<string>();
        for (var column = 0; column < ResultColumns.Count(spec); column++)
        {
            if (column != spec.Calculations.Count + but)
            {
                keys.Add(ResultColumns.Key(spec, column));
            }
        }

        return string.Join(", ", keys);
    }

    // States: 0 not seen, 1 being ordered, 2 done.
    private static bool TryOrder(
        int formula, (int Column, Formula Formula, int[] Reads)[] formulas, int calculations, byte[] states, List<(int, Formula, int[])> inOrder)
    {
        if (states[formula] != 0)
        {
            return states[formula] == 2;
        }

        states[formula] = 1;
        foreach (var column in formulas[formula].Reads)
        {
            if (column >= calculations && !TryOrder(column - calculations, formulas, calculations, states, inOrder))
            {
                return false;
            }
        }

        states[formula] = 2;
        inOrder.Add(formulas[formula]);
        return true;
    }
}
