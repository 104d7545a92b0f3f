using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests.Honeycomb;

/// <summary>What clients are told that ask wrongly: Honeycomb's problem documents.</summary>
public class HoneycombErrorTests
{
    private const string NotFound = "The requested resource cannot be found.";
    private const string Invalid = "The provided input is invalid.";
    private const string Unparseable = "The request body could not be parsed.";

    [Theory]
    [InlineData("GET /1/markers/nope", null, 404, "not-found", NotFound, "Dataset not found", "")]
    [InlineData("GET /1/columns/nope", null, 404, "not-found", NotFound, "Dataset not found", "")]
    [InlineData("GET /1/datasets/nope", null, 404, "not-found", NotFound, "Dataset not found", "")]
    [InlineData("POST /1/queries/nope", "{}", 404, "not-found", NotFound, "Dataset not found", "")]
    [InlineData("POST /1/derived_columns/nope", """{"alias":"a","expression":"1"}""", 404, "not-found", NotFound, "Dataset not found", "")]
    [InlineData("POST /1/query_results/nope", """{"query_id":"x"}""", 404, "not-found", NotFound, "Dataset not found", "")]
    [InlineData("POST /1/query_results/shop", """{"query_id":"x"}""", 404, "not-found", NotFound, "Query not found", "")]
    [InlineData("GET /1/query_results/shop/abcd1234", null, 404, "not-found", NotFound, "Query result not found", "")]
    [InlineData("GET /1/queries/shop/abcd1234", null, 404, "not-found", NotFound, "Query not found", "")]
    [InlineData("GET /1/query_annotations/shop/abcd1234", null, 404, "not-found", NotFound, "Query annotation not found", "")]
    [InlineData("GET /1/columns/shop?key_name=nope", null, 404, "not-found", NotFound, "Column not found", "")]
    [InlineData("PUT /1/columns/shop/abcd1234", "{}", 404, "not-found", NotFound, "Column not found", "")]
    [InlineData("PUT /1/markers/shop/abcd1234", "{}", 404, "not-found", NotFound, "Marker not found", "")]
    [InlineData("DELETE /1/markers/shop/abcd1234", null, 404, "not-found", NotFound, "Marker not found", "")]
    [InlineData("GET /1/derived_columns/shop?alias=nope", null, 404, "not-found", NotFound, "Derived column not found", "")]
    [InlineData("GET /1/boards", null, 404, "not-found", NotFound, "boards are not supported here", "")]
    [InlineData("POST /1/triggers/shop", "{}", 404, "not-found", NotFound, "triggers are not supported here", "")]
    [InlineData("POST /1/markers/shop", "{", 400, "unparseable", Unparseable, "could not parse request body", "")]
    [InlineData("POST /1/queries/shop", "[]", 400, "unparseable", Unparseable, "could not parse request body", "")]
    [InlineData("POST /1/datasets", "{}", 422, "validation-failed", Invalid, Invalid, "name missing cannot be blank")]
    [InlineData("POST /1/datasets", """{"name":""}""", 422, "validation-failed", Invalid, Invalid, "name missing cannot be blank")]
    [InlineData("POST /1/datasets", """{"name":"__all__"}""", 422, "validation-failed", Invalid, Invalid, "name invalid is the name of something else")]
    [InlineData("POST /1/queries/shop", """{"granularty":60}""", 422, "validation-failed", Invalid, Invalid, "granularty ")]
    [InlineData("POST /1/query_results/shop", "{}", 422, "validation-failed", Invalid, Invalid, "query_id missing cannot be blank")]
    [InlineData("POST /1/query_results/shop", """{"query_id":"x","disable_series":1}""", 422, "validation-failed", Invalid, Invalid, "disable_series invalid must be true or false")]
    [InlineData("POST /1/query_results/shop", """{"query_id":"x","limit":10001}""", 422, "validation-failed", Invalid, Invalid, "limit invalid must be a whole number from 0 to 10000")]
    [InlineData("POST /1/query_results/shop", """{"query_id":"x","partial":"yes"}""", 422, "validation-failed", Invalid, Invalid, "partial invalid must be \"allow\" or \"fail\"")]
    [InlineData("POST /1/query_annotations/shop", """{"name":"n","query_id":"x"}""", 422, "validation-failed", Invalid, Invalid, "query_id invalid is no query of this dataset")]
    [InlineData("POST /1/marker_settings/shop", """{"type":"deploy","color":"red"}""", 422, "validation-failed", Invalid, Invalid, "color invalid must be a colour such as #F96E11")]
    [InlineData("POST /1/markers/shop", """{"start_time":20,"end_time":10}""", 422, "validation-failed", Invalid, Invalid, "end_time invalid must not be before start_time")]
    [InlineData("POST /1/markers/shop", """{"message":7}""", 422, "validation-failed", Invalid, Invalid, "message invalid must be a string")]
    [InlineData("POST /1/markers/shop", """{"start_time":"soon"}""", 422, "validation-failed", Invalid, Invalid, "start_time invalid must be a time: unix seconds or RFC 3339")]
    [InlineData("POST /1/columns/shop", """{"key_name":"x","type":"text"}""", 422, "validation-failed", Invalid, Invalid, "type invalid must be one of string, float, integer, boolean")]
    [InlineData("POST /1/columns/shop", """{"key_name":"name"}""", 409, "conflict", "The request conflicts with what is there.", "Column with key_name \"name\" already exists", "")]
    [InlineData("DELETE /1/datasets/shop", null, 409, "conflict", "The request conflicts with what is there.", "the dataset is protected from deletion: set settings.delete_protected to false first", "")]
    public async Task WrongRequestsAreProblems(string call, string? body, int status, string type, string title, string error, string detail)
    {
        await using var server = await HoneycombCalls.StartAsync();
        var reply = await server.CallAsync(call, body);

        Assert.Equal((status, "application/problem+json"), (reply.Status, reply.MediaType));
        Assert.Equal(new Uri(server.Address, "/problems/" + type).ToString(), reply.Text("type"));
        Assert.Equal((title, error), (reply.Text("title"), reply.Text("error")));
        Assert.Equal(status, reply.Json.GetProperty("status").GetInt32());
        Assert.Equal(call.Split(' ')[1].Split('?')[0], reply.Text("instance"));
        Assert.False(reply.Json.TryGetProperty("errors", out _));
        Assert.Equal(status == 422, reply.Json.TryGetProperty("type_detail", out var details));
        if (status == 422)
        {
            var first = details[0];
            Assert.StartsWith(detail, $"{first.GetProperty("field")} {first.GetProperty("code")} {first.GetProperty("description")}", StringComparison.Ordinal);
        }

        Assert.Equal(0, server.Meta.Count);
        Assert.Empty(server.Queries.Requests);
    }

