using System.Globalization;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Querying.Formulas;

/// <summary>
/// Reads a formula by recursive descent: numbers, columns of the answer, <c>+ - * / %</c>, brackets, functions. A column is its key: bare where it reads as a word
/// (<c>errors</c>, <c>COUNT</c>) or a calculation (<c>P99(duration_ms)</c>), else <c>$name</c>, <c>$"any name"</c> or <c>`any name`</c>.
/// </summary>
internal sealed class FormulaParser(string text, Func<string, int> columnOf)
{
    private int _at;
    private int _depth;
    private string? _error;

    /// <summary>The formula, or why there is none.</summary>
    public static (Formula? Formula, string? Error) Parse(string text, Func<string, int> columnOf)
    {
        var parser = new FormulaParser(text, columnOf);
        var formula = parser.Sum();
        if (formula is not null && parser.Peek() != '\0')
        {
            formula = parser.Fail("an operator (+ - * / %) or the end");
        }

        return (formula, parser._error);
    }

    private Formula? Sum()
    {
        var left = Product();
        while (left is not null && Peek() is '+' or '-')
        {
            var op = text[_at++];
            left = Product() is { } right ? new Formula.Binary(op, left!, right) : null;
        }

        return left;
    }

    private Formula? Product()
    {
        var left = Operand();
        while (left is not null && Peek() is '*' or '/' or '%')
        {
            var op = text[_at++];
            left = Operand() is { } right ? new Formula.Binary(op, left!, right) : null;
        }

        return left;
    }

    private Formula? Operand()
    {
        if (++_depth > LanguageLimits.FormulaDepthMax)
        {
            _error ??= $"a formula may be {LanguageLimits.FormulaDepthMax} brackets deep";
            return null;
        }

        var operand = Peek() switch
        {
            '-' => Negative(),
            '(' => Brackets(),
            '$' or '`' => Quoted(),
            >= '0' and <= '9' or '.' => Number(),
            var c when TextTokenizer.StartsWord(c) => Word(),
            _ => Fail("a number, a calculation's name, a function or ("),
        };
        _depth--;
        return operand;
    }

    private Formula? Negative()
    {
        _at++;
        return Operand() is { } of ? new Formula.Negative(of) : null;
    }

    private Formula? Brackets()
    {
        _at++;
        var inner = Sum();
        return inner is null || Take(')') ? inner : Fail(") or an operator (+ - * / %)");
    }

    private Formula? Number()
    {
        var start = _at;
        while (_at < text.Length && (char.IsAsciiDigit(text[_at]) || text[_at] is '.' or 'e' or 'E' || (text[_at] is '+' or '-' && text[_at - 1] is 'e' or 'E')))
        {
            _at++;
        }

        const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (double.TryParse(text.AsSpan(start, _at - start), Style, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number))
        {
            return new Formula.Number(number);
        }

        _at = start;
        return Fail("a number");
    }

    private Formula? Quoted()
    {
        var start = _at;
        var backtick = text[_at] == '`';
        _at++;
        if (!backtick && _at < text.Length && text[_at] != '"')
        {
            return Column(TakeName(), start);
        }

        _at += backtick ? 0 : 1;
        var end = _at < text.Length ? text.IndexOf(backtick ? '`' : '"', _at) : -1;
        if (end < 0)
        {
            _at = start;
            return Fail(backtick ? "a name in backticks" : "a name behind $, as in $errors or $\"any name\"");
        }

        var name = text[_at..end];
        _at = end + 1;
        return Column(name, start);
    }

    private Formula? Word()
    {
        var start = _at;
        var word = TakeName();
        if (Peek() != '(')
        {
            return Column(word, start);
        }

        // P99(duration_ms): a column of the answer comes before a function of that name.
        var close = text.IndexOf(')', _at);
        if (close >= 0 && OperatorNames.TryParse(word, out CalculationOp op) && op.TakesColumn()
            && columnOf($"{op.Name()}({text[(_at + 1)..close].Trim().Trim('`')})") is >= 0 and var calculated)
        {
            _at = close + 1;
            return new Formula.Column(calculated);
        }

        if (!char.IsAsciiLetter(word[0]) || !Enum.TryParse<FormulaFunction>(word, true, out var function))
        {
            _at = start;
            return Fail($"a calculation of this query or a function ({FormulaFunctions.List})");
        }

        return Call(function, word.ToUpperInvariant());
    }

    private Formula? Call(FormulaFunction function, string name)
    {
        _at++;
        var arguments = new List<Formula>();
        do
        {
            if (Sum() is not { } argument)
            {
                return null;
            }

            arguments.Add(argument);
        }
        while (Take(','));

        if (!Take(')'))
        {
            return Fail($"a comma or ) in {name}(");
        }

        var (min, max) = function.Arguments();
        if (arguments.Count >= min && arguments.Count <= max)
        {
            return new Formula.Call(function, arguments);
        }

        _error ??= string.Create(CultureInfo.InvariantCulture, $"{name} takes {min} {(min == 1 ? "argument" : "arguments")}, not {arguments.Count}");
        return null;
    }

    private Formula? Column(string name, int start)
    {
        if (columnOf(name) is >= 0 and var column)
        {
            return new Formula.Column(column);
        }

        _at = start;
        _error ??= $"no calculation or formula is called {ErrorList.Cut(name)}";
        return null;
    }

    // Letters, digits, _ . : @ - but no signs that calculate.
    private string TakeName()
    {
        var start = _at;
        while (_at < text.Length && TextTokenizer.ContinuesWord(text[_at]) && text[_at] is not ('-' or '/'))
        {
            _at++;
        }

        return text[start.._at];
    }

    private char Peek()
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at]))
        {
            _at++;
        }

        return _at < text.Length ? text[_at] : '\0';
    }

    private bool Take(char c)
    {
        if (Peek() != c)
        {
            return false;
        }

        _at++;
        return true;
    }

    private Formula? Fail(string expected)
    {
        var found = Peek() == '\0' && _at >= text.Length ? "the end" : $"\"{ErrorList.Cut(text[_at..])}\"";
        _error ??= $"expected {expected}, found {found}";
        return null;
    }
}
