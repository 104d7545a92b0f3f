namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Bounds of calculated fields.</summary>
public static class ExpressionLimits
{
    /// <summary>Longest expression in UTF-16 code units. Past it: refused.</summary>
    public const int TextCharsMax = 16_384;

    /// <summary>Deepest nesting of calls, brackets and prefix operators: the parser and the evaluator recurse. Past it: refused.</summary>
    public const int DepthMax = 64;

    /// <summary>Most functions, operators, fields and constants in all expressions of a query: each is a pass over the rows, and a chain of operators a stack as deep. Past it: refused.</summary>
    public const int NodesMax = 2_000;

    /// <summary>Longest regular expression in UTF-16 code units. Past it: refused.</summary>
    public const int PatternCharsMax = 1_000;

    /// <summary>
    /// Largest regular expression with its counted repeats written out, in symbols: what matching one character may cost at worst. Past it: refused.
    /// </summary>
    public const int PatternSymbolsMax = 10_000;

    /// <summary>UTF-8 bytes of one text that an expression makes. Past it the text is cut at a character's edge, as stored text is.</summary>
    public const int TextBytesMax = Limits.StringBytesMax;

    /// <summary>
    /// UTF-8 bytes of the distinct texts that one function makes over one segment (a block or a batch). Past it the query is refused, naming what to narrow.
    /// </summary>
    public const int SegmentTextBytesMax = 256 << 20;
}
