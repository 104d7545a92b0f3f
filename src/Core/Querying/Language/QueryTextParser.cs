using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Language;

/// <summary>
/// Reads the text form by recursive descent. Each method either reads its piece and returns true, or records the one syntax error and returns false;
/// nothing is read after that. Where each member began is kept, so that what the rules find later can be located as well.
/// </summary>
internal sealed class QueryTextParser(string text)
{
    private const string ClauseList = "WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, SINCE, UNTIL, LAST, EVERY, COMPARE, DEFINE, FORMULA, UNWEIGHTED";

    private readonly List<TextToken> _tokens = TextTokenizer.Split(text);
    private readonly Dictionary<string, int> _offsets = new(StringComparer.Ordinal);
    private int _at;
    private int _depth;

    /// <summary>The syntax error, once there is one.</summary>
    public QueryError? Error { get; private set; }

    private TextToken Current => _tokens[_at];

    /// <summary>Reads a whole query.</summary>
    public bool TryQuery(out QuerySpec spec)
    {
        spec = new QuerySpec();
        var expected = "a calculation or a clause";
        while (Current.Kind != TokenKind.End)
        {
            if (!TryClause(ref spec, ref expected))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads a condition alone; none when the text is empty.</summary>
    public bool TryCondition(out Condition? condition)
    {
        condition = null;
        if (Current.Kind == TokenKind.End)
        {
            return true;
        }

        return TryOr("", out condition) && (Current.Kind == TokenKind.End || Expected("AND or OR"));
    }

    /// <summary>The same error with its place in the text, as far as known.</summary>
    public QueryError Locate(QueryError error)
    {
        var path = error.Field;
        while (path.Length > 0)
        {
            if (_offsets.TryGetValue(path, out var offset))
            {
                return error with { Offset = offset, Message = string.Create(CultureInfo.InvariantCulture, $"{error.Message}, at {offset}") };
            }

            path = path[..Math.Max(0, path.LastIndexOfAny(['.', '[']))];
        }

        return error;
    }

    // `expected` is what may stand here besides a clause, for the error.
    private bool TryClause(ref QuerySpec spec, ref string expected)
    {
        var start = Current;
        if (start.Kind != TokenKind.Word)
        {
            return Expected($"{expected} ({ClauseList})");
        }

        switch (start.Text.ToUpperInvariant())
        {
            case "WHERE":
                expected = "AND, OR or a clause";
                return Begin("WHERE", "where", "filters") && TryOr(" after WHERE", out var where) && Set(ref spec, spec with { Where = where });
            case "GROUP":
                expected = "a comma or a clause";
                return Begin("GROUP BY", "breakdowns") && Keyword("BY", "GROUP") && TryList("breakdowns", TryBreakdown, out List<string> breakdowns)
                    && Set(ref spec, spec with { Breakdowns = breakdowns });
            case "HAVING":
                expected = "AND or a clause";
                return Begin("HAVING", "havings") && TryHavings(out var havings) && Set(ref spec, spec with { Havings = havings });
            case "ORDER":
                expected = "a comma or a clause";
                return Begin("ORDER BY", "orders") && Keyword("BY", "ORDER") && TryList("orders", TryOrder, out List<Order> orders)
                    && Set(ref spec, spec with { Orders = orders });
            case "LIMIT":
                expected = "a clause";
                return Begin("LIMIT", "limit") && TryLimit(out var limit) && Set(ref spec, spec with { Limit = limit });
            case "SINCE":
                expected = "a clause";
                return Begin("SINCE", "start_time") && TryTime("SINCE", out var since) && Set(ref spec, spec with { StartTimeNs = since });
            case "UNTIL":
                expected = "a clause";
                return Begin("UNTIL", "end_time") && TryTime("UNTIL", out var until) && Set(ref spec, spec with { EndTimeNs = until });
            case "LAST":
                expected = "a clause";
                return Begin("LAST", "time_range") && TrySeconds("LAST", "2h", long.MaxValue, out var last) && Set(ref spec, spec with { TimeRangeSeconds = last });
            case "EVERY":
                expected = "a clause";
                return Begin("EVERY", "granularity") && TrySeconds("EVERY", "10s", int.MaxValue, out var every) && Set(ref spec, spec with { GranularitySeconds = (int)every });
            case "COMPARE":
                expected = "a clause";
                return Begin("COMPARE", "compare_time_offset_seconds") && TrySeconds("COMPARE", "1d", long.MaxValue, out var offset)
                    && Set(ref spec, spec with { CompareOffsetSeconds = offset });
            case "DEFINE":
                expected = "a comma or a clause";
                return Begin("DEFINE", "calculated_fields") && TryList("calculated_fields", TryNamed, out List<NamedExpression> fields)
                    && Set(ref spec, spec with { CalculatedFields = fields });
            case "FORMULA":
                expected = "a comma or a clause";
                return Begin("FORMULA", "formulas") && TryList("formulas", TryNamed, out List<NamedExpression> formulas)
                    && Set(ref spec, spec with { Formulas = formulas });
            case "UNWEIGHTED":
                expected = "a clause";
                return Begin("UNWEIGHTED", "usage_mode") && Set(ref spec, spec with { UsageMode = true });
            default:
                if (!OperatorNames.TryParse(start.Text, out CalculationOp _))
                {
                    return Expected($"{expected} ({ClauseList})");
                }

                if (_offsets.TryGetValue("calculations", out var first))
                {
                    return Fail("calculations", $"calculations are given twice, at {first} and at {start.Offset}; a comma goes between them", start);
                }

                _offsets.Add("calculations", start.Offset);
                expected = "a comma or a clause";
                return TryList("calculations", TryCalculation, out List<Calculation> calculations) && Set(ref spec, spec with { Calculations = calculations });
        }
    }

    private static bool Set(ref QuerySpec spec, QuerySpec changed)
    {
        spec = changed;
        return true;
    }

    // Takes the clause's first word, unless the clause was there before.
    private bool Begin(string clause, params ReadOnlySpan<string> members)
    {
        foreach (var member in members)
        {
            if (!_offsets.TryAdd(member, Current.Offset))
            {
                return Fail(member, $"{clause} is given twice, at {_offsets[member]} and at {Current.Offset}", Current);
            }
        }

        _at++;
        return true;
    }

    private bool Keyword(string word, string after)
    {
        if (!Current.IsWord(word))
        {
            return Expected($"{word} after {after}");
        }

        _at++;
        return true;
    }

    private delegate bool TryItem<T>(string after, [MaybeNullWhen(false)] out T item);

    private bool TryList<T>(string member, TryItem<T> tryItem, out List<T> items)
    {
        items = [];
        var after = _at == 0 ? "" : $" after {ClauseSoFar()}";
        while (true)
        {
            _offsets[$"{member}[{items.Count}]"] = Current.Offset;
            if (!tryItem(after, out var item))
            {
                return false;
            }

            items.Add(item);
            if (!Current.IsSymbol(","))
            {
                return true;
            }

            _at++;
            after = " after the comma";
        }
    }

    // The keyword just read, for an error about what should follow it.
    private string ClauseSoFar() => _tokens[_at - 1].IsWord("BY") ? $"{_tokens[_at - 2].Text.ToUpperInvariant()} BY" : _tokens[_at - 1].Text.ToUpperInvariant();

    private bool TryBreakdown(string after, [MaybeNullWhen(false)] out string name) => TryName($"a field name{after}", out name);

    private bool TryCalculation(string after, [MaybeNullWhen(false)] out Calculation calculation)
    {
        calculation = null;
        if (!TryCalculated($"a calculation{after}", out var op, out var column))
        {
            return false;
        }

        Condition? filter = null;
        string? name = null;
        while (true)
        {
            if (filter is null && Current.IsWord("IF"))
            {
                _at++;
                if (!TryOr(" after IF", out filter))
                {
                    return false;
                }
            }
            else if (name is null && Current.IsWord("AS"))
            {
                _at++;
                if (!TryName("a name after AS", out name))
                {
                    return false;
                }
            }
            else
            {
                calculation = new Calculation(op, column, name, filter);
                return true;
            }
        }
    }

    // COUNT, P99(duration_ms); also COUNT() and COUNT(*).
    private bool TryCalculated(string expected, out CalculationOp op, out string? column)
    {
        column = null;
        op = default;
        if (Current.Kind != TokenKind.Word || !OperatorNames.TryParse(Current.Text, out op))
        {
            return Expected($"{expected} ({OperatorNames.CalculationList})");
        }

        _at++;
        if (!Current.IsSymbol("("))
        {
            return !op.TakesColumn() || Expected($"( and a field name after {op.Name()}");
        }

        _at++;
        if (!op.TakesColumn())
        {
            if (Current.IsSymbol("*"))
            {
                _at++;
            }

            return Close(op == CalculationOp.Count && Current.Kind != TokenKind.End
                ? ") after COUNT(, which takes no field (COUNT IF (… exists) counts the events that have one)"
                : $") after {op.Name()}(");
        }

        return TryName($"a field name after {op.Name()}(", out column) && Close($") after {column}");
    }

    private bool Close(string expected)
    {
        if (!Current.IsSymbol(")"))
        {
            return Expected(expected);
        }

        _at++;
        return true;
    }

    private bool TryHavings(out List<Having> havings)
    {
        havings = [];
        var after = " after HAVING";
        while (true)
        {
            _offsets[$"havings[{havings.Count}]"] = Current.Offset;
            if (!TryNumber($"a calculation or a formula's name{after}", out var op, out var column))
            {
                return false;
            }

            if (Current.Kind != TokenKind.Symbol || !OperatorNames.TryParse(Current.Text, out FilterOp comparison) || !comparison.IsComparison())
            {
                return Expected($"a comparison ({OperatorNames.ComparisonList}) after {(op is { } known ? new Calculation(known, column).ResultKey : column)}");
            }

            _at++;
            if (Current.Kind != TokenKind.Literal || !NumberText.TryParse(Current.Text, out var number))
            {
                return Expected($"a number after {comparison.Name()}");
            }

            _at++;
            havings.Add(new Having(op, column, comparison, number.AsDouble));
            if (Current.IsWord("OR"))
            {
                return Expected("AND or a clause (conditions of HAVING must all hold)");
            }

            if (!Current.IsWord("AND"))
            {
                return true;
            }

            _at++;
            after = " after AND";
        }
    }

    private bool TryOrder(string after, [MaybeNullWhen(false)] out Order order)
    {
        order = null;
        if (!TryNumber($"a calculation or a field name{after}", out var by, out var column))
        {
            return false;
        }

        var descending = Current.IsWord("DESC");
        if (descending || Current.IsWord("ASC"))
        {
            _at++;
        }

        order = new Order(by, column, descending);
        return true;
    }

    // A calculation by its operation, or anything by its name.
    private bool TryNumber(string expected, out CalculationOp? op, out string? column)
    {
        op = null;
        if (Current.Kind != TokenKind.Word || !OperatorNames.TryParse(Current.Text, out CalculationOp known) || (known.TakesColumn() && !_tokens[_at + 1].IsSymbol("(")))
        {
            return TryName(expected, out column);
        }

        var read = TryCalculated(expected, out known, out column);
        op = known;
        return read;
    }

    // name AS "expression"
    private bool TryNamed(string after, [MaybeNullWhen(false)] out NamedExpression named)
    {
        named = null;
        if (!TryName($"a name{after}", out var name) || !Keyword("AS", name))
        {
            return false;
        }

        if (Current.Kind is not (TokenKind.SingleQuoted or TokenKind.DoubleQuoted) || Current.Text.Length == 0)
        {
            return Expected("an expression in quotes after AS");
        }

        named = new NamedExpression(name, Current.Text);
        _at++;
        return true;
    }

    private bool TryLimit(out int limit)
    {
        limit = 0;
        if (Current.Kind != TokenKind.Literal || !int.TryParse(Current.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out limit))
        {
            return Expected("a number after LIMIT");
        }

        _at++;
        return true;
    }

    private bool TryTime(string clause, out long unixNs)
    {
        unixNs = 0;
        if (Current.Kind is not (TokenKind.Literal or TokenKind.SingleQuoted or TokenKind.DoubleQuoted) || !TryReadTime(Current.Text, out unixNs))
        {
            return Expected($"a time after {clause} (such as 2026-11-23T04:05:06Z, or unix seconds)");
        }

        _at++;
        return true;
    }

    // RFC 3339, a date alone (its midnight, UTC), or a number since 1970.
    private static bool TryReadTime(string written, out long unixNs)
    {
        if (EventTime.TryParseRfc3339(written, out unixNs) || (written.Length == 10 && EventTime.TryParseRfc3339($"{written}T00:00:00Z", out unixNs)))
        {
            return true;
        }

        Span<byte> ascii = stackalloc byte[EventTime.TextBytesMax];
        return written.Length <= ascii.Length
            && System.Text.Ascii.FromUtf16(written, ascii, out var length) == System.Buffers.OperationStatus.Done
            && EventTime.TryParseEpoch(ascii[..length], out unixNs);
    }

    private bool TrySeconds(string clause, string example, long max, out long seconds)
    {
        seconds = 0;
        if (Current.Kind != TokenKind.Literal || !DurationText.TryParse(Current.Text, out long nanoseconds))
        {
            return Expected($"a duration such as {example} after {clause}");
        }

        seconds = Math.DivRem(nanoseconds, 1_000_000_000, out var rest);
        if (rest != 0 || seconds > max)
        {
            return Expected(rest != 0 ? $"whole seconds after {clause}" : $"at most {DurationText.FormatSeconds(max)} after {clause}");
        }

        _at++;
        return true;
    }

    private bool TryOr(string after, [NotNullWhen(true)] out Condition? condition) => TryGroup(after, any: true, out condition);

    private bool TryGroup(string after, bool any, [NotNullWhen(true)] out Condition? condition)
    {
        condition = null;
        var parts = new List<Condition>();
        while (true)
        {
            if (any ? !TryGroup(after, any: false, out var part) : !TryOperand(after, out part))
            {
                return false;
            }

            parts.Add(part);
            if (!Current.IsWord(any ? "OR" : "AND"))
            {
                condition = ConditionRules.Group(parts, any);
                return true;
            }

            after = $" after {Current.Text.ToUpperInvariant()}";
            _at++;
        }
    }

    private bool TryOperand(string after, [NotNullWhen(true)] out Condition? condition)
    {
        condition = null;
        var isNot = Current.IsWord("NOT");
        if (!isNot && !Current.IsSymbol("("))
        {
            return TryMatch(after, out condition);
        }

        if (_depth == LanguageLimits.ConditionDepthMax)
        {
            return Fail("where", $"a condition may be {LanguageLimits.ConditionDepthMax} brackets and NOTs deep, exceeded at {Current.Offset}", Current);
        }

        _depth++;
        var opened = Current.Offset;
        _at++;
        if (isNot ? !TryOperand(" after NOT", out condition) : !TryOr(" after (", out condition))
        {
            return false;
        }

        _depth--;
        condition = isNot ? new Condition.Not(condition) : condition;
        return isNot || Close(string.Create(CultureInfo.InvariantCulture, $"AND, OR or ) for the ( at {opened}"));
    }

    private bool TryMatch(string after, [NotNullWhen(true)] out Condition? condition)
    {
        condition = null;
        if (!TryName($"a condition{after}", out var column) || !TryFilterOp(column, out var op))
        {
            return false;
        }

        var first = Current;
        if (!TryValues(op, out var values))
        {
            return false;
        }

        if (ConditionRules.Explain(op, values) is { } problem)
        {
            return Fail("where", string.Create(CultureInfo.InvariantCulture, $"{problem}, at {first.Offset}"), first);
        }

        condition = new Condition.Match(column, op, values);
        return true;
    }

    private bool TryFilterOp(string column, out FilterOp op)
    {
        op = default;
        var negated = Current.IsWord("NOT");
        if (negated)
        {
            _at++;
        }

        if (Current.Kind is not (TokenKind.Symbol or TokenKind.Word) || !OperatorNames.TryParse(Current.Text, out op) || (negated && !TryNegate(ref op)))
        {
            return Expected(negated ? $"in, contains, starts-with, ends-with or exists after {column} NOT" : $"a comparison ({OperatorNames.FilterList}) after {column}");
        }

        _at++;
        return true;
    }

    private static bool TryNegate(ref FilterOp op)
    {
        (var negatable, op) = op switch
        {
            FilterOp.In => (true, FilterOp.NotIn),
            FilterOp.Contains => (true, FilterOp.DoesNotContain),
            FilterOp.StartsWith => (true, FilterOp.DoesNotStartWith),
            FilterOp.EndsWith => (true, FilterOp.DoesNotEndWith),
            FilterOp.Exists => (true, FilterOp.DoesNotExist),
            _ => (false, op),
        };
        return negatable;
    }

    private bool TryValues(FilterOp op, out IReadOnlyList<FieldValue> values)
    {
        values = [];
        if (op.TakesNothing())
        {
            return true;
        }

        if (!op.TakesList())
        {
            if (!TryValue(op.Name(), out var single))
            {
                return false;
            }

            values = [single];
            return true;
        }

        if (!Current.IsSymbol("("))
        {
            return Expected($"( and values after {op.Name()}");
        }

        _at++;
        var list = new List<FieldValue>();
        values = list;
        if (Current.IsSymbol(")"))
        {
            _at++;
            return true;
        }

        var after = "(";
        while (true)
        {
            if (!TryValue(after, out var value))
            {
                return false;
            }

            list.Add(value);
            if (!Current.IsSymbol(","))
            {
                return Close("a comma or ) after the value");
            }

            _at++;
            after = "the comma";
        }
    }

    private bool TryValue(string after, out FieldValue value)
    {
        value = default;
        switch (Current.Kind)
        {
            case TokenKind.SingleQuoted or TokenKind.DoubleQuoted:
                value = FieldValue.Of(Current.Text);
                break;
            case TokenKind.Word when Current.IsWord("true") || Current.IsWord("false"):
                value = FieldValue.Of(Current.IsWord("true"));
                break;
            case TokenKind.Literal when NumberText.TryParse(Current.Text, out value):
                break;
            default:
                return Expected($"a number, true, false or text in quotes after {after}");
        }

        _at++;
        return true;
    }

    private bool TryName(string expected, [NotNullWhen(true)] out string? name)
    {
        name = null;
        switch (Current.Kind)
        {
            case TokenKind.Word when TextNames.IsReserved(Current.Text):
                return Expected($"{expected} (as a name it goes in backticks)");
            case TokenKind.Backticked or TokenKind.DoubleQuoted when Current.Text.Length == 0:
                return Expected(expected);
            case TokenKind.Word or TokenKind.Backticked or TokenKind.DoubleQuoted:
                name = Current.Text;
                _at++;
                return true;
            default:
                return Expected(expected);
        }
    }

    private bool Expected(string what)
    {
        var token = Current;
        var found = token.Kind switch
        {
            TokenKind.End => "the end",
            TokenKind.Word or TokenKind.Literal or TokenKind.Symbol => $"\"{ErrorList.Cut(token.Text)}\"",
            _ => ErrorList.Cut(text.Substring(token.Offset, token.Length)),
        };
        return token.Kind == TokenKind.Bad
            ? Fail("text", token.Text, token)
            : Fail("text", string.Create(CultureInfo.InvariantCulture, $"expected {what}, found {found} at {token.Offset}"), token);
    }

    private bool Fail(string field, string message, TextToken at)
    {
        Error = new QueryError(field, ErrorList.Cut(text.Substring(at.Offset, at.Length)), message) { Offset = at.Offset };
        return false;
    }
}