    [Fact]
    public async Task AnUnknownKeyIsRefusedInTheShortForm()
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Keys.Find = key => key == "good" ? new("acme", "prod", MayChange: true) : null;

        var bad = await server.CallAsync("GET /1/datasets", key: "bad");
        var none = await server.CallAsync("POST /1/markers/shop", "{}", key: null);
        var good = await server.CallAsync("GET /1/datasets", key: "good");

        Assert.Equal((401, """{"error":"unknown API key - check your credentials"}"""), (bad.Status, bad.Body));
        Assert.Equal((401, bad.Body), (none.Status, none.Body));
        Assert.Equal(200, good.Status);
        Assert.Equal(0, server.Meta.Count);
    }

    [Theory]
    [InlineData("X-Honeycomb-Team", "good", "good")]
    [InlineData("Authorization", "Bearer good", "good")]
    [InlineData("Authorization", "bearer  good ", "good")]
    [InlineData("Authorization", "Basic good", null)]
    public async Task AKeyComesInEitherHeader(string header, string value, string? expected)
    {
        await using var server = await HoneycombCalls.StartAsync();
        string? seen = "none asked";
        server.Keys.Find = key =>
        {
            seen = key;
            return null;
        };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/1/auth");
        request.Headers.TryAddWithoutValidation(header, value);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal((401, expected), ((int)response.StatusCode, seen));
    }

    [Fact]
    public async Task AKeyThatMayOnlyReadChangesNothing()
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Keys.Find = _ => new("acme", "prod", MayChange: false);

        Assert.Equal(403, (await server.CallAsync("POST /1/markers/shop", """{"message":"x"}""")).Status);
        Assert.Equal(200, (await server.CallAsync("GET /1/columns/shop")).Status);
        Assert.Equal(0, server.Meta.Count);
    }

    [Fact]
    public async Task AStoreThatIsAwayIsUnavailableAndMayBeRetried()
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Meta.Failure = new ServiceUnavailableException("the marker was not stored: no broker", isTransient: true);
        var reply = await server.CallAsync("POST /1/markers/shop", """{"message":"x"}""");

        Assert.Equal((503, "the marker was not stored: no broker"), (reply.Status, reply.Text("error")));
        Assert.NotNull(reply.Headers.RetryAfter);
    }

    [Fact]
    public async Task WithoutAllPartitionsAnUnknownDatasetGetsTheBenefitOfTheDoubt()
    {
        await using var server = await HoneycombCalls.StartAsync();
        server.Catalog.Datasets = new CatalogOutcome<DatasetEntry>.Found([], false, Answers.Receipt(new Core.Querying.FailedPartition(1, "away", true)));

        Assert.Equal(200, (await server.CallAsync("POST /1/queries/perhaps", "{}")).Status);
    }
}
