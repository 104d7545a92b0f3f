using System.Text.Json;

namespace StreamObserve.Tests;

public class QueryCommandTests
{
    private const string Whole = """
        {"id":"q1","dataset":"__all__","query":{"text":"…"},"data":{"series":[
          {"time":"2026-01-01T00:00:00Z","data":{"service.name":"web","COUNT":100,"P99(duration_ms)":10.5}},
          {"time":"2026-01-01T00:01:00Z","data":{"service.name":"web","COUNT":1134,"P99(duration_ms)":11.5}}],
         "results":[
          {"data":{"service.name":"web","COUNT":1234,"P99(duration_ms)":12.345}},
          {"data":{"service.name":"pay,ment","COUNT":7,"P99(duration_ms)":null,"COUNT.label":{"kind":"estimated","interval":[5,9]}}},
          {"data":{"service.name":null,"COUNT":3,"P99(duration_ms)":0.5}}],
         "total":{"data":{"COUNT":1244,"P99(duration_ms)":12}},"other":null},
         "receipt":{"partitions":{"asked":4,"answered":4,"failed":[]},"covered":[],"lag_ms":120,"rows_read":5321,"elapsed_ms":8.25,"lost":[],
          "used":["aggregates","recent"],"labels":{"COUNT":{"kind":"exact"},"P99(duration_ms)":{"kind":"bounded","bound":0.0099}}}}
        """;

    private const string Partial = """
        {"id":"q2","data":{"series":[],"results":[{"data":{"COUNT":5}}],"total":null,"other":null},
         "receipt":{"partitions":{"asked":4,"answered":3,"failed":[{"partition":2,"reason":"no owner answered within 1 s","retryable":true}]},
          "lag_ms":0,"rows_read":0,"elapsed_ms":1,"lost":[{"partition":1,"from_offset":10,"to_offset":20}],"used":[],"labels":{"COUNT":{"kind":"exact"}}}}
        """;

    private readonly Terminal _terminal = new();

    [Fact]
    public async Task TableShowsRowsLabelsAndReceipt()
    {
        _terminal.Node = new StubNode().Answer(Whole);
        Assert.Equal(0, await _terminal.RunAsync("query", "COUNT, P99(duration_ms) GROUP BY service.name"));
        Assert.Equal(
            """
            service.name      COUNT  P99(duration_ms)
            ------------  ---------  ----------------
            web               1,234            ~12.35
            pay,ment      ~7 (5..9)                 -
            (none)                3              ~0.5
            (total)           1,244               ~12
            ~ P99(duration_ms): within 0.99 % of the truth, over all events
            [4 of 4 partitions, lag 120 ms, 5,321 rows read, 8.3 ms, from aggregates, recent]

            """.ReplaceLineEndings("\n"),
            _terminal.Output);
    }

    [Fact]
    public async Task RequestCarriesTextDatasetSourceAndPartial()
    {
        _terminal.Node = new StubNode().Answer(Whole);
        await _terminal.RunAsync("query", "COUNT", "WHERE", "a", "=", "1", "--dataset", "shop", "--source", "blocks", "--partial", "fail");
        (string method, string path, string body) = Assert.Single(_terminal.Node.Requests);
        Assert.Equal(("POST", "/api/v1/query"), (method, path));
        Assert.Equal("""{"dataset":"shop","text":"COUNT WHERE a = 1","partial":"fail","source":"blocks"}""", body);
    }

    [Fact]
    public async Task ExplainIsAskedForAndShownOnStandardError()
    {
        _terminal.Node = new StubNode().Answer(Whole.TrimEnd()[..^1] + """
            ,"explain":{"blocks":{"considered":16,"skipped":{"time":3,"dataset":0,"min_max":2,"bloom":9},"read":2},"decoded":{"columns":4,"bytes":123456},
             "rows":{"blocks":131072,"head_block":10,"recent":20,"unfolded":0},"folds":0,"rows_because":["the question is about blocks only"]}}
            """);
        Assert.Equal(0, await _terminal.RunAsync("query", "--explain", "COUNT", "--format", "json"));
        Assert.Contains("\"explain\":true", Assert.Single(_terminal.Node.Requests).Body, StringComparison.Ordinal);
        Assert.Equal(
            """
            blocks: 16 held, skipped 3 by time, 0 by dataset, 2 by least and greatest value, 9 by bloom filter; 2 read
            decoded: 4 columns, 123,456 bytes; what was held decoded is not counted
            rows: 131,072 in blocks, 10 kept and not in a block yet, 20 not decided yet, 0 beside the aggregates
            aggregates: of 0 folds
            rows because the question is about blocks only

            """.ReplaceLineEndings("\n"),
            _terminal.Error);
    }

