namespace StreamObserve.Core.Querying.Language;

/// <summary>A query as one line of text (docs/query-language.md). Says the same as the JSON form; reading what was written gives an equal query.</summary>
public static class QueryText
{
    /// <summary>
    /// Reads and checks a query; an empty text is COUNT over the default time. Text that can't be read gives one error, at the first place that doesn't fit, with
    /// what was expected there; text that can be read gives every broken rule. All carry offsets. Never throws on input.
    /// </summary>
    public static Parsed<QuerySpec> Parse(string text, bool withoutSeries = false)
    {
        if (TooLong(text) is { } tooLong)
        {
            return Parsed<QuerySpec>.Failed(tooLong);
        }

        var parser = new QueryTextParser(text);
        if (!parser.TryQuery(out var spec))
        {
            return Parsed<QuerySpec>.Failed(parser.Error!);
        }

        var errors = new ErrorList();
        QueryRules.CheckMembers(spec, withoutSeries, errors);
        QueryRules.CheckReferences(spec, errors);
        return errors.Count == 0 ? Parsed<QuerySpec>.Of(spec) : Parsed<QuerySpec>.Failed([.. errors.Errors.Select(parser.Locate)]);
    }

    /// <summary>The query as text, clauses in the order of the grammar; what is at its default is left out.</summary>
    public static string Format(QuerySpec spec) => QueryTextWriter.Write(spec);

    internal static QueryError? TooLong(string text) => text.Length <= LanguageLimits.TextCharsMax
        ? null
        : new QueryError("text", ErrorList.Cut(text), $"the text may be {LanguageLimits.TextCharsMax} characters long, not {text.Length}");
}

/// <summary>A condition alone as text, as a live tail's filter: <c>error = true AND duration_ms &gt; 100</c>. The same language as behind WHERE.</summary>
public static class ConditionText
{
    /// <summary>Reads a condition; null (every event) when the text is empty. Errors as in <see cref="QueryText.Parse"/>, at the field <c>text</c> or <c>where</c>.</summary>
    public static Parsed<Condition?> Parse(string text)
    {
        if (QueryText.TooLong(text) is { } tooLong)
        {
            return Parsed<Condition?>.Failed(tooLong);
        }

        var parser = new QueryTextParser(text);
        if (!parser.TryCondition(out var condition))
        {
            return Parsed<Condition?>.Failed(parser.Error!);
        }

        var errors = new ErrorList();
        QueryRules.CheckConditions(new QuerySpec { Where = condition }, errors);
        return errors.Count == 0 ? Parsed<Condition?>.Of(condition) : Parsed<Condition?>.Failed(errors.Errors);
    }

    /// <summary>The condition as text; empty for none.</summary>
    public static string Format(Condition? condition) => QueryTextWriter.Write(condition);
}
