namespace StreamObserve.Core.Querying.Formulas;

/// <summary>
/// Arithmetic over the numbers of a result row. A number that is absent is NaN, and so is what can't be computed: a division by zero, a logarithm of what is not
/// positive, a result past the range of a float. NaN goes through everything but COALESCE. Immutable.
/// </summary>
internal abstract record Formula
{
    private Formula() { }

    /// <summary>The value for a row's numbers, by column.</summary>
    public abstract double Evaluate(ReadOnlySpan<double> row);

    /// <summary>Adds the columns that it reads.</summary>
    public abstract void AddColumns(ICollection<int> to);

    private static double Finite(double value) => double.IsFinite(value) ? value : double.NaN;

    public sealed record Number(double Value) : Formula
    {
        public override double Evaluate(ReadOnlySpan<double> row) => Value;

        public override void AddColumns(ICollection<int> to) { }
    }

    public sealed record Column(int Index) : Formula
    {
        public override double Evaluate(ReadOnlySpan<double> row) => row[Index];

        public override void AddColumns(ICollection<int> to) => to.Add(Index);
    }

    public sealed record Negative(Formula Of) : Formula
    {
        public override double Evaluate(ReadOnlySpan<double> row) => -Of.Evaluate(row);

        public override void AddColumns(ICollection<int> to) => Of.AddColumns(to);
    }

    public sealed record Binary(char Operator, Formula Left, Formula Right) : Formula
    {
        public override double Evaluate(ReadOnlySpan<double> row)
        {
            double left = Left.Evaluate(row), right = Right.Evaluate(row);
            return Finite(Operator switch { '+' => left + right, '-' => left - right, '*' => left * right, '/' => left / right, _ => left % right });
        }

        public override void AddColumns(ICollection<int> to)
        {
            Left.AddColumns(to);
            Right.AddColumns(to);
        }
    }

    public sealed record Call(FormulaFunction Function, IReadOnlyList<Formula> Arguments) : Formula
    {
        public override double Evaluate(ReadOnlySpan<double> row)
        {
            var value = Arguments[0].Evaluate(row);
            if (Function == FormulaFunction.Log10)
            {
                return Finite(Math.Log10(value));
            }

            for (var i = 1; i < Arguments.Count; i++)
            {
                if (Function == FormulaFunction.Coalesce)
                {
                    value = double.IsNaN(value) ? Arguments[i].Evaluate(row) : value;
                    continue;
                }

                var next = Arguments[i].Evaluate(row);
                value = Finite(Function switch
                {
                    FormulaFunction.Sum => value + next,
                    FormulaFunction.Sub => value - next,
                    FormulaFunction.Mul => value * next,
                    FormulaFunction.Div => value / next,
                    FormulaFunction.Mod => value % next,
                    FormulaFunction.Min => Math.Min(value, next),
                    _ => Math.Max(value, next),
                });
            }

            return value;
        }

        public override void AddColumns(ICollection<int> to)
        {
            foreach (var argument in Arguments)
            {
                argument.AddColumns(to);
            }
        }
    }
}

/// <summary>What a formula can call; each has the name of a calculated field's function and does the same with numbers that are there.</summary>
internal enum FormulaFunction : byte
{
    Sum,
    Sub,
    Mul,
    Div,
    Mod,
    Min,
    Max,
    Log10,
    Coalesce,
}

/// <summary>How many arguments the functions take.</summary>
internal static class FormulaFunctions
{
    public const string List = "SUM SUB MUL DIV MOD MIN MAX LOG10 COALESCE";

    public static (int Min, int Max) Arguments(this FormulaFunction function) => function switch
    {
        FormulaFunction.Log10 => (1, 1),
        FormulaFunction.Sub or FormulaFunction.Div or FormulaFunction.Mod => (2, 2),
        _ => (1, int.MaxValue),
    };
}
