using System.Diagnostics.CodeAnalysis;

namespace StreamObserve.Core.Sampling;

/// <summary>The operators of sampling conditions. Names and meaning as in Refinery.</summary>
public enum SamplingOperator : byte
{
    /// <summary><c>=</c></summary>
    Equal,

    /// <summary><c>!=</c>; false for a missing field.</summary>
    NotEqual,

    /// <summary><c>&gt;</c></summary>
    Greater,

    /// <summary><c>&lt;</c></summary>
    Less,

    /// <summary><c>&gt;=</c></summary>
    GreaterOrEqual,

    /// <summary><c>&lt;=</c></summary>
    LessOrEqual,

    /// <summary><c>starts-with</c>, on the value as text.</summary>
    StartsWith,

    /// <summary><c>contains</c>, on the value as text.</summary>
    Contains,

    /// <summary><c>does-not-contain</c>, on the value as text; true for a missing field.</summary>
    DoesNotContain,

    /// <summary><c>exists</c></summary>
    Exists,

    /// <summary><c>not-exists</c></summary>
    NotExists,

    /// <summary><c>has-root-span</c>, of the trace as a whole; the field is ignored.</summary>
    HasRootSpan,

    /// <summary><c>matches</c>: a regular expression finds something in the value as text. Without backtracking, so in linear time.</summary>
    Matches,

    /// <summary><c>in</c>: the value is one of a list.</summary>
    In,

    /// <summary><c>not-in</c>: not <c>in</c>; true for a missing field.</summary>
    NotIn,
}

/// <summary>The names of <see cref="SamplingOperator"/>.</summary>
public static class SamplingOperators
{
    private static readonly string[] ByOperator =
        ["=", "!=", ">", "<", ">=", "<=", "starts-with", "contains", "does-not-contain", "exists", "not-exists", "has-root-span", "matches", "in", "not-in"];

    /// <summary>All names, in the order of the enumeration.</summary>
    public static IReadOnlyList<string> Names => ByOperator;

    /// <summary>The operator's name.</summary>
    public static string NameOf(SamplingOperator op) => ByOperator[(int)op];

    /// <summary>The operator of a name, exactly as written; false if there is none.</summary>
    public static bool TryParse([NotNullWhen(true)] string? name, out SamplingOperator op)
    {
        var index = Array.IndexOf(ByOperator, name);
        op = index >= 0 ? (SamplingOperator)index : default;
        return index >= 0;
    }
}

/// <summary>The type that a condition converts both sides to before it compares; a row's value that does not convert makes the comparison false.</summary>
public enum SamplingDatatype : byte
{
    /// <summary>None: values of different types are never comparable, but for integers and floats. Lists compare as text.</summary>
    AsIs,

    /// <summary><c>string</c>: as text.</summary>
    String,

    /// <summary><c>int</c>: floats are truncated, text is parsed, truth values do not convert.</summary>
    Int,

    /// <summary><c>float</c>: text is parsed, truth values do not convert.</summary>
    Float,

    /// <summary><c>bool</c>: <c>true t 1 false f 0</c> in any case.</summary>
    Bool,
}
