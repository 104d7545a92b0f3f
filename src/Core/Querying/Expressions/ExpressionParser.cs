using System.Globalization;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>
/// Reads one expression by precedence: OR, then AND, then NOT, then comparisons, then + -, then * / %, then unary - and !. The first thing that doesn't fit is the
/// error, with what was expected there.
/// </summary>
internal sealed class ExpressionParser
{
    private readonly ExpressionTokenizer _tokenizer;
    private readonly IExpressionScope _scope;
    private ExpressionToken _current;
    private int _depth;
    private int _nodes;

    private ExpressionParser(string text, IExpressionScope scope)
    {
        _tokenizer = new(text);
        _scope = scope;
        _current = _tokenizer.Next();
    }

    /// <summary>What is wrong, without the field's name in front; null = nothing.</summary>
    public string? Error { get; private set; }

    /// <summary>Reads all of a text; null with a message when it can't be. <paramref name="nodes"/> counts down what the query may still have.</summary>
    public static Expression? Parse(string text, IExpressionScope scope, ref int nodes, out string error)
    {
        if (text.Length > ExpressionLimits.TextCharsMax)
        {
            error = $"an expression may be {ExpressionLimits.TextCharsMax} characters long, not {text.Length}";
            return null;
        }

        var parser = new ExpressionParser(text, scope) { _nodes = nodes };
        var expression = parser.Or();
        if (expression is not null && parser._current.Kind != ExpressionTokenKind.End)
        {
            expression = parser.Expected("an operator or the end");
        }

        nodes = parser._nodes;
        error = parser.Error ?? "";
        return expression;
    }

    private Expression? Or()
    {
        if (++_depth > ExpressionLimits.DepthMax)
        {
            return Fail($"an expression may be {ExpressionLimits.DepthMax} levels deep, and this one is deeper", _current.At);
        }

        var left = And();
        while (left is not null && (_current.IsWord("OR") || _current.Is("||")))
        {
            var at = Take().At;
            left = And() is { } right ? Make(ExpressionFunction.Or, at, left, right) : null;
        }

        _depth--;
        return left;
    }

    private Expression? And()
    {
        var left = Not();
        while (left is not null && (_current.IsWord("AND") || _current.Is("&&")))
        {
            var at = Take().At;
            left = Not() is { } right ? Make(ExpressionFunction.And, at, left, right) : null;
        }

        return left;
    }

    private Expression? Not()
    {
        if (!_current.IsWord("NOT"))
        {
            return Comparison();
        }

        // NOT(a) is the function, NOT a = b the operator over all of a = b: both mean the same, but NOT(a) = b compares.
        var at = Take();
        if (_current.Is("("))
        {
            return Call(at) is { } called ? ComparisonAfter(SumAfter(ProductAfter(called))) : null;
        }

        if (++_depth > ExpressionLimits.DepthMax)
        {
            return Fail($"an expression may be {ExpressionLimits.DepthMax} levels deep, and this one is deeper", _current.At);
        }

        var operand = Not();
        _depth--;
        return operand is null ? null : Make(ExpressionFunction.Not, at.At, operand);
    }

    private Expression? Comparison() => ComparisonAfter(Sum());

    private Expression? ComparisonAfter(Expression? left)
    {
        if (left is null || _current.Kind != ExpressionTokenKind.Symbol)
        {
            return left;
        }

        ExpressionFunction? function = _current.Text switch
        {
            "=" or "==" => ExpressionFunction.Equals,
            "!=" => ExpressionFunction.NotEquals,
            "<" => ExpressionFunction.Lt,
            "<=" => ExpressionFunction.Lte,
            ">" => ExpressionFunction.Gt,
            ">=" => ExpressionFunction.Gte,
            _ => null,
        };
        if (function is null)
        {
            return left;
        }

        var at = Take().At;
        return Sum() is { } right ? Make(function.Value, at, left, right) : null;
    }

    private Expression? Sum() => SumAfter(Product());

    private Expression? SumAfter(Expression? left)
    {
        while (left is not null && (_current.Is("+") || _current.Is("-")))
        {
            var op = Take();
            left = Product() is { } right ? Make(op.Text == "+" ? ExpressionFunction.Sum : ExpressionFunction.Sub, op.At, left, right) : null;
        }

        return left;
    }

    private Expression? Product() => ProductAfter(Unary());

    private Expression? ProductAfter(Expression? left)
    {
        while (left is not null && (_current.Is("*") || _current.Is("/") || _current.Is("%")))
        {
            var op = Take();
            var function = op.Text switch { "*" => ExpressionFunction.Mul, "/" => ExpressionFunction.Div, _ => ExpressionFunction.Mod };
            left = Unary() is { } right ? Make(function, op.At, left, right) : null;
        }

        return left;
    }

    private Expression? Unary()
    {
        if (!_current.Is("-") && !_current.Is("!"))
        {
            return Primary();
        }

        var op = Take();
        if (op.Text == "-" && _current.Kind == ExpressionTokenKind.Number)
        {
            return Number(Take(), "-");
        }

        if (++_depth > ExpressionLimits.DepthMax)
        {
            return Fail($"an expression may be {ExpressionLimits.DepthMax} levels deep, and this one is deeper", _current.At);
        }

        var operand = Unary();
        _depth--;
        return operand is null ? null
            : op.Text == "!" ? Make(ExpressionFunction.Not, op.At, operand)
            : Make(ExpressionFunction.Sub, op.At, new Expression.Constant(ValueVector.Of(FieldValue.Of(0L))), operand);
    }

