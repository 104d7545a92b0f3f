using System.Net;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class BubbleUpEndpointTests
{
    private const string Path = "/api/v1/bubbleup";

    /// <summary>The selection, then the condition that it comes down to.</summary>
    public static TheoryData<string, string> Selections => new()
    {
        { """{"start_time":1700000000,"end_time":"2023-11-14T22:14:20Z","column":"duration_ms","min":2000,"max":4000.5}""", "1700000000..1700000060 duration_ms >= 2000 AND duration_ms < 4000.5" },
        { """{"column":"duration_ms","min":2000}""", ".. duration_ms >= 2000" },
        { """{"column":"duration_ms","max":-1}""", ".. duration_ms < -1" },
        { """{"column":"duration_ms"}""", ".. duration_ms exists" },
        { """{"start_time":1700000000}""", "1700000000.. " },
        { """{"group":{"build_id":"b7"}}""", """.. build_id = "b7" """ },
        { """{"group":{"build_id":"b7","status":500,"error":true,"region":null}}""", """.. build_id = "b7" AND status = 500 AND error = true AND region does-not-exist""" },
        { """{"where":"error = true OR status >= 500"}""", ".. error = true OR status >= 500" },
        { """{"where":{"not":{"column":"name","op":"contains","value":"x"}},"end_time":1700000060}""", """..1700000060 NOT name contains "x" """ },
    };

    /// <summary>Bodies of a wrong envelope, then field|value of every error.</summary>
    public static TheoryData<string, string[]> BadEnvelopes => new()
    {
        { "{}", ["dataset|", "query|", "selection|"] },
        { """{"dataset":"d","query":{},"text":"","selection":{}}""", ["text|"] },
        { """{"dataset":"d","query":[],"selection":"all"}""", ["query|[]", "selection|\"all\""] },
        { """{"dataset":7,"text":1,"selection":{},"source":"blocks","partial":"no"}""", ["dataset|7", "text|1", "source|\"blocks\"", "partial|\"no\""] },
    };

    /// <summary>Selections that cannot be, then field|value of every error.</summary>
    public static TheoryData<string, string[]> BadSelections => new()
    {
        { "{}", ["selection|{}"] },
        { """{"min":1}""", ["selection|{\"min\":1}", "selection.column|"] },
        { """{"column":"d","min":5,"max":5}""", ["selection.min|5"] },
        { """{"column":"d","start_time":1700000060,"end_time":1700000000}""", ["selection.start_time|2023-11-14T22:14:20Z"] },
        { """{"column":"","min":"1","max":null,"start_time":"soon"}""", ["selection.column|\"\"", "selection.min|\"1\"", "selection.start_time|\"soon\""] },
        { """{"group":{}}""", ["selection.group|{\"group\":{}}"] },
        { """{"group":{"a":[1]}}""", ["selection.group.a|[1]"] },
        { """{"group":"a"}""", ["selection.group|\"a\""] },
        { """{"group":{"a":1},"where":"b = 1"}""", ["selection|{\"group\":{\"a\":1},\"where\":\"b = 1\"}"] },
        { """{"where":"b >"}""", ["selection.where|"] },
        { """{"where":""}""", ["selection.where|\"\""] },
        { """{"where":{"column":"b"}}""", ["selection.where.op|"] },
        { """{"box":1}""", ["selection.box|1"] },
    };

    [Theory]
    [MemberData(nameof(Selections))]
    public async Task EverySelectionComesDownToTimeAndACondition(string selection, string expected)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync(Path, $$"""{"dataset":"Shop","text":"WHERE a = 1 LAST 5m","selection":{{selection}}}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var request = Assert.Single(server.BubbleUp.Requests);
        Assert.Equal("shop", request.Dataset);
        Assert.Equal(300, request.Spec.TimeRangeSeconds);
        Assert.Equal(expected.TrimEnd(), $"{request.Selection.StartNs / 1_000_000_000}..{request.Selection.EndNs / 1_000_000_000} {ConditionText.Format(request.Selection.Where)}".TrimEnd());
    }

    [Fact]
    public async Task TheAnswerIsAsTheContractSays()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync(Path, """{"dataset":"shop","query":{},"selection":{"column":"duration_ms","min":2000}}""");

        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.Equal(ResponseText.Compact("""
            {"dataset":"shop",
             "query":{"calculations":[{"op":"COUNT"}],"limit":100,"granularity":60,"start_time":1700000000,"end_time":1700000120},
             "selection":{"rows":20,"events":200},"baseline":{"rows":1000,"events":1000},
             "dimensions":[
              {"column":"build_id","score":0.612346,"values":[{"value":"b7","selection":0.95,"baseline":0.3},{"value":null,"selection":0.05,"baseline":0.7}],"same_as":["flag"]},
              {"column":"region","score":0.05,"values":[{"value":"eu","selection":1,"baseline":0.5}],"implied_by":"zone"}],
             "measures":[{"column":"bytes","score":0.25,"selection":{"p10":1,"p50":2,"p90":3,"p99":4.5},"baseline":null,"buckets":[{"min":1,"max":4,"selection":0.75,"baseline":0}]}],
             "left_out":[{"column":"duration_ms","reason":"selection"},{"column":"trace.trace_id","reason":"nearly_unique"}],
             "more_fields":false,
             "receipt":{"partitions":{"asked":4,"answered":4,"failed":[]},
              "covered":[{"partition":0,"head_offset":120,"trailing_offset":80,"from":"2023-11-14T22:13:20Z","to":"2023-11-14T22:13:20.5Z"}],
              "lag_ms":12,"rows_read":0,"elapsed_ms":1.25,"lost":[],"used":["aggregates"],"labels":{"selection":{"kind":"exact"},"baseline":{"kind":"estimated"}}}}
            """), await response.TextAsync());
    }

    [Theory]
    [MemberData(nameof(BadEnvelopes))]
    public async Task EnvelopeErrorsNameEveryFieldAndItsValue(string body, string[] errors)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync(Path, body);

        Assert.Equal(errors.Order(), (await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.BadRequest)).Order());
        Assert.Empty(server.BubbleUp.Requests);
    }

    [Theory]
    [MemberData(nameof(BadSelections))]
    public async Task SelectionErrorsAreUnprocessable(string selection, string[] errors)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync(Path, $$"""{"dataset":"d","query":{},"selection":{{selection}}}""");

        Assert.Equal(errors, await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.UnprocessableEntity));
        Assert.Empty(server.BubbleUp.Requests);
    }

    [Fact]
    public async Task AQueryThatCannotBeIsUnprocessable()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync(Path, """{"dataset":"d","query":{"limit":0},"selection":{"column":"x"}}""");
        Assert.Equal(["query.limit|0"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.UnprocessableEntity));
    }

    [Fact]
    public async Task OutcomesHaveTheirStatus()
    {
        await using var server = await QueryNodeServer.StartAsync();
        const string Body = """{"dataset":"d","query":{},"selection":{"column":"x"},"partial":"fail"}""";
        server.BubbleUp.Answer = _ => new BubbleUpOutcome.UnknownDataset();
        using (var response = await server.PostAsync(Path, Body))
        {
            Assert.Equal(["dataset|d"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.NotFound));
        }

        server.BubbleUp.Answer = _ => new BubbleUpOutcome.Refused([new("query.granularity", "1", "too fine")]);
        using (var response = await server.PostAsync(Path, Body))
        {
            Assert.Equal(["query.granularity|1"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.UnprocessableEntity));
        }

        server.BubbleUp.Answer = _ => Answers.Comparison(new FailedPartition(2, "down", true));
        using (var response = await server.PostAsync(Path, Body))
        {
            Assert.Equal(["partition|2"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.ServiceUnavailable));
        }

        using var allowed = await server.PostAsync(Path, Body.Replace("fail", "allow", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, allowed.StatusCode);
    }
}
