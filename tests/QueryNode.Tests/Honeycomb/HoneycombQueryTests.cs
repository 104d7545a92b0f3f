using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests.Honeycomb;

/// <summary>Saving a query, running it, asking until it is complete.</summary>
public class HoneycombQueryTests
{
    [Fact]
    public async Task AQueryComesBackAsItWasSentWithItsId()
    {
        await using var server = await HoneycombCalls.StartAsync();
        const string Spec = """
            "calculations":[{"op":"COUNT"},{"op":"HEATMAP","column":"duration_ms"}],"filters":[{"column":"a","op":"exists"},{"column":"duration_ms","op":"<","value":10000.0}],"filter_combination":"OR","breakdowns":["a","b"],"orders":[{"column":"a"},{"op":"COUNT","order":"descending"}],"limit":100,"time_range":3600,"granularity":60}
            """;
        var made = await server.CallAsync("POST /1/queries/shop", "{" + Spec);
        var id = made.Text("id");
        var again = await server.CallAsync("POST /1/queries/shop", $$"""{"id":"{{id}}","havings":null,{{Spec}}""");
        var elsewhere = await server.CallAsync("POST /1/queries/__all__", "{" + Spec);
        var got = await server.CallAsync("GET /1/queries/shop/" + id);

        Assert.Equal((200, $$"""{"id":"{{id}}",{{Spec}}""".TrimEnd()), (made.Status, made.Body));
        Assert.Matches("^[0-9A-Za-z]{11}$", id);
        Assert.Equal((200, made.Body, made.Body), (got.Status, got.Body, again.Body));
        Assert.NotEqual(id, elsewhere.Text("id"));
        Assert.Equal(2, server.Meta.Count);
    }

    [Fact]
    public async Task AResultRunsBehindTheRequestAndIsPolledUntilComplete()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var answer = new TaskCompletionSource<QueryOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Queries.Answer = (_, _) => answer.Task;
        var query = (await server.CallAsync("POST /1/queries/shop", """{"time_range":120}""")).Text("id");

        var started = await server.CallAsync("POST /1/query_results/shop", $$"""{"query_id":"{{query}}"}""");
        var running = await server.CallAsync("GET /1/query_results/shop/r1");
        answer.SetResult(new QueryOutcome.Answered(Grouped()));
        var complete = await PollAsync(server, "/1/query_results/shop/r1");

        Assert.Equal((201, "/1/query_results/shop/r1"), (started.Status, started.Headers.Location!.ToString()));
        var links = $$"""{"query_url":"{{server.Address}}results/r1","graph_image_url":""}""";
        Assert.Equal($$"""{"query":{"id":"{{query}}","time_range":120},"id":"r1","complete":false,"links":{{links}}}""", started.Body);
        Assert.Equal((200, started.Body, "no-store"), (running.Status, running.Body, running.Headers.CacheControl!.ToString()));
        Assert.Equal(
            $$$"""{"query":{"id":"{{{query}}}","calculations":[{"op":"COUNT"}],"limit":100,"granularity":60,"start_time":1700000000,"end_time":1700000120},"id":"r1","complete":true,"data":{"series":[{"time":"2023-11-14T22:13:20Z","data":{"name":"cart","COUNT":7}}],"results":[{"data":{"name":"cart","COUNT":7}}]},"links":{{{links}}}}""",
            complete.Body);
        Assert.Equal("max-age=86400, private", complete.Headers.CacheControl!.ToString());

