using System.Collections.Frozen;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>The functions of calculated fields; infix operators are functions too.</summary>
internal enum ExpressionFunction : byte
{
    If, Switch, Coalesce,
    Lt, Lte, Gt, Gte, Equals, NotEquals, In, Exists,
    Not, And, Or,
    Min, Max, Sum, Sub, Mul, Div, Mod, Log10, Bucket,
    Int, Float, Bool, String,
    Concat, StartsWith, EndsWith, Contains, ToLower, Length,
    RegMatch, RegValue, RegCount,
    UnixTimestamp, EventTimestamp, IngestTimestamp, FormatTime,
}

/// <summary>A function's name, how many arguments it takes and how it is written.</summary>
internal sealed record FunctionInfo(ExpressionFunction Function, string Name, int ArgumentsMin, int ArgumentsMax, string Usage);

/// <summary>All functions that can be called by name.</summary>
internal static class ExpressionFunctions
{
    private const int Many = int.MaxValue;

    public static readonly IReadOnlyList<FunctionInfo> All =
    [
        new(ExpressionFunction.If, "IF", 2, Many, "IF(condition, value, …, else)"),
        new(ExpressionFunction.Switch, "SWITCH", 3, Many, "SWITCH(expression, case, value, …, default)"),
        new(ExpressionFunction.Coalesce, "COALESCE", 1, Many, "COALESCE(value, …)"),
        new(ExpressionFunction.Lt, "LT", 2, 2, "LT(left, right)"),
        new(ExpressionFunction.Lte, "LTE", 2, 2, "LTE(left, right)"),
        new(ExpressionFunction.Gt, "GT", 2, 2, "GT(left, right)"),
        new(ExpressionFunction.Gte, "GTE", 2, 2, "GTE(left, right)"),
        new(ExpressionFunction.Equals, "EQUALS", 2, 2, "EQUALS(left, right)"),
        new(ExpressionFunction.In, "IN", 2, Many, "IN(value, candidate, …)"),
        new(ExpressionFunction.Exists, "EXISTS", 1, 1, "EXISTS(value)"),
        new(ExpressionFunction.Not, "NOT", 1, 1, "NOT(value)"),
        new(ExpressionFunction.And, "AND", 1, Many, "AND(value, …)"),
        new(ExpressionFunction.Or, "OR", 1, Many, "OR(value, …)"),
        new(ExpressionFunction.Min, "MIN", 1, Many, "MIN(value, …)"),
        new(ExpressionFunction.Max, "MAX", 1, Many, "MAX(value, …)"),
        new(ExpressionFunction.Sum, "SUM", 1, Many, "SUM(number, …)"),
        new(ExpressionFunction.Sub, "SUB", 2, 2, "SUB(number, number)"),
        new(ExpressionFunction.Mul, "MUL", 1, Many, "MUL(number, …)"),
        new(ExpressionFunction.Div, "DIV", 2, 2, "DIV(number, number)"),
        new(ExpressionFunction.Mod, "MOD", 2, 2, "MOD(number, number)"),
        new(ExpressionFunction.Log10, "LOG10", 1, 1, "LOG10(number)"),
        new(ExpressionFunction.Bucket, "BUCKET", 2, 4, "BUCKET(number, size, min, max)"),
        new(ExpressionFunction.Int, "INT", 1, 1, "INT(value)"),
        new(ExpressionFunction.Float, "FLOAT", 1, 1, "FLOAT(value)"),
        new(ExpressionFunction.Bool, "BOOL", 1, 1, "BOOL(value)"),
        new(ExpressionFunction.String, "STRING", 1, 1, "STRING(value)"),
        new(ExpressionFunction.Concat, "CONCAT", 1, Many, "CONCAT(value, …)"),
        new(ExpressionFunction.StartsWith, "STARTS_WITH", 2, 2, "STARTS_WITH(text, prefix)"),
        new(ExpressionFunction.EndsWith, "ENDS_WITH", 2, 2, "ENDS_WITH(text, suffix)"),
        new(ExpressionFunction.Contains, "CONTAINS", 2, 2, "CONTAINS(text, part)"),
        new(ExpressionFunction.ToLower, "TO_LOWER", 1, 1, "TO_LOWER(text)"),
        new(ExpressionFunction.Length, "LENGTH", 1, 2, "LENGTH(text, \"chars\" or \"bytes\")"),
        new(ExpressionFunction.RegMatch, "REG_MATCH", 2, 2, "REG_MATCH(text, `pattern`)"),
        new(ExpressionFunction.RegValue, "REG_VALUE", 2, 2, "REG_VALUE(text, `pattern`)"),
        new(ExpressionFunction.RegCount, "REG_COUNT", 2, 2, "REG_COUNT(text, `pattern`)"),
        new(ExpressionFunction.UnixTimestamp, "UNIX_TIMESTAMP", 1, 1, "UNIX_TIMESTAMP(text)"),
        new(ExpressionFunction.EventTimestamp, "EVENT_TIMESTAMP", 0, 0, "EVENT_TIMESTAMP()"),
        new(ExpressionFunction.IngestTimestamp, "INGEST_TIMESTAMP", 0, 0, "INGEST_TIMESTAMP()"),
        new(ExpressionFunction.FormatTime, "FORMAT_TIME", 2, 2, "FORMAT_TIME(\"%Y-%m-%d\", seconds)"),
    ];

    private static readonly FrozenDictionary<string, FunctionInfo> ByName = All.ToFrozenDictionary(info => info.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>The function of a name in any case, or null.</summary>
    public static FunctionInfo? Find(string name) => ByName.GetValueOrDefault(name);
}
