namespace StreamObserve.Core.Querying.Language;

/// <summary>Bounds of the two written forms of a query; those of the query itself are in <see cref="QueryLimits"/>.</summary>
public static class LanguageLimits
{
    /// <summary>Longest text form, in UTF-16 code units: far past what a person writes. Past it: refused.</summary>
    public const int TextCharsMax = 65_536;

    /// <summary>
    /// Deepest condition, counting comparisons as 1: two JSON levels for each fit the JSON reader's own depth of 64 with room for what a query is
    /// wrapped in, and readers can recurse. Past it: refused.
    /// </summary>
    public const int ConditionDepthMax = 20;

    /// <summary>Most orders, havings, calculated fields and formulas, each. Past it: refused.</summary>
    public const int ClauseItemsMax = 100;

    /// <summary>Deepest formula, counting brackets, functions and signs. Past it: refused.</summary>
    public const int FormulaDepthMax = 50;

    /// <summary>Longest time range in seconds, a hundred years: adding one to any time can't overflow silently. Past it: refused.</summary>
    public const long TimeRangeMaxSeconds = 3_155_760_000;

    /// <summary>Most errors reported for one query. Further ones are left out.</summary>
    public const int ErrorsMax = 100;

    /// <summary>Most characters of an offending value that an error repeats. Past it: cut, ending in an ellipsis.</summary>
    public const int ErrorValueCharsMax = 80;
}
