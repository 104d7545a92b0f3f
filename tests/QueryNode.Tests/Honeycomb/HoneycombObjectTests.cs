using StreamObserve.Core.Events;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests.Honeycomb;

/// <summary>What clients make, read, replace and delete.</summary>
public class HoneycombObjectTests
{
    private const string Made = "\"created_at\":\"2023-11-14T22:13:20Z\",\"updated_at\":\"2023-11-14T22:13:20Z\"";

    [Fact]
    public async Task AuthTellsTeamEnvironmentAndPermissions()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var reply = await server.CallAsync("GET /1/auth");

        Assert.Equal(200, reply.Status);
        Assert.Equal(
            """
            {"type":"configuration","api_key_access":{"events":true,"markers":true,"triggers":false,"boards":false,"queries":true,"columns":true,"create_datasets":true,"slos":false,"recipients":false},"environment":{"name":"Prod EU","slug":"prod-eu"},"team":{"name":"acme","slug":"acme"}}
            """,
            reply.Body);
    }

    [Fact]
    public async Task AMarkerIsMadeListedReplacedAndDeleted()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var made = await server.CallAsync("POST /1/markers/shop", """{"message":"deploy 7","type":"deploy","url":"http://ci/7","end_time":0}""");
        server.Time.Advance(TimeSpan.FromSeconds(5));
        var replaced = await server.CallAsync("PUT /1/markers/shop/r1", """{"id":"r1","message":"deploy 8","type":"deploy","end_time":1700000060}""");
        var listed = await server.CallAsync("GET /1/markers/SHOP");
        var got = await server.CallAsync("GET /1/markers/shop/r1");
        var deleted = await server.CallAsync("DELETE /1/markers/shop/r1");
        var after = await server.CallAsync("GET /1/markers/shop");

        Assert.Equal(
            (201, $$"""{"id":"r1","start_time":1700000000,"message":"deploy 7","type":"deploy","url":"http://ci/7",{{Made}}}"""),
            (made.Status, made.Body));
        const string Second = """{"id":"r1","start_time":1700000000,"end_time":1700000060,"message":"deploy 8","type":"deploy","created_at":"2023-11-14T22:13:20Z","updated_at":"2023-11-14T22:13:25Z"}""";
        Assert.Equal((200, Second), (replaced.Status, replaced.Body));
        Assert.Equal((200, $"[{Second}]"), (listed.Status, listed.Body));
        Assert.Equal((200, Second), (got.Status, got.Body));
        Assert.Equal((200, Second), (deleted.Status, deleted.Body));
        Assert.Equal((200, "[]"), (after.Status, after.Body));
    }

    [Fact]
    public async Task AMarkerMayComeBeforeTheFirstEventAndTakesTheColourOfItsType()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var setting = await server.CallAsync("POST /1/marker_settings/new", """{"type":"deploy","color":"#F96E11"}""");
        var twice = await server.CallAsync("POST /1/marker_settings/new", """{"type":"deploy","color":"#000000"}""");
        var made = await server.CallAsync("POST /1/markers/new", """{"type":"deploy","start_time":1600000000}""");
        var plain = await server.CallAsync("POST /1/markers/new", """{"type":"other","start_time":1600000000}""");
        var listed = await server.CallAsync("GET /1/markers/new");

        Assert.Equal((201, 409, 201, 201, 200), (setting.Status, twice.Status, made.Status, plain.Status, listed.Status));
        Assert.Equal("#F96E11", made.Text("color"));
        Assert.False(plain.Json.TryGetProperty("color", out _));
        Assert.Equal("#F96E11", listed.Json[0].GetProperty("color").GetString());
    }

    [Fact]
    public async Task OurOwnMarkersAreTheSameOnes()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var made = await server.CallAsync("POST /api/v1/markers", """{"dataset":"Shop","message":"deploy","type":"d","start_time":"2023-11-14T22:00:00+00:00"}""");
        await server.CallAsync("POST /1/markers/__all__", """{"message":"everywhere","start_time":1700000100}""");
        await server.CallAsync("POST /1/markers/other", """{"message":"elsewhere"}""");
        var theirs = await server.CallAsync("GET /1/markers/shop");
        var ours = await server.CallAsync("GET /api/v1/markers?dataset=shop");
        var newest = await server.CallAsync("GET /api/v1/markers?limit=1");

        Assert.Equal(201, made.Status);
        Assert.Equal(
            """{"id":"r1","dataset":"shop","message":"deploy","type":"d","url":null,"color":null,"start_time":"2023-11-14T22:00:00Z","end_time":null,"created_at":"2023-11-14T22:13:20Z","updated_at":"2023-11-14T22:13:20Z"}""",
            made.Body);
        Assert.Equal(1_699_999_200, theirs.Json[0].GetProperty("start_time").GetInt64());
        Assert.Equal(["everywhere", "deploy"], ours.Json.GetProperty("markers").EnumerateArray().Select(marker => marker.GetProperty("message").GetString()));
        Assert.False(ours.Json.GetProperty("more").GetBoolean());
        Assert.Equal("everywhere", Assert.Single(newest.Json.GetProperty("markers").EnumerateArray()).GetProperty("message").GetString());
        Assert.True(newest.Json.GetProperty("more").GetBoolean());
    }

    [Theory]
    [InlineData("POST /api/v1/markers", """{"mesage":"x"}""", 400, "mesage")]
    [InlineData("POST /api/v1/markers", """{"dataset":" "}""", 400, "dataset")]
    [InlineData("POST /api/v1/markers", """{"start_time":"x"}""", 422, "start_time")]
    [InlineData("GET /api/v1/markers?since=1", null, 400, "since")]
    public async Task OurOwnMarkersNameWhatIsWrong(string call, string? body, int status, string field)
    {
        await using var server = await HoneycombCalls.StartAsync();
        var reply = await server.CallAsync(call, body);

        Assert.Equal(status, reply.Status);
        Assert.Equal(field, Assert.Single(reply.Json.GetProperty("errors").EnumerateArray()).GetProperty("field").GetString());
    }

    [Fact]
    public async Task AnAnnotationNamesASavedQuery()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var query = (await server.CallAsync("POST /1/queries/shop", """{"calculations":[{"op":"COUNT"}]}""")).Text("id");
        var made = await server.CallAsync("POST /1/query_annotations/shop", $$"""{"name":"errors","query_id":"{{query}}"}""");
        var replaced = await server.CallAsync("PUT /1/query_annotations/shop/r1", $$"""{"id":"r1","name":"errors","description":"by day","query_id":"{{query}}"}""");
        var listed = await server.CallAsync("GET /1/query_annotations/shop");
        var deleted = await server.CallAsync("DELETE /1/query_annotations/shop/r1");
        var gone = await server.CallAsync("GET /1/query_annotations/shop/r1");

        Assert.Equal((201, $$"""{"id":"r1","name":"errors","description":"","query_id":"{{query}}",{{Made}}}"""), (made.Status, made.Body));
        Assert.Equal((200, "by day"), (replaced.Status, replaced.Text("description")));
        Assert.Equal($"[{replaced.Body}]", listed.Body);
        Assert.Equal((204, "", 404), (deleted.Status, deleted.Body, gone.Status));
    }

    [Fact]
    public async Task ADerivedColumnIsFoundByItsAlias()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var made = await server.CallAsync("POST /1/derived_columns/shop", """{"alias":"slow","expression":"GT($duration_ms, 100)"}""");
        var second = await server.CallAsync("POST /1/derived_columns/shop", """{"alias":"fast","expression":"LT($duration_ms, 10)"}""");
        var renamed = await server.CallAsync("PUT /1/derived_columns/shop/" + second.Text("id"), """{"alias":"slow","expression":"1"}""");
        var found = await server.CallAsync("GET /1/derived_columns/shop?alias=slow");

        Assert.Equal((201, 201, 409, 200), (made.Status, second.Status, renamed.Status, found.Status));
        Assert.Equal(made.Body, found.Body);
    }

    [Fact]
    public async Task ColumnsOfEventsAreListedWithWhatWasSaidOfThem()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var listed = await server.CallAsync("GET /1/columns/shop");
        var id = listed.Json[0].GetProperty("id").GetString();
        var replaced = await server.CallAsync($"PUT /1/columns/shop/{id}", """{"key_name":"duration_ms","description":"how long","hidden":true,"type":"integer"}""");
        var found = await server.CallAsync("GET /1/columns/shop?key_name=duration_ms");
        var got = await server.CallAsync($"GET /1/columns/shop/{id}");
        var renamed = await server.CallAsync($"PUT /1/columns/shop/{id}", """{"key_name":"other"}""");

        Assert.Equal(
            $$"""{"id":"{{id}}","key_name":"duration_ms","alias":"","hidden":false,"description":"","type":"float","last_written":"2023-11-14T22:13:20Z","updated_at":"2023-11-14T22:13:20Z"}""",
            listed.Json[0].GetRawText());
        Assert.Equal(
            $$"""{"id":"{{id}}","key_name":"duration_ms","alias":"","hidden":true,"description":"how long","type":"integer","last_written":"2023-11-14T22:13:20Z",{{Made}}}""",
            replaced.Body);
        Assert.Equal((replaced.Body, replaced.Body, 422), (found.Body, got.Body, renamed.Status));
    }

    [Fact]
    public async Task AColumnMayBeDescribedBeforeItsFirstEventAndDeleted()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var made = await server.CallAsync("POST /1/columns/shop", """{"key_name":"region","description":"where"}""");
        var path = "/1/columns/shop/" + made.Text("id");
        var got = await server.CallAsync("GET " + path);
        var deleted = await server.CallAsync("DELETE " + path);
        var gone = await server.CallAsync("GET " + path);

        Assert.Equal((201, 200, 204, 404), (made.Status, got.Status, deleted.Status, gone.Status));
        Assert.Equal(("string", made.Body), (made.Text("type"), got.Body));
        Assert.Equal(0, server.Meta.Count);
    }

    [Fact]
    public async Task ADeletedColumnOfEventsIsShownAgainWhenItIsWrittenAgain()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var listed = await server.CallAsync("GET /1/columns/shop");
        server.Time.Advance(TimeSpan.FromSeconds(1));
        await server.CallAsync($"DELETE /1/columns/shop/{listed.Json[0].GetProperty("id").GetString()}");
        var without = await server.CallAsync("GET /1/columns/shop");
        server.Catalog.Columns["shop"] = new CatalogOutcome<ColumnEntry>.Found(
            [new("duration_ms", FieldKind.Float, Answers.StartNs + 2 * Answers.SecondNs)], false, Answers.Receipt());
        var again = await server.CallAsync("GET /1/columns/shop");

        Assert.Equal("name", Assert.Single(without.Json.EnumerateArray()).GetProperty("key_name").GetString());
        Assert.Equal("duration_ms", Assert.Single(again.Json.EnumerateArray()).GetProperty("key_name").GetString());
    }

    [Fact]
    public async Task DatasetsAreMadeChangedAndDeletedWhenNothingIsInThem()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var made = await server.CallAsync("POST /1/datasets", """{"name":"My Data/Set","description":"mine","expand_json_depth":2}""");
        var again = await server.CallAsync("POST /1/datasets", """{"name":"my data/set"}""");
        var got = await server.CallAsync("GET /1/datasets/my-data-set");
        var isProtected = await server.CallAsync("DELETE /1/datasets/my-data-set");
        var replaced = await server.CallAsync("PUT /1/datasets/my-data-set", """{"description":"yours","settings":{"delete_protected":false}}""");
        var listed = await server.CallAsync("GET /1/datasets");
        var query = await server.CallAsync("POST /1/queries/my-data-set", "{}");
        var deleted = await server.CallAsync("DELETE /1/datasets/my-data-set");
        var gone = await server.CallAsync("GET /1/datasets/my-data-set");

        const string Body = """{"name":"My Data/Set","slug":"my-data-set","description":"mine","expand_json_depth":2,"regular_columns_count":0,"settings":{"delete_protected":true},"last_written_at":null,"created_at":"2023-11-14T22:13:20Z"}""";
        Assert.Equal((201, Body), (made.Status, made.Body));
        Assert.Equal((200, Body, Body), (again.Status, again.Body, got.Body));
        Assert.Equal((409, 200, "yours"), (isProtected.Status, replaced.Status, replaced.Text("description")));
        Assert.Equal(["My Data/Set", "shop"], listed.Json.EnumerateArray().Select(dataset => dataset.GetProperty("name").GetString()));
        Assert.Equal(2, listed.Json[1].GetProperty("regular_columns_count").GetInt32());
        Assert.Equal((200, 202, 404), (query.Status, deleted.Status, gone.Status));
    }
}
