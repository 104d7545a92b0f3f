using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class QueryErrorTests
{
    // The envelope: body, status, then field|value of every error.
    public static TheoryData<string, string[]> BadEnvelopes => new()
    {
        { """{"query":{}}""", ["dataset|"] },
        { """{"dataset":"","query":{}}""", ["dataset|"] },
        { """{"dataset":7,"query":{}}""", ["dataset|7"] },
        { """{"dataset":null,"query":{}}""", ["dataset|null"] },
        { """{"dataset":"d"}""", ["query|"] },
        { """{"dataset":"d","query":{},"text":"COUNT"}""", ["text|COUNT"] },
        { """{"dataset":"d","query":"COUNT"}""", ["query|\"COUNT\""] },
        { """{"dataset":"d","query":[1]}""", ["query|[1]"] },
        { """{"dataset":"d","text":{}}""", ["text|{}"] },
        { """{"dataset":"d","query":{},"qeury":{"a":1}}""", ["""qeury|{"a":1}"""] },
        { """{"dataset":"d","query":{},"partial":"maybe"}""", ["partial|\"maybe\""] },
        { """{"dataset":"d","query":{},"partial":true}""", ["partial|true"] },
        { """{"dataset":"d","query":{},"source":"disk"}""", ["source|\"disk\""] },
        { """{"partial":"no","source":1,"more":[]}""", ["partial|\"no\"", "source|1", "more|[]", "dataset|", "query|"] },
        { """[{"dataset":"d"}]""", ["""body|[{"dataset":"d"}]"""] },
        { """{"dataset":"d","query":{},"explain":"yes"}""", ["explain|\"yes\""] },
        { "7", ["body|7"] },
        { "", ["body|"] },
        { """{"dataset":"d","dataset":"e","query":{}}""", ["body|"] },
        { """{"dataset":"\ud800","query":{}}""", [@"body|\ud800"] },
    };

    [Theory]
    [MemberData(nameof(BadEnvelopes))]
    public async Task EnvelopeErrorsNameEveryFieldAndItsValue(string body, string[] errors)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync(body);

        Assert.Equal(errors, await ErrorsAsync(response, HttpStatusCode.BadRequest));
        Assert.Empty(server.Queries.Requests);
    }

    [Theory]
    [InlineData("""{"dataset":"d","query":{"limit":0}}""", "query.limit", "0")]
    [InlineData("""{"dataset":"d","query":{"calculations":[{"op":"MEDIAN","column":"x"}]}}""", "query.calculations[0].op", "\"MEDIAN\"")]
    [InlineData("""{"dataset":"d","query":{"breakdown":["x"]}}""", "query.breakdown", "[\"x\"]")]
    [InlineData("""{"dataset":"d","text":"COUNT LIMIT 100000"}""", "query.limit", "100000")]
    public async Task SpecificationErrorsAreUnprocessable(string body, string field, string value)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync(body);

        Assert.Equal([$"{field}|{value}"], await ErrorsAsync(response, HttpStatusCode.UnprocessableEntity));
    }

    [Fact]
    public async Task TextThatBreaksOffTellsItsPosition()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync("""{"dataset":"d","text":"COUNT WHERE a >> 1"}""");

        using var problem = await ProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal("text", problem.RootElement.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.Equal(16, problem.RootElement.GetProperty("position").GetInt32());
    }

    [Theory]
    [InlineData("{\"dataset\":\n  \"d\",,}", 2, 7)]
    [InlineData("{", 1, 2)]
    [InlineData("{\"dataset\":\"d\",\"query\":{\"limit\":NaN}}", 1, 33)]
    public async Task MalformedJsonTellsLineAndByte(string body, int line, int column)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync(body);

        using var problem = await ProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal((line, column), (problem.RootElement.GetProperty("line").GetInt32(), problem.RootElement.GetProperty("column").GetInt32()));
        Assert.Equal("body", problem.RootElement.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.DoesNotContain("LineNumber", problem.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheWholeDocumentIsAProblem()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync("""{"dataset":"d","query":{},"partial":"maybe"}""");

        using var problem = await ProblemAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal(ResponseText.Compact("""
            {"type":"about:blank","title":"bad request","status":400,"detail":"partial: must be \"allow\" or \"fail\"","instance":"/api/v1/query",
             "errors":[{"field":"partial","value":"\"maybe\"","message":"must be \"allow\" or \"fail\""}]}
            """), ResponseText.Compact(problem.RootElement.GetRawText()));
    }

    [Fact]
    public async Task DeepNestingIsRefused()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.QueryAsync("{\"dataset\":" + new string('[', 10_000) + new string(']', 10_000) + "}");

        Assert.Equal(["body|"], await ErrorsAsync(response, HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task InvalidUtf8IsRefused()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var content = new ByteArrayContent([.. "{\"dataset\":\""u8, 0xC3, 0x28, .. "\",\"query\":{}}"u8]);
        content.Headers.ContentType = new("application/json");
        using var response = await server.Client.PostAsync("/api/v1/query", content, TestContext.Current.CancellationToken);

        Assert.Equal(["body|"], await ErrorsAsync(response, HttpStatusCode.BadRequest));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("jason")]
    public async Task AnotherContentTypeIsUnsupported(string contentType)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync("/api/v1/query", """{"dataset":"d","query":{}}""", contentType);

        Assert.Equal([$"Content-Type|{contentType}"], await ErrorsAsync(response, HttpStatusCode.UnsupportedMediaType));
    }

    [Theory]
    [InlineData("application/json; charset=UTF-8")]
    [InlineData("Application/JSON")]
    [InlineData("application/vnd.api+json")]
    public async Task EverySpellingOfJsonIsTaken(string contentType)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.PostAsync("/api/v1/query", """{"dataset":"d","query":{}}""", contentType);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ABodyPastTheLimitIsTooLarge(bool chunked)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var content = new ByteArrayContent(new byte[QueryHttpLimits.RequestBodyBytesMax + 1]);
        content.Headers.ContentType = new("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/query") { Content = content };
        request.Headers.TransferEncodingChunked = chunked;
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal([chunked ? "body|" : "body|1048577 bytes"], await ErrorsAsync(response, HttpStatusCode.RequestEntityTooLarge));
    }

    [Fact]
    public async Task ABodyAtTheLimitIsRead()
    {
        await using var server = await QueryNodeServer.StartAsync();
        var query = """{"dataset":"d","query":{}}""";
        using var response = await server.QueryAsync(query + new string(' ', QueryHttpLimits.RequestBodyBytesMax - query.Length));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task WhatAggregatesCannotAnswerIsUnprocessable()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Refused([
            new QueryError("filters[0]", "a = 1", "aggregates cannot answer filters over two fields"),
            new QueryError("calculations[0]", "P99(x)", "no sketch"),
        ]));
        using var response = await server.QueryAsync("""{"dataset":"d","query":{},"source":"aggregates"}""");

        Assert.Equal(["query.filters[0]|a = 1", "query.calculations[0]|P99(x)"], await ErrorsAsync(response, HttpStatusCode.UnprocessableEntity));
    }

    [Fact]
    public async Task AnUnknownDatasetIsNotFound()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.UnknownDataset());
        using var response = await server.QueryAsync("""{"dataset":"Shpo","query":{}}""");

        Assert.Equal(["dataset|shpo"], await ErrorsAsync(response, HttpStatusCode.NotFound));
    }

    [Fact]
    public async Task APartialAnswerIsRefusedWhenAskedToFail()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Answer(Answers.Count(7, new FailedPartition(1, "no answer within 1 s", true), new FailedPartition(3, "moving", true)));
        using var response = await server.QueryAsync("""{"dataset":"d","query":{},"partial":"fail"}""");

        using var problem = await ProblemAsync(response, HttpStatusCode.ServiceUnavailable);
        Assert.Equal(
            """[{"partition":1,"reason":"no answer within 1 s","retryable":true},{"partition":3,"reason":"moving","retryable":true}]""",
            problem.RootElement.GetProperty("failed").GetRawText());
        Assert.Equal("1", response.Headers.RetryAfter!.ToString());
        using var result = await server.GetAsync("/api/v1/results/r1");
        Assert.Equal(HttpStatusCode.NotFound, result.StatusCode);
    }

    [Fact]
    public async Task AFailureThatNoRetryHelpsCarriesNoRetryAfter()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Answer(Answers.Count(7, new FailedPartition(1, "moving", true), new FailedPartition(3, "disk full", false)));
        using var response = await server.QueryAsync("""{"dataset":"d","query":{},"partial":"fail"}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Null(response.Headers.RetryAfter);
    }

    [Theory]
    [InlineData(true, "1")]
    [InlineData(false, null)]
    public async Task AnUnavailableServiceSaysWhetherToRetry(bool transient, string? retryAfter)
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Queries.Answer = (_, _) => throw new ServiceUnavailableException("the cluster has no shard region yet", transient);
        using var response = await server.QueryAsync("""{"dataset":"d","query":{}}""");

        using var problem = await ProblemAsync(response, HttpStatusCode.ServiceUnavailable);
        Assert.Equal("the cluster has no shard region yet", problem.RootElement.GetProperty("detail").GetString());
        Assert.Equal(retryAfter, response.Headers.RetryAfter?.ToString());
    }

    [Fact]
    public async Task ABugIsAProblemWithoutItsInsides()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Queries.Answer = (_, _) => throw new InvalidOperationException("secret detail");
        using var response = await server.QueryAsync("""{"dataset":"d","query":{}}""");

        using var problem = await ProblemAsync(response, HttpStatusCode.InternalServerError);
        Assert.DoesNotContain("secret", problem.RootElement.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", problem.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnAnswerPastItsSizeNamesTheKnobs()
    {
        await using var server = await QueryNodeServer.StartAsync();
        var wide = Core.Events.FieldValue.Of(new string('x', 1 << 20));
        server.Answer(Answers.Count(1) with { Breakdowns = ["wide"], Results = [.. Enumerable.Repeat(new AnswerRow([wide], [Answers.Cell(Core.Events.FieldValue.Of(1))]), 33)] });
        using var response = await server.QueryAsync("""{"dataset":"d","query":{"breakdowns":["wide"],"limit":50}}""");

        Assert.Equal(["query.limit|50"], await ErrorsAsync(response, HttpStatusCode.UnprocessableEntity));
    }

    [Theory]
    [InlineData("GET", "/api/v1/quarry", HttpStatusCode.NotFound, "path|/api/v1/quarry")]
    [InlineData("GET", "/api/v1/query", HttpStatusCode.MethodNotAllowed, "method|GET")]
    [InlineData("DELETE", "/api/v1/datasets", HttpStatusCode.MethodNotAllowed, "method|DELETE")]
    [InlineData("GET", "/api/v1/results/nope", HttpStatusCode.NotFound, "id|nope")]
    public async Task UnknownPathsAndMethodsAreProblems(string method, string path, HttpStatusCode status, string error)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var request = new HttpRequestMessage(new(method), path);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal([error], await ErrorsAsync(response, status));
    }

    [Fact]
    public async Task ABodyThatEndsEarlyDoesNotReachTheService()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(server.Address.Host, server.Address.Port, TestContext.Current.CancellationToken);
            await socket.GetStream().WriteAsync(
                Encoding.ASCII.GetBytes("POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{\"dataset\""),
                TestContext.Current.CancellationToken);
        }

        using var response = await server.QueryAsync("""{"dataset":"d","query":{}}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Single(server.Queries.Requests);
    }

    internal static async Task<JsonDocument> ProblemAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        var text = await response.TextAsync();
        Assert.True(status == response.StatusCode, $"{(int)response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.ToString());
        var problem = JsonDocument.Parse(text);
        Assert.Equal((int)status, problem.RootElement.GetProperty("status").GetInt32());
        return problem;
    }

    internal static async Task<string[]> ErrorsAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        using var problem = await ProblemAsync(response, status);
        return [.. problem.RootElement.GetProperty("errors").EnumerateArray().Select(error => $"{error.GetProperty("field").GetString()}|{error.GetProperty("value").GetString()}")];
    }
}
