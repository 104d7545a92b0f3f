using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class QueryTextTests
{
    // Text, and the same query as Format writes it.
    [Theory]
    [InlineData("", "COUNT")]
    [InlineData("   ", "COUNT")]
    [InlineData("COUNT", "COUNT")]
    [InlineData("count", "COUNT")]
    [InlineData("COUNT()", "COUNT")]
    [InlineData("COUNT(*)", "COUNT")]
    [InlineData("CONCURRENCY", "CONCURRENCY")]
    [InlineData("COUNT, P99(duration_ms)", "COUNT, P99(duration_ms)")]
    [InlineData("p999(duration_ms),Heatmap( duration_ms )", "P999(duration_ms), HEATMAP(duration_ms)")]
    [InlineData("COUNT_DISTINCT(trace.trace_id)", "COUNT_DISTINCT(trace.trace_id)")]
    [InlineData("rate_avg(x), RATE_SUM(x), RATE_MAX(x)", "RATE_AVG(x), RATE_SUM(x), RATE_MAX(x)")]
    [InlineData("SUM(`http response`)", "SUM(`http response`)")]
    [InlineData("SUM(\"http response\")", "SUM(`http response`)")]
    [InlineData("SUM(\"a`b\")", "SUM(\"a`b\")")]
    [InlineData("P99(duration_ms) AS slow", "P99(duration_ms) AS slow")]
    [InlineData("COUNT IF error = true", "COUNT IF (error = true)")]
    [InlineData("COUNT IF (error = true) AS errors, COUNT", "COUNT IF (error = true) AS errors, COUNT")]
    [InlineData("COUNT AS errors IF (error = true)", "COUNT IF (error = true) AS errors")]
    [InlineData("COUNT IF a = 1 AND b = 2 AS both, COUNT", "COUNT IF (a = 1 AND b = 2) AS both, COUNT")]
    [InlineData("WHERE error = true", "COUNT WHERE error = true")]
    [InlineData("WHERE error=TRUE", "COUNT WHERE error = true")]
    [InlineData("where duration_ms>100", "COUNT WHERE duration_ms > 100")]
    [InlineData("WHERE duration_ms >= 1.5", "COUNT WHERE duration_ms >= 1.5")]
    [InlineData("WHERE duration_ms < -2", "COUNT WHERE duration_ms < -2")]
    [InlineData("WHERE duration_ms <= 1e3", "COUNT WHERE duration_ms <= 1000.0")]
    [InlineData("WHERE name != \"a \\\"b\\\"\"", "COUNT WHERE name != \"a \\\"b\\\"\"")]
    [InlineData("WHERE name = 'it\\'s'", "COUNT WHERE name = \"it's\"")]
    [InlineData("WHERE name = \"\\u00e9\\n\"", "COUNT WHERE name = \"é\\n\"")]
    [InlineData("WHERE name IN (\"a\",\"b\")", "COUNT WHERE name IN (\"a\", \"b\")")]
    [InlineData("WHERE code in (200, 404.5, true)", "COUNT WHERE code IN (200, 404.5, true)")]
    [InlineData("WHERE name NOT IN (\"a\")", "COUNT WHERE name NOT IN (\"a\")")]
    [InlineData("WHERE name not-in (\"a\")", "COUNT WHERE name NOT IN (\"a\")")]
    [InlineData("WHERE name IN ()", "COUNT WHERE name IN ()")]
    [InlineData("WHERE name contains \"x\"", "COUNT WHERE name contains \"x\"")]
    [InlineData("WHERE name NOT CONTAINS \"x\"", "COUNT WHERE name does-not-contain \"x\"")]
    [InlineData("WHERE name does-not-contain \"x\"", "COUNT WHERE name does-not-contain \"x\"")]
    [InlineData("WHERE name starts-with \"x\" OR name ends-with \"y\"", "COUNT WHERE name starts-with \"x\" OR name ends-with \"y\"")]
    [InlineData("WHERE name does-not-start-with \"x\" AND name does-not-end-with \"y\"", "COUNT WHERE name does-not-start-with \"x\" AND name does-not-end-with \"y\"")]
    [InlineData("WHERE trace.parent_id exists", "COUNT WHERE trace.parent_id exists")]
    [InlineData("WHERE trace.parent_id does-not-exist", "COUNT WHERE trace.parent_id does-not-exist")]
    [InlineData("WHERE trace.parent_id NOT EXISTS", "COUNT WHERE trace.parent_id does-not-exist")]
    [InlineData("WHERE a = 1 AND b = 2 OR c = 3", "COUNT WHERE a = 1 AND b = 2 OR c = 3")]
    [InlineData("WHERE a = 1 AND (b = 2 OR c = 3)", "COUNT WHERE a = 1 AND (b = 2 OR c = 3)")]
    [InlineData("WHERE (a = 1 AND b = 2) OR c = 3", "COUNT WHERE a = 1 AND b = 2 OR c = 3")]
    [InlineData("WHERE ((a = 1))", "COUNT WHERE a = 1")]
    [InlineData("WHERE NOT a = 1 AND b = 2", "COUNT WHERE NOT a = 1 AND b = 2")]
    [InlineData("WHERE NOT (a = 1 AND b = 2)", "COUNT WHERE NOT (a = 1 AND b = 2)")]
    [InlineData("WHERE NOT NOT a exists", "COUNT WHERE NOT NOT a exists")]
    [InlineData("WHERE `limit` = 5 AND \"and\" = 6", "COUNT WHERE `limit` = 5 AND `and` = 6")]
    [InlineData("WHERE k8s.io/name = \"x\" AND a:b = 1 AND x-y = 2 AND @t exists", "COUNT WHERE k8s.io/name = \"x\" AND a:b = 1 AND x-y = 2 AND @t exists")]
    [InlineData("GROUP BY service.name, name", "COUNT GROUP BY service.name, name")]
    [InlineData("group by `count`", "COUNT GROUP BY `count`")]
    [InlineData("COUNT HAVING COUNT > 10", "COUNT HAVING COUNT > 10")]
    [InlineData("COUNT AS `count` FORMULA max AS \"`count` * 2\" HAVING max >= 1 AND `count` < 9 ORDER BY max", "COUNT AS `count` HAVING `max` >= 1 AND `count` < 9 ORDER BY `max` ASC FORMULA `max` AS \"`count` * 2\"")]
    [InlineData("COUNT, AVG(x) HAVING COUNT >= 10 AND AVG(x) != -1.5", "COUNT, AVG(x) HAVING COUNT >= 10 AND AVG(x) != -1.5")]
    [InlineData("COUNT GROUP BY name ORDER BY COUNT DESC, name", "COUNT GROUP BY name ORDER BY COUNT DESC, name ASC")]
    [InlineData("MAX(x) GROUP BY `max` ORDER BY max, MAX(x)", "MAX(x) GROUP BY `max` ORDER BY `max` ASC, MAX(x) ASC")]
    [InlineData("P99(x) AS slow ORDER BY slow DESC", "P99(x) AS slow ORDER BY slow DESC")]
    [InlineData("LIMIT 10", "COUNT LIMIT 10")]
    [InlineData("LIMIT 100", "COUNT")]
    [InlineData("LAST 2h", "COUNT LAST 2h")]
    [InlineData("LAST 90m", "COUNT LAST 1h30m")]
    [InlineData("last 1d12h", "COUNT LAST 1d12h")]
    [InlineData("LAST 1.5h", "COUNT LAST 1h30m")]
    [InlineData("LAST 1w", "COUNT LAST 7d")]
    [InlineData("EVERY 10s", "COUNT EVERY 10s")]
    [InlineData("COMPARE 1d", "COUNT COMPARE 1d")]
    [InlineData("SINCE 2026-11-23T04:05:06Z UNTIL 2026-11-23T05:05:06.5+01:00", "COUNT SINCE 2026-11-23T04:05:06Z UNTIL 2026-11-23T04:05:06.5Z")]
    [InlineData("SINCE 1795406706 LAST 10m", "COUNT SINCE 2026-11-23T04:05:06Z LAST 10m")]
    [InlineData("UNTIL 1795406706.25", "COUNT UNTIL 2026-11-23T04:05:06.25Z")]
    [InlineData("SINCE 2026-11-23 UNTIL \"2026-11-23 04:05:06\"", "COUNT SINCE 2026-11-23T00:00:00Z UNTIL 2026-11-23T04:05:06Z")]
    [InlineData("UNWEIGHTED", "COUNT UNWEIGHTED")]
    [InlineData("DEFINE fast AS \"LTE($duration_ms, 200)\" COUNT WHERE fast = true", "COUNT WHERE fast = true DEFINE fast AS \"LTE($duration_ms, 200)\"")]
    [InlineData("COUNT AS n, COUNT IF error = true AS e FORMULA rate AS \"e / n\" ORDER BY rate DESC", "COUNT AS n, COUNT IF (error = true) AS e ORDER BY rate DESC FORMULA rate AS \"e / n\"")]
    [InlineData("LAST 2h GROUP BY name WHERE error = true COUNT, MAX(x) LIMIT 5", "COUNT, MAX(x) WHERE error = true GROUP BY name LIMIT 5 LAST 2h")]
    [InlineData("COUNT, P99(duration_ms) WHERE error = true GROUP BY service.name ORDER BY COUNT DESC LIMIT 10 LAST 2h", "COUNT, P99(duration_ms) WHERE error = true GROUP BY service.name ORDER BY COUNT DESC LIMIT 10 LAST 2h")]
    [InlineData("COUNT AS total, COUNT IF (error = true) AS errors, P99(duration_ms) IF (name = \"GET /cart\") AS cart", "COUNT AS total, COUNT IF (error = true) AS errors, P99(duration_ms) IF (name = \"GET /cart\") AS cart")]
    [InlineData("COUNT\n  WHERE a = 1\tLIMIT 5", "COUNT WHERE a = 1 LIMIT 5")]
    public void TextIsReadAndWrittenInItsUsualForm(string text, string usual)
    {
        var parsed = QueryText.Parse(text);
        Assert.True(parsed.Ok, string.Join("; ", parsed.Errors));
        Assert.Equal(usual, QueryText.Format(parsed.Value));
        Assert.Equal(usual, QueryText.Format(QueryText.Parse(usual).Value));
    }

    private const string Clauses = "(WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, SINCE, UNTIL, LAST, EVERY, COMPARE, DEFINE, FORMULA, UNWEIGHTED)";
    private const string Calculations =
        "(COUNT CONCURRENCY SUM AVG COUNT_DISTINCT HEATMAP MAX MIN P001 P01 P05 P10 P20 P25 P50 P75 P80 P90 P95 P99 P999 RATE_AVG RATE_SUM RATE_MAX)";
    private const string FilterOps =
        "(= != > >= < <= starts-with does-not-start-with ends-with does-not-end-with exists does-not-exist contains does-not-contain in not-in)";

    [Theory]
    [InlineData("COUNT LIMIT ten", "expected a number after LIMIT, found \"ten\" at 12")]
    [InlineData("COUNT LIMIT", "expected a number after LIMIT, found the end at 11")]
    [InlineData("LIMIT 1.5", "expected a number after LIMIT, found \"1.5\" at 6")]
    [InlineData("error = true", $"expected a calculation or a clause {Clauses}, found \"error\" at 0")]
    [InlineData("COUNT WHERE", "expected a condition after WHERE, found the end at 11")]
    [InlineData("COUNT WHERE LIMIT 5", "expected a condition after WHERE (as a name it goes in backticks), found \"LIMIT\" at 12")]
    [InlineData("WHERE error", $"expected a comparison {FilterOps} after error, found the end at 11")]
    [InlineData("WHERE error true", $"expected a comparison {FilterOps} after error, found \"true\" at 12")]
    [InlineData("WHERE error == true", "expected a number, true, false or text in quotes after =, found \"=\" at 13")]
    [InlineData("WHERE name = checkout", "expected a number, true, false or text in quotes after =, found \"checkout\" at 13")]
    [InlineData("WHERE duration_ms > 2h", "expected a number, true, false or text in quotes after >, found \"2h\" at 20")]
    [InlineData("WHERE x = 1e999", "expected a number, true, false or text in quotes after =, found \"1e999\" at 10")]
    [InlineData("WHERE a = 1 AND", "expected a condition after AND, found the end at 15")]
    [InlineData("WHERE a = 1 b = 2", $"expected AND, OR or a clause {Clauses}, found \"b\" at 12")]
    [InlineData("WHERE (a = 1 OR b = 2", "expected AND, OR or ) for the ( at 6, found the end at 21")]
    [InlineData("WHERE a = 1)", $"expected AND, OR or a clause {Clauses}, found \")\" at 11")]
    [InlineData("WHERE NOT", "expected a condition after NOT, found the end at 9")]
    [InlineData("WHERE a NOT = 1", "expected in, contains, starts-with, ends-with or exists after a NOT, found \"=\" at 12")]
    [InlineData("WHERE a IN \"x\"", "expected ( and values after in, found \"x\" at 11")]
    [InlineData("WHERE a IN (1,)", "expected a number, true, false or text in quotes after the comma, found \")\" at 14")]
    [InlineData("WHERE a IN (1 2)", "expected a comma or ) after the value, found \"2\" at 14")]
    [InlineData("WHERE a contains 5", "contains takes text, not 5; in quotes it is text, at 17")]
    [InlineData("WHERE 5xx = 1", "expected a condition after WHERE, found \"5xx\" at 6")]
    [InlineData("WHERE name = \"abc", "the \" at 13 is never closed")]
    [InlineData("WHERE name = 'abc\\", "the ' at 13 is never closed")]
    [InlineData("WHERE `name = 1", "the ` at 6 is never closed")]
    [InlineData("WHERE name = \"a\\qb\"", "unknown escape \\q at 15; there are \\\\ \\\" \\' \\n \\r \\t \\uXXXX")]
    [InlineData("WHERE name = \"\\ud800\"", "the text at 13 is not valid Unicode")]
    [InlineData("WHERE a = 1; DROP", "unexpected \";\" at 11")]
    [InlineData("WHERE `` = 1", "expected a condition after WHERE, found `` at 6")]
    [InlineData("P99", "expected ( and a field name after P99, found the end at 3")]
    [InlineData("P99()", "expected a field name after P99(, found \")\" at 4")]
    [InlineData("P99(duration_ms", "expected ) after duration_ms, found the end at 15")]
    [InlineData("COUNT(name)", "expected ) after COUNT(, which takes no field (COUNT IF (… exists) counts the events that have one), found \"name\" at 6")]
    [InlineData("COUNT, ", $"expected a calculation after the comma {Calculations}, found the end at 7")]
    [InlineData("COUNT, MEDIAN(x)", $"expected a calculation after the comma {Calculations}, found \"MEDIAN\" at 7")]
    [InlineData("COUNT LIMIT 5 MAX(x)", "calculations are given twice, at 0 and at 14; a comma goes between them")]
    [InlineData("COUNT AS", "expected a name after AS, found the end at 8")]
    [InlineData("COUNT AS 5", "expected a name after AS, found \"5\" at 9")]
    [InlineData("GROUP name", "expected BY after GROUP, found \"name\" at 6")]
    [InlineData("GROUP BY", "expected a field name after GROUP BY, found the end at 8")]
    [InlineData("GROUP BY a,", "expected a field name after the comma, found the end at 11")]
    [InlineData("GROUP BY a b", $"expected a comma or a clause {Clauses}, found \"b\" at 11")]
    [InlineData("ORDER BY", "expected a calculation or a field name after ORDER BY, found the end at 8")]
    [InlineData("ORDER BY COUNT DOWN", $"expected a comma or a clause {Clauses}, found \"DOWN\" at 15")]
    [InlineData("HAVING > 1", "expected a calculation or a formula's name after HAVING, found \">\" at 7")]
    [InlineData("COUNT AS n HAVING n contains 1", "expected a comparison (= != > >= < <=) after n, found \"contains\" at 20")]
    [InlineData("HAVING COUNT contains 1", "expected a comparison (= != > >= < <=) after COUNT, found \"contains\" at 13")]
    [InlineData("HAVING COUNT > \"1\"", "expected a number after >, found \"1\" at 15")]
    [InlineData("HAVING COUNT > 1 OR COUNT < 0", "expected AND or a clause (conditions of HAVING must all hold), found \"OR\" at 17")]
    [InlineData("LAST", "expected a duration such as 2h after LAST, found the end at 4")]
    [InlineData("LAST 2", "expected a duration such as 2h after LAST, found \"2\" at 5")]
    [InlineData("LAST 2x", "expected a duration such as 2h after LAST, found \"2x\" at 5")]
    [InlineData("LAST 1500ms", "expected whole seconds after LAST, found \"1500ms\" at 5")]
    [InlineData("EVERY 100000d", "expected at most 24855d3h14m7s after EVERY, found \"100000d\" at 6")]
    [InlineData("SINCE yesterday", "expected a time after SINCE (such as 2026-11-23T04:05:06Z, or unix seconds), found \"yesterday\" at 6")]
    [InlineData("UNTIL 2h", "expected a time after UNTIL (such as 2026-11-23T04:05:06Z, or unix seconds), found \"2h\" at 6")]
    [InlineData("WHERE a = 1 LIMIT 5 WHERE b = 2", "WHERE is given twice, at 0 and at 20")]
    [InlineData("DEFINE x = \"1\"", "expected AS after x, found \"=\" at 9")]
    [InlineData("DEFINE x AS 1", "expected an expression in quotes after AS, found \"1\" at 12")]
    public void TextThatDoesNotFitTellsWhereAndWhat(string text, string message)
    {
        var error = Assert.Single(QueryText.Parse(text).Errors);
        Assert.Equal(message, error.Message);
        Assert.NotNull(error.Offset);
    }

    [Theory]
    [InlineData("LIMIT 0", "limit: limit must be 1..1000, not 0, at 0")]
    [InlineData("COUNT LIMIT 5000", "limit: limit must be 1..1000 (10000 with disable_series), not 5000, at 6")]
    [InlineData("LAST 0s", "time_range: time_range must be 1..3155760000 s, not 0, at 0")]
    [InlineData("EVERY 0s", "granularity: granularity must be 1 s or more, not 0, at 0")]
    [InlineData("COMPARE 3d", "compare_time_offset_seconds: compare_time_offset_seconds must be one of 1800 (30m) 3600 (1h) 7200 (2h) 28800 (8h) 86400 (1d) 604800 (7d) 2419200 (28d) 15724800 (182d), not 259200, at 0")]
    [InlineData("SINCE 20 UNTIL 10", "start_time: start_time 1970-01-01T00:00:20Z must be before end_time 1970-01-01T00:00:10Z, at 0")]
    [InlineData("SINCE 10 UNTIL 20 LAST 5s", "time_range: give two of start_time, end_time and time_range, not all three (time_range 5), at 18")]
    [InlineData("GROUP BY a, a", "breakdowns[1]: the breakdown a is given twice, at 12")]
    [InlineData("COUNT, COUNT IF (a = 1)", "calculations[1]: COUNT names two columns of the answer; give one a name of its own, at 7")]
    [InlineData("COUNT AS name GROUP BY name", "calculations[0].name: name names two columns of the answer; give one a name of its own, at 0")]
    [InlineData("COUNT ORDER BY P99(x)", "orders[0]: P99(x) is not among the query's calculations (COUNT), at 15")]
    [InlineData("COUNT GROUP BY a ORDER BY a, b", "orders[1].column: orders go by a breakdown, a calculation or a formula, and b is none of this query's (COUNT), at 29")]
    [InlineData("COUNT HAVING name > 1", "havings[0].column: havings are about a calculation or a formula, and name is none of this query's (COUNT), at 13")]
    [InlineData("HEATMAP(x) AS h HAVING h > 1", "havings[0].column: h is a heatmap, by which rows can't be chosen or ordered, at 23")]
    [InlineData("COUNT FORMULA a AS \"b + 1\", b AS \"a\"", "formulas[0].expression: the formula a uses itself, directly or by way of others, at 14")]
    [InlineData("HEATMAP(x) FORMULA a AS '$\"HEATMAP(x)\"'", "formulas[0].expression: HEATMAP(x) is a heatmap, which is no number that the formula a could use, at 19")]
    [InlineData("HEATMAP(x) ORDER BY HEATMAP(x)", "orders[0].op: rows can't be ordered by HEATMAP, at 20")]
    [InlineData("HEATMAP(x) HAVING HEATMAP(x) > 1", "havings[0].calculate_op: a having can't be about HEATMAP, at 18")]
    [InlineData("MAX(x) HAVING MAX(y) > 1", "havings[0]: MAX(y) is not among the query's calculations (MAX(x)), at 14")]
    [InlineData("DEFINE a AS \"1\", a AS \"2\"", "calculated_fields[1].name: the name a is taken, at 17")]
    [InlineData("COUNT AS n FORMULA n AS \"1\"", "formulas[0].name: the name n is taken, at 19")]
    public void BrokenRulesNameTheMemberAndThePlace(string text, string error) =>
        Assert.Equal([error], QueryText.Parse(text).Errors.Select(found => $"{found.Field}: {found.Message}"));

    [Fact]
    public void AllBrokenRulesAreReported() =>
        Assert.Equal(
            ["orders[0].op", "limit", "granularity", "breakdowns[1]"],
            QueryText.Parse("HEATMAP(x) GROUP BY a, a ORDER BY HEATMAP(x) LIMIT 0 EVERY 0s").Errors.Select(error => error.Field));

    [Fact]
    public void ALongErrorIsCut()
    {
        var error = Assert.Single(QueryText.Parse("WHERE a = " + new string('x', 1_000)).Errors);
        Assert.Equal(LanguageLimits.ErrorValueCharsMax + 1, error.Value.Length);
        Assert.True(error.Message.Length < 250);
    }

    [Fact]
    public void TooMuchIsRefused()
    {
        Assert.Equal("the text may be 65536 characters long, not 65537", Assert.Single(QueryText.Parse(new string(' ', 65_537)).Errors).Message);
        var brackets = "WHERE " + new string('(', 10_000) + "a = 1" + new string(')', 10_000);
        Assert.Equal("a condition may be 20 brackets and NOTs deep, exceeded at 26", Assert.Single(QueryText.Parse(brackets).Errors).Message);
        var deep = "WHERE " + string.Concat(Enumerable.Repeat("(a = 1 OR b = 2 AND ", 20)) + "c = 1" + new string(')', 20);
        Assert.Equal("a condition may be 20 levels deep, and this one is deeper, at 0", Assert.Single(QueryText.Parse(deep).Errors).Message);
        var many = "WHERE " + string.Join(" OR ", Enumerable.Repeat("a = 1", 101));
        Assert.Equal("a query may have 100 filters, not 101, at 0", Assert.Single(QueryText.Parse(many).Errors).Message);
        var groups = "GROUP BY " + string.Join(", ", Enumerable.Range(0, 101).Select(i => $"f{i}"));
        Assert.Equal("breakdowns may have 100 items, not 101, at 0", Assert.Single(QueryText.Parse(groups).Errors).Message);
    }

    [Fact]
    public void WithoutSeriesMoreRowsAreAllowed()
    {
        Assert.Equal(10_000, QueryText.Parse("LIMIT 10000", withoutSeries: true).Value.Limit);
        Assert.Equal("limit must be 1..10000, not 10001, at 0", Assert.Single(QueryText.Parse("LIMIT 10001", withoutSeries: true).Errors).Message);
    }

    [Fact]
    public void AFilterAloneIsACondition()
    {
        var condition = Assert.IsType<Condition.All>(ConditionText.Parse("error = true AND duration_ms > 100").Value);
        Assert.Equal(2, condition.Parts.Count);
        Assert.Equal("error = true AND duration_ms > 100", ConditionText.Format(condition));
        Assert.True(ConditionText.Parse(" ").Ok);
        Assert.Null(ConditionText.Parse("").Value);
        Assert.Equal("", ConditionText.Format(null));
    }

    [Theory]
    [InlineData("error", $"expected a comparison {FilterOps} after error, found the end at 5")]
    [InlineData("error = true LIMIT 5", "expected AND or OR, found \"LIMIT\" at 13")]
    [InlineData("WHERE error = true", "expected a condition (as a name it goes in backticks), found \"WHERE\" at 0")]
    [InlineData("error = true AND", "expected a condition after AND, found the end at 16")]
    public void AWrongFilterTellsWhereAndWhat(string text, string message) => Assert.Equal(message, Assert.Single(ConditionText.Parse(text).Errors).Message);
}