        // The same answer, under the same id, as our own interface stores them.
        var ours = await server.CallAsync("GET /api/v1/results/r1");
        Assert.Equal((200, "shop"), (ours.Status, ours.Text("dataset")));
        Assert.Equal(404, (await server.CallAsync("GET /1/query_results/other/r1")).Status);
    }

    [Fact]
    public async Task TotalsAndOthersComeWhenAskedForAndSeriesCanBeLeftOut()
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(Grouped()));
        var query = (await server.CallAsync("POST /1/queries/shop", """{"breakdowns":["name"]}""")).Text("id");
        await server.CallAsync(
            "POST /1/query_results/shop",
            $$"""{"query_id":"{{query}}","disable_series":true,"disable_total_by_aggregate":false,"disable_other_by_aggregate":false,"limit":5000}""");
        var complete = await PollAsync(server, "/1/query_results/shop/r1");

        Assert.Equal(5000, Assert.Single(server.Queries.Requests).Spec.Limit);
        Assert.Equal(
            """{"results":[{"data":{"name":"cart","COUNT":7}}],"total_by_aggregate":{"data":{"COUNT":9}},"other_by_aggregate":{"data":{"COUNT":2}}}""",
            complete.Json.GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task WithoutBreakdownsTheOneRowIsTheTotalAndALimitCountsOnlyWithoutSeries()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var query = (await server.CallAsync("POST /1/queries/shop", "{}")).Text("id");
        await server.CallAsync("POST /1/query_results/shop", $$"""{"query_id":"{{query}}","disable_total_by_aggregate":false,"disable_other_by_aggregate":false,"limit":5000}""");
        var complete = await PollAsync(server, "/1/query_results/shop/r1");

        Assert.Equal(100, Assert.Single(server.Queries.Requests).Spec.Limit);
        Assert.Equal("""{"data":{"COUNT":7}}""", complete.Json.GetProperty("data").GetProperty("total_by_aggregate").GetRawText());
        Assert.Equal("""{"data":{}}""", complete.Json.GetProperty("data").GetProperty("other_by_aggregate").GetRawText());
    }

    [Fact]
    public async Task AQueryThatCannotBeAnsweredSaysSoWhenPolled()
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Refused([new QueryError("formulas[0]", "rate", "formulas[0] rate is not supported yet")]));
        var query = (await server.CallAsync("POST /1/queries/shop", "{}")).Text("id");
        var started = await server.CallAsync("POST /1/query_results/shop", $$"""{"query_id":"{{query}}"}""");
        var failed = await PollAsync(server, "/1/query_results/shop/r1");

        Assert.Equal((201, 422), (started.Status, failed.Status));
        Assert.Equal("""[{"field":"query.formulas[0]","code":"invalid","description":"formulas[0] rate is not supported yet"}]""", failed.Json.GetProperty("type_detail").GetRawText());
    }

    [Theory]
    [InlineData("", 503)]
    [InlineData(""","partial":"fail" """, 503)]
    [InlineData(""","partial":"allow" """, 200)]
    public async Task AnAnswerThatLacksPartitionsIsAFailureUnlessItIsAskedFor(string partial, int status)
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(Answers.Count(7, new FailedPartition(2, "away", true))));
        var query = (await server.CallAsync("POST /1/queries/shop", "{}")).Text("id");
        await server.CallAsync("POST /1/query_results/shop", $$"""{"query_id":"{{query}}"{{partial}}}""");

        Assert.Equal(status, (await PollAsync(server, "/1/query_results/shop/r1")).Status);
    }

    [Fact]
    public async Task AFaultOfTheServerIsTheResultsToo()
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Queries.Answer = (_, _) => throw new InvalidOperationException("a bug");
        var query = (await server.CallAsync("POST /1/queries/shop", "{}")).Text("id");
        await server.CallAsync("POST /1/query_results/shop", $$"""{"query_id":"{{query}}"}""");
        var failed = await PollAsync(server, "/1/query_results/shop/r1");

        Assert.Equal(500, failed.Status);
        Assert.DoesNotContain("a bug", failed.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AResultPastTheAdmissionIsRefusedAtOnce()
    {
        await using var server = await HoneycombCalls.StartAsync(new QueryHttpOptions { ConcurrentQueries = 2, QueuedQueries = 0 });
        var running = new TaskCompletionSource<QueryOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Queries.Answer = (_, _) => running.Task;
        var query = (await server.CallAsync("POST /1/queries/shop", "{}")).Text("id");
        var body = $$"""{"query_id":"{{query}}"}""";
        Assert.Equal(201, (await server.CallAsync("POST /1/query_results/shop", body)).Status);
        Assert.Equal(201, (await server.CallAsync("POST /1/query_results/shop", body)).Status);
        var refused = await server.CallAsync("POST /1/query_results/shop", body);
        var polled = await server.CallAsync("GET /1/query_results/shop/r1");

        Assert.Equal(429, refused.Status);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(200, polled.Status);
        running.SetResult(new QueryOutcome.Answered(Answers.Count(1)));
        await PollAsync(server, "/1/query_results/shop/r2");
    }

    [Fact]
    public async Task AQueryThatTakesTooLongSaysSoWhenPolled()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Queries.Answer = async (_, cancellation) =>
        {
            begun.SetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
            throw new InvalidOperationException("not reached");
        };
        var query = (await server.CallAsync("POST /1/queries/shop", "{}")).Text("id");
        await server.CallAsync("POST /1/query_results/shop", $$"""{"query_id":"{{query}}"}""");
        await begun.Task;
        server.Time.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(504, (await PollAsync(server, "/1/query_results/shop/r1")).Status);
    }

    [Fact]
    public async Task AResultThatAnotherNodeMayBeAtIsNotCompleteUntilItsTimeIsOver()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var id = new TimedResultIds(server.Time, RandomNumberGenerator.Fill).Next();
        var young = await server.CallAsync("GET /1/query_results/shop/" + id);
        server.Time.Advance(TimeSpan.FromSeconds(36));
        var old = await server.CallAsync("GET /1/query_results/shop/" + id);

        Assert.Equal((200, 404), (young.Status, old.Status));
        Assert.False(young.Json.GetProperty("complete").GetBoolean());
    }

    [Fact]
    public async Task DerivedColumnsThatAQueryNamesBecomeItsCalculatedFields()
    {
        await using var server = await HoneycombCalls.StartAsync();
        await server.CallAsync("POST /1/derived_columns/shop", """{"alias":"class","expression":"IF($slow, \"slow\", \"fast\")"}""");
        await server.CallAsync("POST /1/derived_columns/shop", """{"alias":"slow","expression":"GT($duration_ms, 100)"}""");
        await server.CallAsync("POST /1/derived_columns/shop", """{"alias":"unused","expression":"1"}""");
        var query = (await server.CallAsync("POST /1/queries/shop", """{"breakdowns":["class"],"filters":[{"column":"slow","op":"exists"}]}""")).Text("id");
        var started = await server.CallAsync("POST /1/query_results/shop", $$"""{"query_id":"{{query}}"}""");
        await PollAsync(server, started.Headers.Location!.ToString());

        Assert.Equal(["slow", "class"], Assert.Single(server.Queries.Requests).Spec.CalculatedFields.Select(field => field.Name));
    }

    [Fact]
    public async Task LabelsOfNumbersAreLeftOut()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var labelled = Answers.Count(7) with { Results = [Answers.Row(Answers.Cell(FieldValue.Of(7), new NumberLabel(LabelKind.Estimated, null, 5, 9)))] };
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(labelled));
        using var ours = await server.QueryAsync("""{"dataset":"shop","query":{}}""");
        var theirs = await server.CallAsync("GET /1/query_results/shop/r1");

        Assert.Contains("COUNT.label", await ours.TextAsync(), StringComparison.Ordinal);
        Assert.Equal("""[{"data":{"COUNT":7}}]""", theirs.Json.GetProperty("data").GetProperty("results").GetRawText());
    }

    [Fact]
    public async Task PinningKeepsAnAnswer()
    {
        await using var server = await HoneycombCalls.StartAsync();
        using var asked = await server.QueryAsync("""{"dataset":"shop","query":{}}""");
        var pinned = await server.CallAsync("POST /api/v1/results/r1/pin");
        var unknown = await server.CallAsync("POST /api/v1/results/nope/pin");
        var unpinned = await server.CallAsync("DELETE /api/v1/results/r1/pin");
        var twice = await server.CallAsync("DELETE /api/v1/results/r1/pin");

        Assert.Equal((200, """{"id":"r1","pinned":true}"""), (pinned.Status, pinned.Body));
        Assert.Equal((404, 204, 404), (unknown.Status, unpinned.Status, twice.Status));
    }

    [Fact]
    public void TheInterfaceIsServedWithoutKeysUntilThereAreSome()
    {
        var services = new ServiceCollection();
        services.AddQueryHttp(new());

        Assert.Contains(services, service => service.ServiceType == typeof(IApiKeys) && service.ImplementationType == typeof(NoApiKeys));
    }

    private static QueryAnswer Grouped() => Answers.Count(7) with
    {
        Breakdowns = ["name"],
        Results = [Row("cart", 7)],
        Series = [new(Answers.StartNs, [Row("cart", 7)])],
        Total = Answers.Row(Answers.Cell(FieldValue.Of(9))),
        Other = Answers.Row(Answers.Cell(FieldValue.Of(2))),
    };

    private static AnswerRow Row(string name, long count) => new([FieldValue.Of(name)], [Answers.Cell(FieldValue.Of(count))]);

    /// <summary>Asks until the result is complete or failed; the query's end is signalled to nobody else.</summary>
    private static async Task<Reply> PollAsync(QueryNodeServer server, string path)
    {
        while (true)
        {
            var reply = await server.CallAsync("GET " + path);
            if (reply.Status != 200 || reply.Json.GetProperty("complete").GetBoolean())
            {
                return reply;
            }
        }
    }
}
