using System.Net;
using StreamObserve.Core.Sampling;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class SamplingEndpointTests
{
    private const string KeepErrors = """{"rules":[{"name":"errors","scope":"trace","conditions":[{"field":"error","op":"=","value":true}],"keep":true}]}""";

    [Fact]
    public async Task APolicyIsGivenBackWithItsVersionAsTag()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var put = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/Shop", KeepErrors);
        using var got = await server.GetAsync("/api/v1/sampling/shop");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (put.StatusCode, got.StatusCode));
        Assert.Equal(KeepErrors, await put.TextAsync());
        Assert.Equal(KeepErrors, await got.TextAsync());
        Assert.Equal(("\"1\"", "\"1\""), (put.Headers.ETag!.Tag, got.Headers.ETag!.Tag));
        Assert.Single(server.Sampling.Put);
    }

    [Fact]
    public async Task VersionsAreListedNewestFirst()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var first = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/__default__", """{"rules":[]}""");
        using var second = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/__default__", KeepErrors);
        using var response = await server.GetAsync("/api/v1/sampling/__default__/versions");

        Assert.Equal(
            $$$"""{"versions":[{"version":2,"time":"2023-11-14T22:13:22Z","policy":{{{KeepErrors}}}},{"version":1,"time":"2023-11-14T22:13:21Z","policy":{"rules":[]}}]}""",
            await response.TextAsync());
    }

    [Fact]
    public async Task ADatasetWithoutAPolicyOfItsOwnSaysWhichHolds()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.GetAsync("/api/v1/sampling/shop");
        using var versions = await server.GetAsync("/api/v1/sampling/shop/versions");

        using var problem = await QueryErrorTests.ProblemAsync(response, HttpStatusCode.NotFound);
        Assert.Contains("__default__", problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal("""{"versions":[]}""", await versions.TextAsync());
    }

    [Fact]
    public async Task APolicyThatCannotBeIsRefused()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/shop", """{"rulez":[]}""");

        using var problem = await QueryErrorTests.ProblemAsync(response, HttpStatusCode.UnprocessableEntity);
        Assert.Contains("rule", problem.RootElement.GetProperty("errors")[0].GetProperty("field").GetString(), StringComparison.Ordinal);
        Assert.Empty(server.Sampling.Put);
    }

    [Fact]
    public async Task APolicyThatTheOthersLeaveNoRoomForIsRefused()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Sampling.Outcome = () => new PutPolicyOutcome.Refused(new SamplingPolicyError("rules", "errors", "129", "at most 128 conditions a version"));
        using var response = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/shop", KeepErrors);

        using var problem = await QueryErrorTests.ProblemAsync(response, HttpStatusCode.UnprocessableEntity);
        Assert.Equal(
            """[{"field":"rules","value":"129","message":"rule \"errors\": at most 128 conditions a version"}]""",
            ResponseText.Compact(problem.RootElement.GetProperty("errors").GetRawText()));
    }

    [Fact]
    public async Task OnlyTheDefaultPolicyMayHaveAWindow()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var own = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/shop", """{"window":"30s","rules":[]}""");
        using var common = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/__DEFAULT__", """{"window":"30s","rules":[]}""");

        Assert.Equal("window", Assert.Single(await QueryErrorTests.ErrorsAsync(own, HttpStatusCode.UnprocessableEntity)).Split('|')[0]);
        Assert.Equal(HttpStatusCode.OK, common.StatusCode);
        Assert.Equal(30_000, Assert.Single(server.Sampling.Put).WindowMs);
    }

    [Theory]
    [InlineData("/api/v1/sampling/__all__", KeepErrors, "application/json", HttpStatusCode.BadRequest, "dataset")]
    [InlineData("/api/v1/sampling/shop", "{", "application/json", HttpStatusCode.BadRequest, "body")]
    [InlineData("/api/v1/sampling/shop", KeepErrors, "text/yaml; charset=utf-16", HttpStatusCode.UnsupportedMediaType, "Content-Type")]
    public async Task WrongRequestsAreProblems(string path, string body, string contentType, HttpStatusCode status, string field)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.SendAsync(HttpMethod.Put, path, body, contentType);

        Assert.Equal(field, Assert.Single(await QueryErrorTests.ErrorsAsync(response, status)).Split('|')[0]);
        Assert.Empty(server.Sampling.Put);
    }

    [Fact]
    public async Task AnUnreachableLogIsUnavailable()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Sampling.Outcome = () => throw new ServiceUnavailableException("the policy was not written: the log is away", isTransient: true);
        using var response = await server.SendAsync(HttpMethod.Put, "/api/v1/sampling/shop", KeepErrors);

        using var problem = await QueryErrorTests.ProblemAsync(response, HttpStatusCode.ServiceUnavailable);
        Assert.NotNull(response.Headers.RetryAfter);
    }
}