    private Expression? Primary()
    {
        var token = _current;
        switch (token.Kind)
        {
            case ExpressionTokenKind.Number:
                return Number(Take(), "");
            case ExpressionTokenKind.Text:
                return Constant(Take(), FieldValue.Of(token.Text));
            case ExpressionTokenKind.Field:
                return Field(Take());
            case ExpressionTokenKind.Symbol when token.Is("("):
                Take();
                return Or() is { } inner ? Close(inner, token) : null;
            case ExpressionTokenKind.Word:
                Take();
                if (_current.Is("("))
                {
                    return Call(token);
                }

                return token.Text.ToUpperInvariant() switch
                {
                    "TRUE" => Constant(token, FieldValue.Of(true)),
                    "FALSE" => Constant(token, FieldValue.Of(false)),
                    "NULL" => Constant(token, FieldValue.Absent),
                    "AND" or "OR" or "NOT" => ExpectedInsteadOf("a value", token),
                    _ => Field(token),
                };
            default:
                return Expected("a value: a field, a function, a number, text, true, false or null");
        }
    }

    private Expression? Close(Expression inner, ExpressionToken open)
    {
        if (!_current.Is(")"))
        {
            return Expected($"an operator, or ) for the ( at {open.At}");
        }

        Take();
        return inner;
    }

    private Expression? Call(ExpressionToken name)
    {
        if (ExpressionFunctions.Find(name.Text) is not { } info)
        {
            return Fail(Explain(name.Text), name.At);
        }

        Take();
        var arguments = new List<Expression>();
        while (!_current.Is(")"))
        {
            if (Or() is not { } argument)
            {
                return null;
            }

            arguments.Add(argument);
            if (_current.Is(","))
            {
                Take();
            }
            else if (!_current.Is(")"))
            {
                return Expected($", or ) after an argument of {info.Name}");
            }
        }

        Take();
        if (arguments.Count < info.ArgumentsMin || arguments.Count > info.ArgumentsMax)
        {
            return Fail($"{info.Usage} takes {Count(info)}, not {arguments.Count}", name.At);
        }

        return Make(info.Function, name.At, [.. arguments]);
    }

    private static string Explain(string name)
    {
        var known = string.Join(' ', ExpressionFunctions.All.Select(info => info.Name));
        return $"there is no function {name}; there are {known}";
    }

    private static string Count(FunctionInfo info) =>
        info.ArgumentsMin == info.ArgumentsMax ? info.ArgumentsMin switch { 0 => "no arguments", 1 => "one argument", var n => $"{n} arguments" }
        : info.ArgumentsMax == int.MaxValue ? $"{info.ArgumentsMin} arguments or more"
        : $"{info.ArgumentsMin} to {info.ArgumentsMax} arguments";

    private Expression? Make(ExpressionFunction function, int at, params Expression[] arguments)
    {
        if (--_nodes < 0)
        {
            return Fail($"the expressions of a query may have {ExpressionLimits.NodesMax} functions and values together", at);
        }

        var made = ExpressionChecks.Prepare(new(function, arguments), out var error);
        return made ?? Fail(error, at);
    }

    private Expression? Field(ExpressionToken token)
    {
        if (--_nodes < 0)
        {
            return Fail($"the expressions of a query may have {ExpressionLimits.NodesMax} functions and values together", token.At);
        }

        var field = _scope.Find(token.Text, out var error);
        return field ?? Fail(error, token.At);
    }

    private Expression? Number(ExpressionToken token, string sign)
    {
        var text = sign + token.Text;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
        {
            return Constant(token, FieldValue.Of(integer));
        }

        var number = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsFinite(number) ? Constant(token, FieldValue.Of(number)) : Fail($"the number {text} is too large", token.At);
    }

    private Expression? Constant(ExpressionToken token, FieldValue value) => --_nodes >= 0
        ? new Expression.Constant(ValueVector.Of(value))
        : Fail($"the expressions of a query may have {ExpressionLimits.NodesMax} functions and values together", token.At);

    private ExpressionToken Take()
    {
        var taken = _current;
        _current = _tokenizer.Next();
        return taken;
    }

    private Expression? Expected(string what) => ExpectedInsteadOf(what, _current);

    private Expression? ExpectedInsteadOf(string what, ExpressionToken found) =>
        found.Kind == ExpressionTokenKind.Bad ? Fail(found.Text, found.At) : Fail($"expected {what}, found {found}", found.At);

    private Expression? Fail(string message, int at)
    {
        Error ??= string.Create(CultureInfo.InvariantCulture, $"{message} at {at} of the expression");
        return null;
    }
}

/// <summary>What a name means within an expression.</summary>
internal interface IExpressionScope
{
    /// <summary>The field of this name, or null with the reason why there is none.</summary>
    Expression? Find(string name, out string error);
}
