using System.Net;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class SamplingBiasEndpointTests
{
    private static readonly NumberLabel Sampled = new(LabelKind.Estimated, null, 80, 130);

    [Fact]
    public async Task EstimatesStandBesideExactNumbers()
    {
        await using var server = await ServerAsync();
        using var report = await ReportAsync(server, "by=region,customer&end_time=1699999970&time_range=60");

        Assert.Equal(("2023-11-14T22:11:00Z", "2023-11-14T22:13:00Z"), (report.RootElement.GetProperty("start_time").GetString(), report.RootElement.GetProperty("end_time").GetString()));
        Assert.Equal(
            """{"exact":1150,"estimate":1100,"label":{"kind":"estimated","interval":[80,130]},"error":-0.043478}""",
            ResponseText.Compact(report.RootElement.GetProperty("count").GetRawText()));
        var region = report.RootElement.GetProperty("fields")[0];
        Assert.Equal(
            """
            [{"value":"us","exact":1000,"estimate":900,"label":{"kind":"estimated","interval":[80,130]},"error":-0.1},{"value":"eu","exact":100,"estimate":110,"label":{"kind":"estimated","interval":[80,130]},"error":0.1},{"value":null,"exact":30},{"value":"ap","exact":20}]
            """,
            ResponseText.Compact(region.GetProperty("most_frequent").GetRawText()));
        Assert.Equal((4, 2, 1), (region.GetProperty("values").GetInt32(), region.GetProperty("intervals").GetInt32(), region.GetProperty("intervals_that_hold").GetInt32()));
        Assert.Equal("""{"values":2,"events":50,"most_frequent":[{"value":null,"exact":30},{"value":"ap","exact":20}]}""", ResponseText.Compact(region.GetProperty("vanished").GetRawText()));
        Assert.Equal("""[{"field":"customer","reason":"field customer has too many values to be kept in aggregates"}]""", ResponseText.Compact(report.RootElement.GetProperty("not_compared").GetRawText()));
    }

    [Fact]
    public async Task WithoutFieldsTextsAndTruthValuesAreCompared()
    {
        await using var server = await ServerAsync();
        server.Catalog.Columns["shop"] = new CatalogOutcome<ColumnEntry>.Found(
            [new("bytes", FieldKind.Integer, null), new("customer", FieldKind.String, null), new("flag", FieldKind.Bool, null), new("meta.sample.key", FieldKind.String, null), new("region", FieldKind.String, null)],
            false, Answers.Receipt());
        using var report = await ReportAsync(server, "limit=1");

        Assert.Equal(["flag", "region"], report.RootElement.GetProperty("fields").EnumerateArray().Select(field => field.GetProperty("field").GetString()));
        Assert.All(report.RootElement.GetProperty("fields").EnumerateArray(), field => Assert.Equal(1, field.GetProperty("most_frequent").GetArrayLength()));
        Assert.All(server.Queries.Requests, request => Assert.InRange((request.Spec.EndTimeNs!.Value - request.Spec.StartTimeNs!.Value) / Answers.SecondNs, 7_140, 7_260));
    }

    [Fact]
    public async Task WhatAggregatesKnowWithinBoundsIsNotCompared()
    {
        await using var server = await ServerAsync();
        using var report = await ReportAsync(server, "by=user");

        Assert.Empty(report.RootElement.GetProperty("fields").EnumerateArray());
        Assert.Equal("user", report.RootElement.GetProperty("not_compared")[0].GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("end_time=30")]
    [InlineData("by=region&last=3")]
    [InlineData("time_range=0")]
    [InlineData("limit=1001")]
    [InlineData("by=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u")]
    public async Task WhatIsNoParameterIsRefused(string query)
    {
        await using var server = await ServerAsync();
        using var response = await server.GetAsync($"/api/v1/sampling/shop/bias?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task ADatasetThatNobodyHasSeenIsNotFound()
    {
        await using var server = await ServerAsync();
        server.Queries.Answer = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.UnknownDataset());
        using var response = await server.GetAsync("/api/v1/sampling/shop/bias");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task WhereAPartitionIsMissingNothingIsCompared()
    {
        await using var server = await ServerAsync();
        server.Queries.Answer = (request, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(request.Source == QuerySource.Rows ? Answers.Count(7, new FailedPartition(2, "no answer", true)) : Answers.Count(7)));
        using var response = await server.GetAsync("/api/v1/sampling/shop/bias");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
    }

    private static async Task<QueryNodeServer> ServerAsync()
    {
        var server = await QueryNodeServer.StartAsync();
        server.Queries.Answer = (request, _) => Task.FromResult<QueryOutcome>((request.Source, Field(request)) switch
        {
            (QuerySource.Aggregates, "customer") => new QueryOutcome.Refused([new("source", "aggregates", "field customer has too many values to be kept in aggregates")]),
            (QuerySource.Aggregates, null) => Answered(([], 1_150, NumberLabel.Exact)),
            (QuerySource.Aggregates, "user") => Answered(([FieldValue.Of("u1")], 50, new(LabelKind.AtLeast)), ([FieldValue.Of("u2")], 40, NumberLabel.Exact)),
            (QuerySource.Rows, null) => Answered(([], 1_100, Sampled)),
            (QuerySource.Aggregates, _) => Answered(
                ([FieldValue.Of("eu")], 100, NumberLabel.Exact), ([FieldValue.Of("ap")], 20, NumberLabel.Exact), ([FieldValue.Absent], 30, NumberLabel.Exact), ([FieldValue.Of("us")], 1_000, NumberLabel.Exact)),
            (QuerySource.Rows, _) => Answered(([FieldValue.Of("us")], 900, Sampled), ([FieldValue.Of("eu")], 110, Sampled)),
            var (source, _) => throw new InvalidOperationException($"asked of {source}"),
        });
        return server;
    }

    private static string? Field(QueryRequest request) => request.Spec.Breakdowns.Count == 0 ? null : request.Spec.Breakdowns[0];

    private static QueryOutcome.Answered Answered(params (FieldValue[] Group, double Count, NumberLabel Label)[] rows) => new(Answers.Count(0) with
    {
        Results = [.. rows.Select(row => new AnswerRow(row.Group, [Answers.Cell(FieldValue.Of(row.Count), row.Label)]))],
    });

    private static async Task<JsonDocument> ReportAsync(QueryNodeServer server, string query)
    {
        using var response = await server.GetAsync($"/api/v1/sampling/shop/bias?{query}");
        var text = await response.TextAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return JsonDocument.Parse(text);
    }
}
