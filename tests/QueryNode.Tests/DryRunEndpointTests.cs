using System.Net;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Sampling;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class DryRunEndpointTests
{
    private const string Policy = """{"rules":[{"name":"one in 10","rate":10}]}""";

    [Fact]
    public async Task WhatWouldHaveBeenKeptIsTold()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.LogPasses.DryRun = new DryRunOutcome.Tried(new()
        {
            All = new(100, 10),
            Bytes = (5_000, 600),
            Estimate = 99.5,
            Seconds = 4,
            UntilMs = 1_699_999_990_000,
            Groups = [new("rules/trace/one in 10", "", new(90, 5)), new("rules/trace/by:dynamic", "eu•,", new(10, 5))],
            Fields = [("region", new([new("eu", new(60, 10)), new("us", new(39, 0)), new("ap", new(1, 0))], new(0, 0))), ("id", new([new("a", new(1, 1))], new(99, 9)))],
            Missing = [],
            Receipt = Answers.Receipt(),
        });
        using var response = await server.PostAsync("/api/v1/sampling/dryrun", $$"""{"dataset":"Shop","policy":{{Policy}},"by":["region","id"],"time_range":60,"limit":2}""");
        Assert.StartsWith(ResponseText.Compact("""
            {"dataset":"shop","start_time":"2023-11-14T22:12:21Z","end_time":"2023-11-14T22:13:21Z","counted_until":"2023-11-14T22:13:10Z","seconds_read":4,"events":100,"kept":10,"kept_share":0.1,"kept_per_second":2.5,
             "estimate":99.5,"bytes":5000,"kept_bytes":600,
             "decided_by":[{"reason":"rules/trace/one in 10","events":90,"kept":5},{"reason":"rules/trace/by:dynamic","key":"eu•,","events":10,"kept":5}],"more_decided_by":false,
             "fields":[{"field":"region","values":3,"most_frequent":[{"value":"eu","events":60,"kept":10},{"value":"us","events":39,"kept":0}],
               "vanished":{"values":2,"events":40,"most_frequent":[{"value":"us","events":39,"kept":0},{"value":"ap","events":1,"kept":0}]}},
              {"field":"id","values":1,"most_frequent":[{"value":"a","events":1,"kept":1}],"vanished":{"values":0,"at_most":true,"events":0,"most_frequent":[]},"others":{"events":99,"kept":9}}],
             "complete":true,"missing":[],"receipt":{}}
            """)[..^2], await response.TextAsync(), StringComparison.Ordinal);
        var asked = Assert.Single(server.LogPasses.DryRuns);
        Assert.Equal(("shop", 1_699_999_941_000, 1_700_000_001_000), (asked.Dataset, asked.FromMs, asked.ToMs));
        Assert.Equal(10, Assert.Single(asked.Policy.Rules).Rate);
    }

    [Fact]
    public async Task WhereNoPartitionAnswersTheRequestFails()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.LogPasses.DryRun = new DryRunOutcome.Tried(((DryRunOutcome.Tried)server.LogPasses.DryRun).Answer with
        {
            Receipt = Answers.Receipt([.. Enumerable.Range(0, 4).Select(i => new Core.Querying.FailedPartition(i, "another promotion or dry run is under way", true))]),
        });
        using var response = await server.PostAsync("/api/v1/sampling/dryrun", $$"""{"dataset":"shop","policy":{{Policy}},"by":["a"]}""");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "1"), (response.StatusCode, response.Headers.RetryAfter?.ToString()));
    }

    [Fact]
    public async Task APolicyThatDoesNotFitBesideTheOthersIsRefused()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.LogPasses.DryRun = new DryRunOutcome.Refused(new SamplingPolicyError("rules[0].conditions", "r", "", "too many"));
        using var response = await server.PostAsync("/api/v1/sampling/dryrun", $$"""{"dataset":"shop","policy":{{Policy}},"by":["a"]}""");
        Assert.Equal(["rules[0].conditions|"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.UnprocessableEntity));
    }

    [Theory]
    [InlineData("{}", 400, "dataset|", "policy|")]
    [InlineData("""{"dataset":"__all__","policy":{"rules":[]}}""", 400, "dataset|__all__")]
    [InlineData("""{"dataset":"shop","policy":[]}""", 400, "policy|[]")]
    [InlineData("""{"dataset":"shop","policy":{"rules":[]},"by":["a","a"]}""", 400, "by|\"a\"")]
    [InlineData("""{"dataset":"shop","policy":{"rules":[]},"by":"a"}""", 400, "by|\"a\"")]
    [InlineData("""{"dataset":"shop","policy":{"rules":[]},"limit":0}""", 400, "limit|0")]
    [InlineData("""{"dataset":"shop","policy":{"rules":[]},"until":0}""", 400, "until|0")]
    [InlineData("""{"dataset":"shop","policy":{"rules":[{"name":"r"}]}}""", 422, "policy.rules[0]|")]
    [InlineData("""{"dataset":"shop","policy":{}}""", 422, "policy.rules|")]
    public async Task WhatIsWrongIsNamed(string body, int status, params string[] errors)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync("/api/v1/sampling/dryrun", body);
        Assert.Equal(errors, await QueryErrorTests.ErrorsAsync(response, (HttpStatusCode)status));
        Assert.Empty(server.LogPasses.DryRuns);
    }
}
