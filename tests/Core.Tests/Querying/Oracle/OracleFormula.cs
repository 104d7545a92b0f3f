using System.Globalization;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>A number, null where there is none, and how far off it may be. Off by infinitely much it may be anything, and absent too.</summary>
internal readonly record struct OracleNumber(double? Value, double Error)
{
    public static OracleNumber Absent => new(null, 0);

    public static OracleNumber Anything => new(0, double.PositiveInfinity);
}

/// <summary>
/// A formula, computed while it is read, after the grammar in docs/query-language.md. <paramref name="column"/> gives the number of a calculation or formula by its key, or null when
/// there is none of that key.
/// </summary>
internal sealed class OracleFormula(string text, Func<string, OracleNumber?> column)
{
    private const double Rounding = 1e-15;

    private int _at;

    public OracleNumber Evaluate()
    {
        var value = Sum();
        Assert.Equal('\0', Peek());
        return value;
    }

    private OracleNumber Sum()
    {
        var left = Product();
        while (Peek() is '+' or '-')
        {
            left = Combine(text[_at++], left, Product());
        }

        return left;
    }

    private OracleNumber Product()
    {
        var left = Operand();
        while (Peek() is '*' or '/' or '%')
        {
            left = Combine(text[_at++], left, Operand());
        }

        return left;
    }

    private OracleNumber Operand()
    {
        switch (Peek())
        {
            case '-':
                _at++;
                var positive = Operand();
                return positive with { Value = -positive.Value };
            case '(':
                _at++;
                var inner = Sum();
                Take(')');
                return inner;
            case '`':
                return Column(Quoted());
            case '$':
                _at++;
                return Column(text[_at] == '"' ? Quoted() : Word());
            case '.' or (>= '0' and <= '9'):
                return Number();
        }

        var word = Word();
        if (Peek() != '(')
        {
            return Column(word);
        }

        // P99(duration_ms) where there is such a calculation, else a function.
        var close = text.IndexOf(')', _at);
        if (column($"{word.ToUpperInvariant()}({text[(_at + 1)..close].Trim().Trim('`')})") is { } calculated)
        {
            _at = close + 1;
            return calculated;
        }

        return Call(word.ToUpperInvariant());
    }

    private OracleNumber Call(string function)
    {
        Take('(');
        var arguments = new List<OracleNumber> { Sum() };
        while (Peek() == ',')
        {
            _at++;
            arguments.Add(Sum());
        }

        Take(')');
        return function switch
        {
            "SUM" => arguments.Aggregate((a, b) => Combine('+', a, b)),
            "SUB" => arguments.Aggregate((a, b) => Combine('-', a, b)),
            "MUL" => arguments.Aggregate((a, b) => Combine('*', a, b)),
            "DIV" => arguments.Aggregate((a, b) => Combine('/', a, b)),
            "MOD" => arguments.Aggregate((a, b) => Combine('%', a, b)),
            "MIN" => arguments.Aggregate((a, b) => Combine('<', a, b)),
            "MAX" => arguments.Aggregate((a, b) => Combine('>', a, b)),
            "LOG10" => Log10(arguments[0]),
            "COALESCE" => arguments.Find(a => a.Value is not null),
            _ => throw new ArgumentOutOfRangeException(nameof(function), function, "no such function"),
        };
    }

    /// <summary>Of two numbers that are each off by something, the result is off by as much as it changes at the ends of both.</summary>
    private static OracleNumber Combine(char op, OracleNumber a, OracleNumber b)
    {
        if (a.Value is not { } left || b.Value is not { } right)
        {
            return OracleNumber.Absent;
        }

        var value = Of(left, right);
        if (a.Error + b.Error == 0)
        {
            return double.IsFinite(value) ? new(value, 0) : OracleNumber.Absent;
        }

        double[] lefts = [left - a.Error, left + a.Error], rights = [right - b.Error, right + b.Error];
        if (op is '/' or '%' && rights[0] <= 0 && rights[1] >= 0)
        {
            return OracleNumber.Anything;
        }

        if (op == '%' && lefts.SelectMany(l => rights.Select(r => Math.Truncate(l / r))).Distinct().Count() > 1)
        {
            return OracleNumber.Anything;
        }

        var ends = lefts.SelectMany(l => rights.Select(r => Of(l, r))).Append(value).ToList();
        return ends.All(double.IsFinite)
            ? new(value, ends.Max(end => Math.Abs(end - value)) + (Rounding * (Math.Abs(left) + Math.Abs(right) + Math.Abs(value))))
            : OracleNumber.Anything;

        double Of(double l, double r) => op switch
        {
            '+' => l + r,
            '-' => l - r,
            '*' => l * r,
            '/' => l / r,
            '%' => l % r,
            '<' => Math.Min(l, r),
            _ => Math.Max(l, r),
        };
    }

    private static OracleNumber Log10(OracleNumber of)
    {
        if (of.Value is not { } value || value + of.Error <= 0)
        {
            return OracleNumber.Absent;
        }

        var logarithm = Math.Log10(value);
        return value - of.Error <= 0 || double.IsPositiveInfinity(of.Error) ? OracleNumber.Anything : new(logarithm, of.Error == 0 ? 0 : Rounding + logarithm - Math.Log10(value - of.Error));
    }

    private OracleNumber Column(string key) => column(key) ?? throw new ArgumentOutOfRangeException(nameof(key), key, "no such column");

    private OracleNumber Number()
    {
        var start = _at;
        while (_at < text.Length && (char.IsAsciiDigit(text[_at]) || text[_at] is '.' or 'e' or 'E' || (text[_at] is '+' or '-' && text[_at - 1] is 'e' or 'E')))
        {
            _at++;
        }

        return new(double.Parse(text.AsSpan(start, _at - start), NumberStyles.Float, CultureInfo.InvariantCulture), 0);
    }

    private string Quoted()
    {
        var end = text.IndexOf(text[_at], _at + 1);
        var name = text[(_at + 1)..end];
        _at = end + 1;
        return name;
    }

    private string Word()
    {
        var start = _at;
        while (_at < text.Length && (char.IsLetterOrDigit(text[_at]) || text[_at] is '_' or '.' or ':' or '@'))
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

    private void Take(char c)
    {
        Assert.Equal(c, Peek());
        _at++;
    }
}
