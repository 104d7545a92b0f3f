using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>Formulas at random over the calculations of a question: every operator and function, each way to write a key, formulas of formulas in any order.</summary>
internal sealed class RandomFormulas(Random random)
{
    public List<NamedExpression> Over(IReadOnlyList<Calculation> calculations, int count)
    {
        var keys = calculations.Where(c => c.Op != CalculationOp.Heatmap).Select(c => c.ResultKey).ToList();
        var formulas = new List<NamedExpression>();
        while (formulas.Count < count)
        {
            formulas.Add(new($"m{formulas.Count}", Formula(keys, 3)));
            keys.Add(formulas[^1].Name);
        }

        if (random.Next(2) == 0)
        {
            formulas.Reverse();
        }

        return formulas;
    }

    private string Formula(List<string> keys, int depth)
    {
        if (depth == 0 || random.Next(4) == 0)
        {
            return keys.Count == 0 || random.Next(4) == 0 ? ((string[])["0", "1", "2.5", "1e3", ".5", "100"])[random.Next(6)] : Key(keys[random.Next(keys.Count)]);
        }

        string left = Formula(keys, depth - 1), right = Formula(keys, depth - 1);
        return random.Next(11) switch
        {
            0 => $"-{left}",
            1 => $"({left})",
            2 => $"LOG10({left})",
            3 => $"COALESCE({left}, {right}, 1)",
            4 => $"{((string[])["SUM", "mul", "MIN", "MAX"])[random.Next(4)]}({left}, {right}, {Formula(keys, depth - 1)})",
            5 => $"{((string[])["SUB", "DIV", "MOD"])[random.Next(3)]}({left},{right})",
            _ => $"{left} {"+-*/%"[random.Next(5)]} {right}",
        };
    }

    private string Key(string key) => random.Next(3) switch { 0 => $"`{key}`", 1 => $"$\"{key}\"", _ => key };
}