    [Fact]
    public async Task CsvQuotesAndSaysWhichCellsAreNotExact()
    {
        _terminal.Node = new StubNode().Answer(Whole);
        await _terminal.RunAsync("query", "COUNT", "--format", "csv");
        Assert.Equal(
            "service.name,COUNT,COUNT.label,P99(duration_ms),P99(duration_ms).label\n"
            + "web,1234,exact,12.345,bounded\n\"pay,ment\",7,estimated,,bounded\n,3,exact,0.5,bounded\n",
            _terminal.Output);
    }

    [Fact]
    public async Task SeriesRowsCarryTheirTime()
    {
        _terminal.Node = new StubNode().Answer(Whole);
        await _terminal.RunAsync("query", "COUNT", "--format", "csv", "--rows", "series");
        Assert.StartsWith("time,service.name,COUNT,P99(duration_ms),P99(duration_ms).label\n2026-01-01T00:00:00Z,web,100,10.5,bounded\n", _terminal.Output);
    }

    [Fact]
    public async Task JsonIsTheNodesAnswer()
    {
        _terminal.Node = new StubNode().Answer(Whole);
        await _terminal.RunAsync("query", "COUNT", "--format", "json");
        Assert.Equal("q1", JsonDocument.Parse(_terminal.Output).RootElement.GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("table", true)]
    [InlineData("csv", false)]
    [InlineData("json", false)]
    public async Task PartialAnswerSaysSoLoudly(string format, bool onOutput)
    {
        _terminal.Node = new StubNode().Answer(Partial);
        Assert.Equal(0, await _terminal.RunAsync("query", "COUNT", "--format", format));
        string told = onOutput ? _terminal.Output : _terminal.Error;
        Assert.StartsWith(
            """
            PARTIAL ANSWER: 1 of 4 partitions did not answer; the numbers lack their events
              partition 2: no owner answered within 1 s (asking again may help)
            LOST: the log of partition 1 was gone from offset 10 to 20 before it was read
            """.ReplaceLineEndings("\n"),
            told);
    }

    [Fact]
    public async Task HeatmapIsDrawnAsBars()
    {
        _terminal.Node = new StubNode().Answer("""
            {"data":{"series":[],"results":[{"data":{"HEATMAP(d)":{"buckets":[{"min":1,"max":2,"count":1},{"min":2,"max":4,"count":8},{"min":4,"max":8,"count":0}]}}}]},"receipt":{"labels":{"HEATMAP(d)":{"kind":"exact"}}}}
            """);
        await _terminal.RunAsync("query", "HEATMAP(d)");
        Assert.Contains("1 ▁█▁ 8", _terminal.Output);
    }

    [Fact]
    public async Task NothingFoundIsSaid()
    {
        _terminal.Node = new StubNode().Answer("""{"data":{"series":[],"results":[]},"receipt":{"partitions":{"asked":1,"answered":1,"failed":[]},"lag_ms":1,"rows_read":0,"elapsed_ms":1,"used":["aggregates"]}}""");
        Assert.Equal(0, await _terminal.RunAsync("query", "COUNT"));
        Assert.StartsWith("no events match\n", _terminal.Output);
    }

    [Fact]
    public async Task ProblemIsToldWithFieldAndValueAndPointsIntoTheText()
    {
        _terminal.Node = new StubNode().Answer(
            """{"title":"bad request","status":400,"detail":"the text can't be read","errors":[{"field":"text","value":"GRUOP","message":"expected a clause"}],"position":7}""",
            400,
            "application/problem+json");
        Assert.Equal(2, await _terminal.RunAsync("query", "COUNT GRUOP BY x"));
        Assert.Equal("streamobserve query: the text can't be read\n  text: expected a clause, got \"GRUOP\"\n  COUNT GRUOP BY x\n        ^\n", _terminal.Error);
    }

    [Fact]
    public async Task RefusedPartialAnswerIsExitCodeOne()
    {
        _terminal.Node = new StubNode().Answer("""{"title":"partial","status":503,"detail":"1 of 4 partitions did not answer"}""", 503, "application/problem+json");
        Assert.Equal(1, await _terminal.RunAsync("query", "COUNT", "--partial", "fail"));
        Assert.Contains("1 of 4 partitions did not answer", _terminal.Error);
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("{}")]
    [InlineData("[]")]
    public async Task WhatIsNoAnswerIsAnErrorInOneLine(string body)
    {
        _terminal.Node = new StubNode().Answer(body);
        Assert.Equal(1, await _terminal.RunAsync("query", "COUNT"));
        Assert.Single(_terminal.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task AgainstShowsWhatTellsTheSelectedEventsFromTheOthers()
    {
        _terminal.Node = new StubNode().Answer("""
            {"selection":{"rows":74,"events":740},"baseline":{"rows":98436,"events":98436},
             "dimensions":[
              {"column":"build_id","score":0.61,"values":[{"value":"b7","selection":0.95,"baseline":0.3},{"value":"b6","selection":0.05,"baseline":0.3}],"same_as":["flag"]},
              {"column":"region","score":0.05,"values":[{"value":null,"selection":0.2,"baseline":0.1},{"value":"eu","selection":0.6,"baseline":0.5}],"implied_by":"zone"},
              {"column":"site","score":0,"values":[{"value":"shop","selection":1,"baseline":1}]}],
             "measures":[{"column":"bytes","score":0.4,"selection":{"p10":1,"p50":20,"p90":30,"p99":4000},"baseline":null,"buckets":[]}],
             "left_out":[],"more_fields":false,
             "receipt":{"partitions":{"asked":4,"answered":4,"failed":[]},"lag_ms":1,"rows_read":98510,"elapsed_ms":30,"lost":[],"used":["blocks"],
              "labels":{"selection":{"kind":"exact"},"baseline":{"kind":"exact"}}}}
            """);
        Assert.Equal(0, await _terminal.RunAsync("query", "LAST 10m", "--against", "duration_ms > 2000"));
        (string method, string path, string body) = Assert.Single(_terminal.Node.Requests);
        Assert.Equal(("POST", "/api/v1/bubbleup"), (method, path));
        Assert.Equal("""{"dataset":"__all__","text":"LAST 10m","partial":"allow","selection":{"where":"duration_ms \u003E 2000"}}""", body);
        Assert.Equal(
            """
            740 selected events (74 rows) against 98,436 others (98,436 rows)
            field                       value   selected  others  score
            --------------------------  ------  --------  ------  -----
            build_id = flag             b7        95.0 %  30.0 %   0.61
            region (follows from zone)  (none)    20.0 %  10.0 %   0.05
                                        eu        60.0 %  50.0 %

            number  selected p50  others p50  selected p99  others p99  score
            ------  ------------  ----------  ------------  ----------  -----
            bytes             20           -         4,000           -   0.40
            [4 of 4 partitions, lag 1 ms, 98,510 rows read, 30 ms, from blocks]

            """.ReplaceLineEndings("\n"),
            _terminal.Output);
    }

    [Fact]
    public async Task AgainstTakesNoSource()
    {
        Assert.Equal(2, await _terminal.RunAsync("query", "LAST 10m", "--against", "error = true", "--source", "blocks"));
        Assert.Contains("--against takes neither", _terminal.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DatasetsAreListed()
    {
        _terminal.Node = new StubNode().Answer("""{"datasets":[{"name":"cart","last_written":"2026-01-01T00:00:00Z"},{"name":"web","last_written":null}],"more":false}""");
        Assert.Equal(0, await _terminal.RunAsync("datasets"));
        Assert.Equal("name  last_written\n----  --------------------\ncart  2026-01-01T00:00:00Z\nweb\n", _terminal.Output);
        await _terminal.RunAsync("datasets", "a/b");
        Assert.Equal("/api/v1/datasets/a%2Fb/columns", _terminal.Node.Requests[^1].PathAndQuery);
    }
}
