using System.Net;
using System.Text;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class TraceEndpointTests
{
    [Fact]
    public async Task RowsComeInOrderOfTimeAndThoseOfOneTimeAsFound()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Traces.Traces["00ff"] = new()
        {
            Complete = true,
            Missing = [],
            Rows = [Row(30, "c"), Row(10, "a"), Row(20, "b1"), Row(20, "b2"), Row(-5, "é")],
            Receipt = Answers.Receipt(),
        };
        using var response = await server.GetAsync("/api/v1/traces/00ff");

        Assert.Equal(ResponseText.Compact("""
            {"trace_id":"00ff","complete":true,"missing":[],
             "rows":[{"name":"é"},{"name":"a"},{"name":"b1"},{"name":"b2"},{"name":"c"}],
             "receipt":{"partitions":{"asked":4,"answered":4,"failed":[]},
              "covered":[{"partition":0,"head_offset":120,"trailing_offset":80,"from":"2023-11-14T22:13:20Z","to":"2023-11-14T22:13:20.5Z"}],
              "lag_ms":12,"rows_read":0,"elapsed_ms":1.25,"lost":[],"used":["aggregates"],"labels":{}}}
            """), await response.TextAsync());
    }

    [Fact]
    public async Task WhatIsMissingIsSaid()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Traces.Traces["t/1 é"] = new()
        {
            Complete = false,
            Missing = [new("sampled", "12 rows were dropped by rule \"one in ten\"", 12), new("partition", "partition 2 did not answer")],
            Rows = [],
            Receipt = Answers.Receipt(new Core.Querying.FailedPartition(2, "no answer within 1 s", true)),
        };
        using var response = await server.GetAsync("/api/v1/traces/" + Uri.EscapeDataString("t/1 é"));

        Assert.StartsWith(ResponseText.Compact("""
            {"trace_id":"t/1 é","complete":false,
             "missing":[{"reason":"sampled","detail":"12 rows were dropped by rule \"one in ten\"","rows":12},{"reason":"partition","detail":"partition 2 did not answer"}],
             "rows":[],"receipt":{"partitions":{"asked":4,"answered":3}}}
            """)[..^3], await response.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EventsAreFoundByAnyField()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Traces.Traces["order_id=o/17"] = new() { Complete = true, Missing = [], Rows = [Row(20, "b"), Row(10, "a")], Receipt = Answers.Receipt() };
        using var response = await server.GetAsync("/api/v1/traces/o%2F17?field=order_id");
        using var unknown = await server.GetAsync("/api/v1/traces/o%2F17?field=task");
        using var misspelt = await server.GetAsync("/api/v1/traces/o%2F17?by=order_id");

        Assert.StartsWith("""{"field":"order_id","value":"o/17","complete":true,"missing":[],"rows":[{"name":"a"},{"name":"b"}],"receipt":""", await response.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        Assert.Equal(["by|order_id"], await QueryErrorTests.ErrorsAsync(misspelt, HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task ATraceThatNobodySawIsNotFound()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.GetAsync("/api/v1/traces/abc");

        Assert.Equal(["traceId|abc"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.NotFound));
    }

    [Fact]
    public async Task ATraceIdPastItsLengthIsRefused()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.GetAsync("/api/v1/traces/" + new string('a', QueryHttpLimits.TraceIdCharsMax + 1));

        Assert.Equal([$"traceId|{new string('a', 80)}…"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.BadRequest));
    }

    private static TraceRow Row(long timeNs, string name) => new(timeNs, Encoding.UTF8.GetBytes($$"""{"name":"{{name}}"}"""));
}
