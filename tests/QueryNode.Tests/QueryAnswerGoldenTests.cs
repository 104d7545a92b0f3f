using System.Net;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class QueryAnswerGoldenTests
{
    private const string PlainReceipt = """
        "receipt":{"partitions":{"asked":4,"answered":4,"failed":[]},
          "covered":[{"partition":0,"head_offset":120,"trailing_offset":80,"from":"2023-11-14T22:13:20Z","to":"2023-11-14T22:13:20.5Z"}],
          "lag_ms":12,"rows_read":0,"elapsed_ms":1.25,"lost":[],"used":["aggregates"],
        """;

    [Fact]
    public async Task CountWithoutGroupsIsOneRowAndASeries()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync("""{"dataset":"Shop","query":{"calculations":[{"op":"COUNT"}],"time_range":600}}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(ResponseText.Compact($$$$"""
            {"id":"r1","dataset":"shop",
             "query":{"calculations":[{"op":"COUNT"}],"limit":100,"granularity":60,"start_time":1700000000,"end_time":1700000120},
             "data":{"series":[{"time":"2023-11-14T22:13:20Z","data":{"COUNT":7}}],"results":[{"data":{"COUNT":7}}],"total":null,"other":null},
             {{{{PlainReceipt}}}} "labels":{"COUNT":{"kind":"exact"} } } }
            """), await response.TextAsync());
        var request = Assert.Single(server.Queries.Requests);
        Assert.Equal(("shop", QuerySource.Auto, true), (request.Dataset, request.Source, request.PartialAllowed));
        Assert.Equal(600, request.Spec.TimeRangeSeconds);
    }

    [Fact]
    public async Task TextIsEchoedBesideTheSpecificationThatItMeans()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync(
            """{"dataset":"__all__","text":"COUNT WHERE error = true LAST 10m","source":"blocks","partial":"fail"}""");

        Assert.StartsWith(ResponseText.Compact("""
            {"id":"r1","dataset":"__all__","text":"COUNT WHERE error = true LAST 10m",
             "query":{"calculations":[{"op":"COUNT"}],"filters":[{"column":"error","op":"=","value":true}],"limit":100,"granularity":60,"start_time":1700000000,"end_time":1700000120},
             "data":{"series":[],"results":[],"total":null,"other":null}}
            """).Split(",\"data\"")[0], await response.TextAsync(), StringComparison.Ordinal);
        var request = Assert.Single(server.Queries.Requests);
        Assert.Equal(("__all__", QuerySource.Blocks, false), (request.Dataset, request.Source, request.PartialAllowed));
    }

    [Fact]
    public async Task TheExplanationIsThereWhenAskedFor()
    {
        await using var server = await QueryNodeServer.StartAsync();
        var explanation = new ScanExplanation
        {
            BlocksConsidered = 16, BlocksSkippedByTime = 3, BlocksSkippedByDataset = 1, BlocksSkippedByMinMax = 2, BlocksSkippedByBloom = 8, BlocksRead = 2,
            ColumnsDecoded = 4, BytesDecoded = 500, BlockRows = 70, HeadRows = 71, RecentRows = 72, UnfoldedRows = 73, FoldsUsed = 5,
        };
        explanation.Because("of this");
        server.Queries.Answer = (request, _) =>
        {
            var answer = Answers.Count(7);
            return Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(answer with { Receipt = answer.Receipt with { Explanation = request.Explain ? explanation : null } }));
        };
        using var without = await server.QueryAsync("""{"dataset":"d","text":"COUNT","explain":false}""");
        Assert.DoesNotContain("explain", await without.TextAsync(), StringComparison.Ordinal);

        using var with = await server.QueryAsync("""{"dataset":"d","text":"COUNT","explain":true}""");
        Assert.EndsWith("," + ResponseText.Compact("""
            {"explain":{"blocks":{"considered":16,"skipped":{"time":3,"dataset":1,"min_max":2,"bloom":8},"read":2},
             "decoded":{"columns":4,"bytes":500},"rows":{"blocks":70,"head_block":71,"recent":72,"unfolded":73},"folds":5,"rows_because":["of this"]}}
            """)[1..], await with.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryLabelKindIsToldForItsColumnAndForCellsThatDiffer()
    {
        var labels = new NumberLabel[]
        {
            NumberLabel.Exact,
            new(LabelKind.Bounded, Bound: 0.0099),
            new(LabelKind.Estimated, IntervalLow: 90.5, IntervalHigh: 110),
            new(LabelKind.AtLeast),
            new(LabelKind.AtMost),
        };
        await using var server = await QueryNodeServer.StartAsync();
        server.Answer(Answers.Count(0) with
        {
            Calculations = ["COUNT", "P99(duration_ms)", "SUM(bytes)", "MAX(duration_ms)", "MIN(duration_ms)"],
            Labels = labels,
            Series = [],
            Results =
            [
                Answers.Row(
                    Answers.Cell(FieldValue.Of(12), labels[0]), Answers.Cell(FieldValue.Of(31.25), labels[1]), Answers.Cell(FieldValue.Of(100.0), labels[2]),
                    Answers.Cell(FieldValue.Of(99.5), labels[3]), Answers.Cell(FieldValue.Of(0.25), labels[4])),
                Answers.Row(
                    Answers.Cell(FieldValue.Of(3), new NumberLabel(LabelKind.Estimated, IntervalLow: 1, IntervalHigh: 5)), Answers.Cell(FieldValue.Of(2), NumberLabel.Exact),
                    Answers.Cell(FieldValue.Of(4), new NumberLabel(LabelKind.Estimated, IntervalLow: 3, IntervalHigh: 5)),
                    Answers.Cell(FieldValue.Of(1), NumberLabel.Exact), Answers.Cell(FieldValue.Absent, labels[4])),
            ],
        });
        using var response = await server.QueryAsync("""{"dataset":"shop","query":{}}""");

        Assert.Equal(ResponseText.Compact($$$$"""
            {"id":"r1","dataset":"shop",
             "query":{"calculations":[{"op":"COUNT"}],"limit":100,"granularity":60,"start_time":1700000000,"end_time":1700000120},
             "data":{"series":[],"results":[
               {"data":{"COUNT":12,"P99(duration_ms)":31.25,"SUM(bytes)":100,"MAX(duration_ms)":99.5,"MIN(duration_ms)":0.25}},
               {"data":{"COUNT":3,"COUNT.label":{"kind":"estimated","interval":[1,5]},"P99(duration_ms)":2,"P99(duration_ms).label":{"kind":"exact"},
                        "SUM(bytes)":4,"SUM(bytes).label":{"kind":"estimated","interval":[3,5]},"MAX(duration_ms)":1,"MAX(duration_ms).label":{"kind":"exact"},
                        "MIN(duration_ms)":null}}],
              "total":null,"other":null},
             {{{{PlainReceipt}}}} "labels":{"COUNT":{"kind":"exact"},"P99(duration_ms)":{"kind":"bounded","bound":0.0099},
               "SUM(bytes)":{"kind":"estimated","interval":[90.5,110]},"MAX(duration_ms)":{"kind":"at_least"},"MIN(duration_ms)":{"kind":"at_most"} } } }
            """), await response.TextAsync());
    }

    [Fact]
    public async Task GroupsOverTimeWithTotalAndOther()
    {
        var count = (long n) => new[] { Answers.Cell(FieldValue.Of(n)) };
        await using var server = await QueryNodeServer.StartAsync();
        server.Answer(Answers.Count(0) with
        {
            Breakdowns = ["name", "status", "rate", "error"],
            Results =
            [
                new([FieldValue.Of("GET \"/café\" <&>\n"), FieldValue.Of(200), FieldValue.Of(0.5), FieldValue.Of(true)], count(5)),
                new([FieldValue.Absent, FieldValue.Of(-1), FieldValue.Of(2.0), FieldValue.Of(false)], count(4)),
            ],
            Series =
            [
                new(Answers.StartNs, [new([FieldValue.Of("a"), FieldValue.Absent, FieldValue.Absent, FieldValue.Absent], count(1)), new([FieldValue.Of("b"), FieldValue.Absent, FieldValue.Absent, FieldValue.Absent], count(2))]),
                new(Answers.StartNs + 60 * Answers.SecondNs, []),
                new(Answers.StartNs + 120 * Answers.SecondNs + 1, [new([FieldValue.Of("a"), FieldValue.Absent, FieldValue.Absent, FieldValue.Absent], count(3))]),
            ],
            Total = Answers.Row(count(30)),
            Other = Answers.Row(count(21)),
        });
        using var response = await server.QueryAsync("""{"dataset":"shop","query":{"breakdowns":["name","status","rate","error"],"limit":2}}""");

        Assert.Equal(ResponseText.Compact($$$$"""
            {"id":"r1","dataset":"shop",
             "query":{"breakdowns":["name","status","rate","error"],"calculations":[{"op":"COUNT"}],"limit":2,"granularity":60,"start_time":1700000000,"end_time":1700000120},
             "data":{
              "series":[
               {"time":"2023-11-14T22:13:20Z","data":{"name":"a","status":null,"rate":null,"error":null,"COUNT":1}},
               {"time":"2023-11-14T22:13:20Z","data":{"name":"b","status":null,"rate":null,"error":null,"COUNT":2}},
               {"time":"2023-11-14T22:15:20.000000001Z","data":{"name":"a","status":null,"rate":null,"error":null,"COUNT":3}}],
              "results":[
               {"data":{"name":"GET \"/café\" <&>\n","status":200,"rate":0.5,"error":true,"COUNT":5}},
               {"data":{"name":null,"status":-1,"rate":2,"error":false,"COUNT":4}}],
              "total":{"data":{"COUNT":30}},"other":{"data":{"COUNT":21}}},
             {{{{PlainReceipt}}}} "labels":{"COUNT":{"kind":"exact"} } } }
            """), await response.TextAsync());
    }

    [Fact]
    public async Task HeatmapCellsAreBuckets()
    {
        var heatmap = new AnswerCell(FieldValue.Absent, [new(0.5, 1, 3), new(1, 2.25, 1e6)], NumberLabel.Exact);
        var empty = new AnswerCell(FieldValue.Absent, [], NumberLabel.Exact);
        await using var server = await QueryNodeServer.StartAsync();
        server.Answer(Answers.Count(0) with
        {
            Calculations = ["HEATMAP(duration_ms)"],
            Results = [Answers.Row(empty)],
            Series = [new(Answers.StartNs, [Answers.Row(heatmap)])],
        });
        using var response = await server.QueryAsync("""{"dataset":"shop","query":{"calculations":[{"op":"HEATMAP","column":"duration_ms"}]}}""");

        Assert.Equal(ResponseText.Compact($$$$"""
            {"id":"r1","dataset":"shop",
             "query":{"calculations":[{"op":"HEATMAP","column":"duration_ms"}],"limit":100,"granularity":60,"start_time":1700000000,"end_time":1700000120},
             "data":{"series":[{"time":"2023-11-14T22:13:20Z","data":{"HEATMAP(duration_ms)":{"buckets":[{"min":0.5,"max":1,"count":3},{"min":1,"max":2.25,"count":1000000}]}}}],
              "results":[{"data":{"HEATMAP(duration_ms)":{"buckets":[]}}}],"total":null,"other":null},
             {{{{PlainReceipt}}}} "labels":{"HEATMAP(duration_ms)":{"kind":"exact"} } } }
            """), await response.TextAsync());
    }

    [Fact]
    public async Task ReceiptTellsFailedPartitionsAndLostRanges()
    {
        await using var server = await QueryNodeServer.StartAsync();
        var answer = Answers.Count(7, new FailedPartition(2, "no answer within 1 s", true), new FailedPartition(3, "disk full", false));
        server.Answer(answer with
        {
            Receipt = answer.Receipt with
            {
                Covered = [new(0, 5, 0, null, null)],
                Lost = [new(1, 10, 20)],
                RowsRead = 12_345_678_901,
                ElapsedMs = 0.1234567,
                Used = ["aggregates", "recent", "blocks"],
            },
        });
        using var response = await server.QueryAsync("""{"dataset":"shop","query":{},"partial":"allow"}""");

        Assert.EndsWith(ResponseText.Compact("""
            {"receipt":{"partitions":{"asked":4,"answered":2,"failed":[{"partition":2,"reason":"no answer within 1 s","retryable":true},{"partition":3,"reason":"disk full","retryable":false}]},
             "covered":[{"partition":0,"head_offset":5,"trailing_offset":0,"from":null,"to":null}],
             "lag_ms":12,"rows_read":12345678901,"elapsed_ms":0.123,"lost":[{"partition":1,"from_offset":10,"to_offset":20}],"used":["aggregates","recent","blocks"],
             "labels":{"COUNT":{"kind":"exact"} } } }
            """)[1..], await response.TextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e15, "1000000000000000")]
    [InlineData(9_007_199_254_740_991, "9007199254740991")]
    [InlineData(9_007_199_254_740_992, "9007199254740992")]
    [InlineData(1e300, "1E+300")]
    [InlineData(-0.0, "0")]
    [InlineData(-3.0, "-3")]
    [InlineData(0.1, "0.1")]
    [InlineData(1e-7, "1E-07")]
    public async Task WholeNumbersAreIntegers(double value, string json)
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Answer(Answers.Count(0) with { Results = [Answers.Row(Answers.Cell(FieldValue.Of(value)))] });
        using var response = await server.QueryAsync("""{"dataset":"shop","query":{}}""");

        Assert.Contains($$$$"""
            "results":[{"data":{"COUNT":{{{{json}}}}}}]
            """, await response.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Integers64AreWrittenWhole()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Answer(Answers.Count(long.MaxValue));
        using var response = await server.QueryAsync("""{"dataset":"shop","query":{}}""");

        Assert.Contains("\"COUNT\":9223372036854775807", await response.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AskingTheEchoedQueryAgainAsksTheSame()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var first = await server.QueryAsync(
            """{"dataset":"shop","text":"COUNT, P99(duration_ms) WHERE a = 1 AND (b contains \"x\" OR NOT c exists) GROUP BY d HAVING COUNT > 3 ORDER BY d ASC LIMIT 7 LAST 2h"}""");
        using var document = System.Text.Json.JsonDocument.Parse(await first.TextAsync());
        var query = document.RootElement.GetProperty("query").GetRawText();
        using var second = await server.QueryAsync($$$$"""{"dataset":"shop","query":{{{{query}}}}}""");

        using var again = System.Text.Json.JsonDocument.Parse(await second.TextAsync());
        Assert.Equal(query, again.RootElement.GetProperty("query").GetRawText());
        Assert.Equal((Answers.Time.StartNs, Answers.Time.EndNs), (server.Queries.Requests[1].Spec.StartTimeNs, server.Queries.Requests[1].Spec.EndTimeNs));
    }
}

internal static class QueryNodeServerAnswers
{
    public static void Answer(this QueryNodeServer server, QueryAnswer answer) =>
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(answer));
}
