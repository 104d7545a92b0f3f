using System.Text;
using System.Text.Json;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class QuerySpecJsonTests
{
    // JSON, and the same query as text.
    [Theory]
    [InlineData("""{}""", "COUNT")]
    [InlineData("""{"calculations":[]}""", "COUNT")]
    [InlineData("""{"calculations":null,"filters":null,"limit":null,"granularity":null,"start_time":null}""", "COUNT")]
    [InlineData("""{"calculations":[{"op":"COUNT","column":null},{"op":"p99","column":"duration_ms","name":"slow"}]}""", "COUNT, P99(duration_ms) AS slow")]
    [InlineData("""{"breakdowns":["service.name","http response"]}""", "COUNT GROUP BY service.name, `http response`")]
    [InlineData("""{"filters":[{"column":"error","op":"=","value":true}]}""", "COUNT WHERE error = true")]
    [InlineData("""{"filters":[{"column":"error","op":"=","value":"true"}]}""", "COUNT WHERE error = \"true\"")]
    [InlineData("""{"filters":[{"column":"a","op":"exists"},{"column":"b","op":"does-not-exist","value":null}]}""", "COUNT WHERE a exists AND b does-not-exist")]
    [InlineData("""{"filters":[{"column":"a","op":">=","value":1.5},{"column":"b","op":"!=","value":-2}],"filter_combination":"OR"}""", "COUNT WHERE a >= 1.5 OR b != -2")]
    [InlineData("""{"filters":[{"column":"a","op":"in","value":["x",1,true]},{"column":"b","op":"not-in","value":[]}],"filter_combination":"and"}""", "COUNT WHERE a IN (\"x\", 1, true) AND b NOT IN ()")]
    [InlineData("""{"filters":[],"filter_combination":"OR"}""", "COUNT")]
    [InlineData("""{"filters":[],"where":{"column":"a","op":"exists"}}""", "COUNT WHERE a exists")]
    [InlineData("""{"where":{"and":[{"column":"a","op":"exists"},{"or":[{"column":"b","op":"=","value":1},{"not":{"column":"c","op":"contains","value":"x"}}]}]}}""", "COUNT WHERE a exists AND (b = 1 OR NOT c contains \"x\")")]
    [InlineData("""{"where": {"and": [{"column": "error", "op": "=", "value": true}, {"or": [{"column": "code", "op": ">=", "value": 500}, {"not": {"column": "name", "op": "starts-with", "value": "GET"}}]}]}}""", "COUNT WHERE error = true AND (code >= 500 OR NOT name starts-with \"GET\")")]
    [InlineData("""{"where":{"and":[{"column":"a","op":"exists"}]}}""", "COUNT WHERE a exists")]
    [InlineData("""{"calculations":[{"op":"COUNT","name":"errors","filters":[{"column":"error","op":"=","value":true},{"column":"code","op":">=","value":500}],"filter_combination":"OR"}]}""", "COUNT IF (error = true OR code >= 500) AS errors")]
    [InlineData("""{"calculations":[{"op":"COUNT","where":{"not":{"column":"a","op":"exists"}}}]}""", "COUNT IF (NOT a exists)")]
    [InlineData("""{"calculations":[{"op":"COUNT","name":"n"}],"calculated_fields":[{"name":"f","expression":"LTE($x, 2)"}],"formulas":[{"name":"r","expression":"n / 2"}],"orders":[{"column":"r","order":"descending"}]}""", "COUNT AS n ORDER BY r DESC DEFINE f AS \"LTE($x, 2)\" FORMULA r AS \"n / 2\"")]
    [InlineData("""{"breakdowns":["a"],"orders":[{"op":"COUNT","order":"descending"},{"column":"a"}]}""", "COUNT GROUP BY a ORDER BY COUNT DESC, a ASC")]
    [InlineData("""{"calculations":[{"op":"MAX","column":"x"}],"orders":[{"op":"MAX","column":"x","order":"ascending"}],"havings":[{"calculate_op":"MAX","column":"x","op":"<","value":2}]}""", "MAX(x) HAVING MAX(x) < 2 ORDER BY MAX(x) ASC")]
    [InlineData("""{"limit":1000,"granularity":60,"time_range":3600,"compare_time_offset_seconds":86400,"usage_mode":true}""", "COUNT LIMIT 1000 LAST 1h EVERY 1m COMPARE 1d UNWEIGHTED")]
    [InlineData("""{"granularity":0}""", "COUNT")]
    [InlineData("""{"calculations":[{"op":"COUNT","name":"n"}],"havings":[{"column":"n","op":">","value":10}]}""", "COUNT AS n HAVING n > 10")]
    [InlineData("""{"limit":1e1,"time_range":60.0,"usage_mode":false}""", "COUNT LIMIT 10 LAST 1m")]
    [InlineData("""{"start_time":1795406706,"end_time":1795406707.5}""", "COUNT SINCE 2026-11-23T04:05:06Z UNTIL 2026-11-23T04:05:07.5Z")]
    [InlineData("""{"start_time":"2026-11-23T04:05:06Z","time_range":60}""", "COUNT SINCE 2026-11-23T04:05:06Z LAST 1m")]
    public void JsonSaysWhatTextSays(string json, string text)
    {
        var parsed = Read(json);
        Assert.True(parsed.Ok, string.Join("; ", parsed.Errors));
        Assert.Equal(text, QueryText.Format(parsed.Value));
        Assert.Equal(QueryShapes.Describe(parsed.Value), QueryShapes.Describe(QueryText.Parse(text).Value));
    }

    [Theory]
    [InlineData("COUNT", """{"calculations":[{"op":"COUNT"}],"limit":100}""")]
    [InlineData("WHERE a = 1 AND b = \"x\"", """{"calculations":[{"op":"COUNT"}],"filters":[{"column":"a","op":"=","value":1},{"column":"b","op":"=","value":"x"}],"limit":100}""")]
    [InlineData("WHERE a = 1.0 OR b exists", """{"calculations":[{"op":"COUNT"}],"filters":[{"column":"a","op":"=","value":1.0},{"column":"b","op":"exists"}],"filter_combination":"OR","limit":100}""")]
    [InlineData("WHERE NOT a IN (1)", """{"calculations":[{"op":"COUNT"}],"where":{"not":{"column":"a","op":"in","value":[1]}},"limit":100}""")]
    [InlineData("WHERE a exists AND (b exists OR c exists)", """{"calculations":[{"op":"COUNT"}],"where":{"and":[{"column":"a","op":"exists"},{"or":[{"column":"b","op":"exists"},{"column":"c","op":"exists"}]}]},"limit":100}""")]
    [InlineData("COUNT IF (a exists) AS n ORDER BY n DESC", """{"calculations":[{"op":"COUNT","name":"n","filters":[{"column":"a","op":"exists"}]}],"orders":[{"column":"n","order":"descending"}],"limit":100}""")]
    [InlineData("MAX(x) GROUP BY g HAVING MAX(x) > 1 LIMIT 5 SINCE 10.25 UNTIL 20", """{"breakdowns":["g"],"calculations":[{"op":"MAX","column":"x"}],"havings":[{"calculate_op":"MAX","column":"x","op":">","value":1}],"limit":5,"start_time":10.25,"end_time":20}""")]
    [InlineData("LAST 1h EVERY 10s COMPARE 1d UNWEIGHTED", """{"calculations":[{"op":"COUNT"}],"limit":100,"granularity":10,"time_range":3600,"compare_time_offset_seconds":86400,"usage_mode":true}""")]
    public void TextIsWrittenAsJson(string text, string json) => Assert.Equal(json, QuerySpecJson.Format(QueryText.Parse(text).Value));

    private const string SpecMembers =
        "breakdowns calculations filters filter_combination where calculated_fields formulas orders havings limit granularity time_range start_time end_time compare_time_offset_seconds usage_mode";
    private const string CalculationOps =
        "COUNT CONCURRENCY SUM AVG COUNT_DISTINCT HEATMAP MAX MIN P001 P01 P05 P10 P20 P25 P50 P75 P80 P90 P95 P99 P999 RATE_AVG RATE_SUM RATE_MAX";
    private const string FilterOps =
        "= != > >= < <= starts-with does-not-start-with ends-with does-not-end-with exists does-not-exist contains does-not-contain in not-in";

    [Theory]
    [InlineData("""[]""", "query", "[]", "query must be an object, not []")]
    [InlineData("""5""", "query", "5", "query must be an object, not 5")]
    [InlineData("""{"granularty":60}""", "granularty", "60", $"a query has no member granularty; it has {SpecMembers}")]
    [InlineData("""{"":60}""", "\"\"", "60", $"a query has no member \"\"; it has {SpecMembers}")]
    [InlineData("""{"limit":5,"limit":6}""", "limit", "6", "limit is given twice")]
    [InlineData("""{"breakdowns":"a"}""", "breakdowns", "\"a\"", "breakdowns must be an array, not \"a\"")]
    [InlineData("""{"breakdowns":["a",5]}""", "breakdowns[1]", "5", "breakdowns[1] must be text, not 5")]
    [InlineData("""{"breakdowns":[""]}""", "breakdowns[0]", "\"\"", "breakdowns[0] must not be empty")]
    [InlineData("""{"breakdowns":["\ud800"]}""", "breakdowns[0]", "\"\\ud800\"", "breakdowns[0] is not valid Unicode: \"\\ud800\"")]
    [InlineData("""{"calculations":[{"op":"COUNT"},{"op":"MAX","column":"x"},{"op":"MEDIAN","column":"x"}]}""", "calculations[2].op", "\"MEDIAN\"", $"calculations[2].op must be one of {CalculationOps}, not \"MEDIAN\"")]
    [InlineData("""{"calculations":[{"column":"x"}]}""", "calculations[0].op", "", "calculations[0] needs op")]
    [InlineData("""{"calculations":[{"op":"P99"}]}""", "calculations[0].column", "", "P99 needs a column, as in P99(duration_ms)")]
    [InlineData("""{"calculations":[{"op":"CONCURRENCY","column":"x"}]}""", "calculations[0].column", "x", "CONCURRENCY takes no column, but has x")]
    [InlineData("""{"calculations":[{"op":"COUNT","colunm":"x"}]}""", "calculations[0].colunm", "\"x\"", "calculations[0] has no member colunm; it has op column name filters filter_combination where")]
    [InlineData("""{"calculations":["COUNT"]}""", "calculations[0]", "\"COUNT\"", "calculations[0] must be an object, not \"COUNT\"")]
    [InlineData("""{"filters":[{"column":"a","op":"like","value":"x"}]}""", "filters[0].op", "\"like\"", $"filters[0].op must be one of {FilterOps}, not \"like\"")]
    [InlineData("""{"filters":[{"op":"=","value":1}]}""", "filters[0].column", "", "filters[0] needs column")]
    [InlineData("""{"filters":[{"column":"a","op":"="}]}""", "filters[0].value", "", "= needs a value")]
    [InlineData("""{"filters":[{"column":"a","op":"=","value":null}]}""", "filters[0].value", "", "= needs a value")]
    [InlineData("""{"filters":[{"column":"a","op":"exists","value":true}]}""", "filters[0].value", "true", "exists takes no value")]
    [InlineData("""{"filters":[{"column":"a","op":"=","value":[1,2]}]}""", "filters[0].value", "[1,2]", "= takes one value, not an array")]
    [InlineData("""{"filters":[{"column":"a","op":"in","value":"x"}]}""", "filters[0].value", "\"x\"", "in takes an array, not \"x\"")]
    [InlineData("""{"filters":[{"column":"a","op":"in","value":["x",{}]}]}""", "filters[0].value[1]", "{}", "filters[0].value[1] must be text, a number, true or false, not {}")]
    [InlineData("""{"filters":[{"column":"a","op":"in","value":[null]}]}""", "filters[0].value", "[null]", "in takes no null; a missing field is asked for by exists and does-not-exist")]
    [InlineData("""{"filters":[{"column":"a","op":"contains","value":404}]}""", "filters[0].value", "404", "contains takes text, not 404; in quotes it is text")]
    [InlineData("""{"filters":[{"column":"a","op":"=","value":1e999}]}""", "filters[0].value", "1e999", "filters[0].value 1e999 is past a 64-bit float")]
    [InlineData("""{"filters":[{"column":"a","op":"exists"}],"filter_combination":"XOR"}""", "filter_combination", "\"XOR\"", "filter_combination must be AND or OR, not \"XOR\"")]
    [InlineData("""{"filters":[{"column":"a","op":"exists"}],"where":{"column":"a","op":"exists"}}""", "where", "", "give filters or where, not both")]
    [InlineData("""{"where":{}}""", "where", "{}", "where must be one of {\"and\":[…]}, {\"or\":[…]}, {\"not\":{…}} and {\"column\",\"op\",\"value\"}")]
    [InlineData("""{"where":{"and":[{"column":"a","op":"exists"}],"column":"b"}}""", "where", "{\"and\":[{\"column\":\"a\",\"op\":\"exists\"}],\"column\":\"b\"}", "where must be one of {\"and\":[…]}, {\"or\":[…]}, {\"not\":{…}} and {\"column\",\"op\",\"value\"}")]
    [InlineData("""{"where":{"or":[]}}""", "where.or", "[]", "where.or needs at least one condition")]
    [InlineData("""{"where":{"not":{"and":[{"column":"a","op":"="}]}}}""", "where.not.and[0].value", "", "= needs a value")]
    [InlineData("""{"calculated_fields":[{"name":"a"}]}""", "calculated_fields[0].expression", "", "calculated_fields[0] needs expression")]
    [InlineData("""{"formulas":[{"expression":"a"}]}""", "formulas[0].name", "", "formulas[0] needs name")]
    [InlineData("""{"orders":[{}]}""", "orders[0]", "", "orders[0] needs an op or a column")]
    [InlineData("""{"orders":[{"op":"COUNT","order":"down"}]}""", "orders[0].order", "\"down\"", "orders[0].order must be ascending or descending, not \"down\"")]
    [InlineData("""{"orders":[{"op":"COUNT","column":"x"}]}""", "orders[0].column", "x", "COUNT takes no column, but has x")]
    [InlineData("""{"havings":[{"op":">","value":1}]}""", "havings[0]", "", "havings[0] needs a calculate_op or, as column, the name of a calculation or formula")]
    [InlineData("""{"havings":[{"column":"n","op":">","value":1}]}""", "havings[0].column", "n", "havings are about a calculation or a formula, and n is none of this query's (COUNT)")]
    [InlineData("""{"formulas":[{"name":"r","expression":"erors / COUNT"}]}""", "formulas[0].expression", "erors / COUNT", "the formula r can't be read: no calculation or formula is called erors; this query has COUNT")]
    [InlineData("""{"havings":[{"calculate_op":"COUNT","op":"contains","value":1}]}""", "havings[0].op", "contains", "a having compares by = != > >= < <=, not by contains")]
    [InlineData("""{"havings":[{"calculate_op":"COUNT","op":">","value":"1"}]}""", "havings[0].value", "\"1\"", "havings[0].value must be a number, not \"1\"")]
    [InlineData("""{"limit":0}""", "limit", "0", "limit must be 1..1000, not 0")]
    [InlineData("""{"limit":2.5}""", "limit", "2.5", "limit must be a whole number, not 2.5")]
    [InlineData("""{"limit":"10"}""", "limit", "\"10\"", "limit must be a whole number, not \"10\"")]
    [InlineData("""{"limit":99999999999}""", "limit", "99999999999", "limit must be a whole number, not 99999999999")]
    [InlineData("""{"granularity":-5}""", "granularity", "-5", "granularity must be 1 s or more, not -5")]
    [InlineData("""{"time_range":0}""", "time_range", "0", "time_range must be 1..3155760000 s, not 0")]
    [InlineData("""{"start_time":true}""", "start_time", "true", "start_time must be unix seconds, not true")]
    [InlineData("""{"start_time":20,"end_time":20}""", "start_time", "1970-01-01T00:00:20Z", "start_time 1970-01-01T00:00:20Z must be before end_time 1970-01-01T00:00:20Z")]
    [InlineData("""{"start_time":10,"end_time":20,"time_range":5}""", "time_range", "5", "give two of start_time, end_time and time_range, not all three (time_range 5)")]
    [InlineData("""{"compare_time_offset_seconds":5}""", "compare_time_offset_seconds", "5", "compare_time_offset_seconds must be one of 1800 (30m) 3600 (1h) 7200 (2h) 28800 (8h) 86400 (1d) 604800 (7d) 2419200 (28d) 15724800 (182d), not 5")]
    [InlineData("""{"usage_mode":1}""", "usage_mode", "1", "usage_mode must be true or false, not 1")]
    public void WrongJsonNamesTheFieldAndTheValue(string json, string field, string value, string message)
    {
        var error = Assert.Single(Read(json).Errors);
        Assert.Equal((field, value, message), (error.Field, error.Value, error.Message));
        Assert.Null(error.Offset);
    }

    [Fact]
    public void AllThatIsWrongIsReportedAtOnce() =>
        Assert.Equal(
            ["breakdowns[0]", "calculations[0].op", "filters[1].value", "what", "calculations[1].column", "limit", "granularity"],
            Read("""{"breakdowns":[1],"calculations":[{"op":"X"},{"op":"MAX"}],"filters":[{"column":"a","op":"exists"},{"column":"a","op":"="}],"what":1,"limit":-1,"granularity":-1}""")
                .Errors.Select(error => error.Field));

    [Fact]
    public void NoMoreErrorsThanAPersonReads()
    {
        var errors = Read($$"""{"breakdowns":[{{string.Join(',', Enumerable.Repeat("0", 5_000))}}]}""").Errors;
        Assert.Equal(LanguageLimits.ErrorsMax, errors.Count);
    }

    [Fact]
    public void AConditionPastTheDepthIsRefused()
    {
        var json = """{"column":"a","op":"exists"}""";
        for (var depth = 1; depth <= LanguageLimits.ConditionDepthMax; depth++)
        {
            json = $$"""{"not":{{json}}}""";
        }

        Assert.Equal("a condition may be 20 levels deep, and this one is deeper", Assert.Single(Read($$"""{"where":{{json}}}""").Errors).Message);
    }

    [Fact]
    public void TextThatIsNotJsonIsAnError()
    {
        var error = Assert.Single(QuerySpecJson.Parse(Encoding.UTF8.GetBytes("{\"limit\": x}")).Errors);
        Assert.Equal(("query", "not JSON: line 1, byte 11"), (error.Field, error.Message));
        Assert.False(QuerySpecJson.Parse(ReadOnlyMemory<byte>.Empty).Ok);
        Assert.False(QuerySpecJson.Parse(Encoding.UTF8.GetBytes(new string('[', 10_000))).Ok);
    }

    [Fact]
    public void WithoutSeriesMoreRowsAreAllowed()
    {
        using var document = JsonDocument.Parse("""{"limit":10000}""");
        Assert.True(QuerySpecJson.Read(document.RootElement, withoutSeries: true).Ok);
        Assert.Equal("limit must be 1..1000 (10000 with disable_series), not 10000", Assert.Single(QuerySpecJson.Read(document.RootElement).Errors).Message);
    }

    private static Parsed<QuerySpec> Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        return QuerySpecJson.Read(document.RootElement);
    }
}
