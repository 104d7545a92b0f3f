using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Http.Honeycomb;

namespace StreamObserve.QueryNode.Tests.Honeycomb;

/// <summary>What happens when there is too much of a thing.</summary>
public class HoneycombBoundsTests
{
    private readonly FakeMeta _meta = new();

    [Fact]
    public async Task PastItsBoundTheMarkerThatChangedLongestAgoGoes()
    {
        var objects = new KeptObjects(_meta, new SequentialIds(), new FakeTimeProvider());
        var kind = ObjectKinds.Markers with { Max = 3 };
        for (var i = 1; i <= 3; i++)
        {
            await CreateAsync(objects, kind, $$"""{"message":"{{i}}"}""");
        }

        await objects.ReplaceAsync(kind, "shop", "r1", Json("""{"message":"changed"}"""), default);
        await CreateAsync(objects, kind, """{"message":"4"}""");

        var left = await objects.ListAsync(kind.Path, "shop", default);
        Assert.Equal([("shop", "r3"), ("shop", "r1"), ("shop", "r4")], left.Select(KeptObjects.PlaceOf));
    }

    [Fact]
    public async Task PastItsBoundADerivedColumnIsRefused()
    {
        var objects = new KeptObjects(_meta, new SequentialIds(), new FakeTimeProvider());
        var kind = ObjectKinds.DerivedColumns with { Max = 1 };
        await CreateAsync(objects, kind, """{"alias":"a","expression":"1"}""");
        var refused = await objects.CreateAsync(kind, "shop", Json("""{"alias":"b","expression":"1"}"""), default);

        Assert.Equal(422, refused.Problem!.Status);
        Assert.Equal(1, _meta.Count);
    }

    [Fact]
    public async Task PastTheirBoundTheOldestQueriesThatNoAnnotationNamesAreForgotten()
    {
        await using var server = await HoneycombCalls.StartAsync();
        var named = (await server.CallAsync("POST /1/queries/shop", """{"limit":1}""")).Text("id");
        var forgotten = (await server.CallAsync("POST /1/queries/shop", """{"limit":2}""")).Text("id");
        await server.CallAsync("POST /1/query_annotations/shop", $$"""{"name":"kept","query_id":"{{named}}"}""");
        for (var i = 2; i < HoneycombLimits.QueriesMax; i++)
        {
            await server.Meta.PutAsync($"honeycomb/queries/other/{i}", "{}"u8.ToArray(), default);
        }

        var last = (await server.CallAsync("POST /1/queries/shop", """{"limit":3}""")).Text("id");

        Assert.Equal(200, (await server.CallAsync($"GET /1/queries/shop/{named}")).Status);
        Assert.Equal(404, (await server.CallAsync($"GET /1/queries/shop/{forgotten}")).Status);
        Assert.Equal(200, (await server.CallAsync($"GET /1/queries/shop/{last}")).Status);
        var left = await server.Meta.ListAsync("honeycomb/queries/", default);
        Assert.Equal(HoneycombLimits.QueriesMax - HoneycombLimits.QueriesForgottenAtOnce + 1, left.Count);
        Assert.Equal(forgotten, (await server.CallAsync("POST /1/queries/shop", """{"limit":2}""")).Text("id"));
    }

    [Fact]
    public void OfFailuresOnlyTheNewestAreRemembered()
    {
        using var jobs = new QueryJobs(Microsoft.Extensions.Logging.Abstractions.NullLogger<QueryJobs>.Instance);
        for (var i = 0; i <= HoneycombLimits.FailuresMax; i++)
        {
            jobs.Begin($"{i}", new QueryJob("shop", "q", default, null));
            jobs.End($"{i}", ProblemDocument.NotFound("no"), null);
        }

        jobs.Begin("answered", new QueryJob("shop", "q", default, null));
        jobs.End("answered", null, null);

        Assert.Null(jobs.Find("0"));
        Assert.NotNull(jobs.Find("1")!.Failure);
        Assert.NotNull(jobs.Find($"{HoneycombLimits.FailuresMax}")!.Failure);
        Assert.Null(jobs.Find("answered"));
    }

    private static async Task CreateAsync(KeptObjects objects, ObjectKind kind, string body) =>
        Assert.Null((await objects.CreateAsync(kind, "shop", Json(body), default)).Problem);

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
