using System.Net;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.QueryNode.Tests;

public class PromoteEndpointTests
{
    private const long NowNs = 1_700_000_000_000_000_000;

    [Fact]
    public async Task ATraceIsBroughtBackFromAllOfTheLog()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync("/api/v1/promote", """{"trace_id":"0A"}""");
        Assert.StartsWith(
            """{"promoted":3,"already_promoted":2,"kept":1,"traces":1,"trace_ids":["0a"],"complete":true,"missing":[],"receipt":{""", await response.TextAsync(), StringComparison.Ordinal);
        var asked = Assert.Single(server.LogPasses.Promotions);
        Assert.Equal(("0A", "__all__", null, 0, NowNs + 1_000_000_000), (asked.TraceId, asked.Dataset, asked.Where, asked.StartNs, asked.EndNs));
    }

    [Theory]
    [InlineData("""{"filter":"a = 1","dataset":"Shop"}""", "shop", -7_199, 1)]
    [InlineData("""{"filter":"a = 1","time_range":60}""", "__all__", -59, 1)]
    [InlineData("""{"filter":"a = 1","start_time":1699999000,"time_range":60}""", "__all__", -1_000, -940)]
    [InlineData("""{"filter":"a = 1","start_time":1699999000,"end_time":1699999500}""", "__all__", -1_000, -500)]
    [InlineData("""{"filter":"a = 1","start_time":1699999000,"time_range":9000000000}""", "__all__", -1_000, 7_300_000_000)]
    public async Task AConditionHasATime(string body, string dataset, long startSeconds, long endSeconds)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync("/api/v1/promote", body);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var asked = Assert.Single(server.LogPasses.Promotions);
        Assert.Equal((dataset, NowNs + (startSeconds * 1_000_000_000L), NowNs + (endSeconds * 1_000_000_000L)), (asked.Dataset, asked.StartNs, asked.EndNs));
        Assert.Equal("a = 1", ConditionText.Format(Assert.IsType<Condition.Match>(asked.Where)));
    }

    [Fact]
    public async Task WhatTheLogHasLostIsSaid()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.LogPasses.Promotion = server.LogPasses.Promotion with { Missing = [new("expired", "the log of partition 1 begins later")] };
        using var response = await server.PostAsync("/api/v1/promote", """{"trace_id":"0a"}""");
        Assert.Contains("""complete":false,"missing":[{"reason":"expired","detail":"the log of partition 1 begins later"}]""", await response.TextAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "filter|")]
    [InlineData("""{"filter":"a ="}""", "filter|")]
    [InlineData("""{"filter":7}""", "filter|7")]
    [InlineData("""{"filter":"root.name = 1"}""", "filter|root.name = 1")]
    [InlineData("""{"filtr":"a = 1"}""", "filtr|\"a = 1\"", "filter|")]
    [InlineData("""{"trace_id":"a","filter":"a = 1"}""", "filter|")]
    [InlineData("""{"trace_id":"a","dataset":"shop"}""", "dataset|")]
    [InlineData("""{"trace_id":""}""", "trace_id|")]
    [InlineData("""{"filter":"a = 1","time_range":0}""", "time_range|0")]
    [InlineData("""{"filter":"a = 1","start_time":5,"end_time":5}""", "start_time|")]
    [InlineData("""{"filter":"a = 1","end_time":0}""", "start_time|")]
    [InlineData("""{"filter":"a = 1","start_time":1,"end_time":5,"time_range":4}""", "time_range|")]
    [InlineData("""{"filter":"a = 1","dataset":" "}""", "dataset| ")]
    public async Task WhatIsWrongIsNamed(string body, params string[] errors)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync("/api/v1/promote", body);
        Assert.Equal(errors, await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.BadRequest));
        Assert.Empty(server.LogPasses.Promotions);
    }
}
