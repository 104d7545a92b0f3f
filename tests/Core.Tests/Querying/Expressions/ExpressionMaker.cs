using StreamObserve.Core.Querying;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Expressions;

/// <summary>Expressions at random, from a seed, over the fields of <see cref="EventMaker"/>: every function, operators, fields used before.</summary>
internal sealed class ExpressionMaker(int seed)
{
    private static readonly string[] Functions =
    [
        "IF", "SWITCH", "COALESCE", "LT", "LTE", "GT", "GTE", "EQUALS", "IN", "EXISTS", "NOT", "AND", "OR", "MIN", "MAX", "SUM", "SUB", "MUL", "DIV", "MOD", "LOG10", "BUCKET",
        "INT", "FLOAT", "BOOL", "STRING", "CONCAT", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "TO_LOWER", "LENGTH", "REG_MATCH", "REG_VALUE", "REG_COUNT", "UNIX_TIMESTAMP",
        "EVENT_TIMESTAMP", "FORMAT_TIME", "infix",
    ];

    private readonly Random _random = new(seed);
    private int _fields;

    /// <summary>Fields f0, f1… of which each may use those before.</summary>
    public List<NamedExpression> Fields(int count)
    {
        var fields = new List<NamedExpression>();
        for (_fields = 0; _fields < count; _fields++)
        {
            fields.Add(new($"f{_fields}", Expression(4)));
        }

        return fields;
    }

    private string Expression(int depth)
    {
        if (depth == 0 || _random.Next(6) == 0)
        {
            return Leaf();
        }

        var function = Functions[_random.Next(Functions.Length)];
        return function switch
        {
            "infix" => $"({Expression(depth - 1)} {Operator()} {Expression(depth - 1)})",
            "EVENT_TIMESTAMP" => "EVENT_TIMESTAMP()",
            "REG_MATCH" or "REG_VALUE" or "REG_COUNT" => $"{function}({Expression(depth - 1)}, `{((string[])["[a-z]+", "(\\d)(\\d*)", "^$", "e|c", "(x)?t"])[_random.Next(5)]}`)",
            "FORMAT_TIME" => $"FORMAT_TIME('%F %T %a', {Expression(depth - 1)})",
            "BUCKET" => $"BUCKET({Expression(depth - 1)}{((string[])[", 10", ", 0.1, 0", ", 100, -200, 500"])[_random.Next(3)]})",
            "LENGTH" => $"LENGTH({Expression(depth - 1)}{((string[])["", ", 'bytes'", ", 'chars'"])[_random.Next(3)]})",
            "IF" or "SWITCH" => Call(function, _random.Next(3, 6), depth),
            "COALESCE" or "AND" or "OR" or "MIN" or "MAX" or "SUM" or "MUL" or "CONCAT" => Call(function, _random.Next(1, 4), depth),
            "IN" => Call(function, _random.Next(2, 5), depth),
            "EXISTS" or "NOT" or "LOG10" or "INT" or "FLOAT" or "BOOL" or "STRING" or "TO_LOWER" or "UNIX_TIMESTAMP" => Call(function, 1, depth),
            _ => Call(function, 2, depth),
        };
    }

    private string Call(string function, int arguments, int depth) => $"{function}({string.Join(", ", Enumerable.Range(0, arguments).Select(_ => Expression(depth - 1)))})";

    private string Operator() => ((string[])["+", "-", "*", "/", "%", "=", "!=", "<", "<=", ">", ">=", "AND", "OR"])[_random.Next(13)];

    private string Leaf() => _random.Next(8) switch
    {
        0 when _fields > 0 => $"f{_random.Next(_fields)}",
        0 or 1 => ((string[])["0", "1", "-2.5", "500", "9007199254740993", "1e300", "true", "false", "null"])[_random.Next(9)],
        2 => ((string[])["'GET'", "''", "'3'", "'true'", "'2026-01-01T00:00:00.5Z'", "'naïve'"])[_random.Next(6)],
        _ => _random.Next(20) == 0 ? "$nowhere" : $"${TextOf(EventMaker.Fields[_random.Next(EventMaker.Fields.Length)])}",
    };

    private static string TextOf(string name) => $"\"{name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"";
}
