using System.Net;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class CatalogEndpointTests
{
    [Fact]
    public async Task DatasetsAreListed()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Catalog.Datasets = new CatalogOutcome<DatasetEntry>.Found([new("cart", Answers.StartNs), new("shop", null)], false, Answers.Receipt());
        using var response = await server.GetAsync("/api/v1/datasets");

        Assert.StartsWith(
            """{"datasets":[{"name":"cart","last_written":"2023-11-14T22:13:20Z"},{"name":"shop","last_written":null}],"more":false,"receipt":{"partitions":{"asked":4""",
            await response.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ColumnsHaveTheirTypes()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Catalog.Columns["shop"] = new CatalogOutcome<ColumnEntry>.Found(
            [new("duration_ms", FieldKind.Float, Answers.StartNs), new("error", FieldKind.Bool, null), new("name", FieldKind.String, null), new("status", FieldKind.Integer, null)],
            true, Answers.Receipt());
        using var response = await server.GetAsync("/api/v1/datasets/Shop/columns");

        Assert.StartsWith(
            ResponseText.Compact("""
            {"columns":[{"name":"duration_ms","type":"float","last_written":"2023-11-14T22:13:20Z"},{"name":"error","type":"boolean","last_written":null},
             {"name":"name","type":"string","last_written":null},{"name":"status","type":"integer","last_written":null}],"more":true}
            """)[..^1], await response.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ValuesHaveCountsAndLabelsWhereTheyAreNotExact()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Catalog.Values[("shop", "a/b")] = new CatalogOutcome<ValueEntry>.Found(
            [
                new(FieldValue.Of("x"), 12, NumberLabel.Exact),
                new(FieldValue.Of(200), 3.5, new(LabelKind.Estimated, IntervalLow: 3, IntervalHigh: 4)),
                new(FieldValue.Of(true), 1, new(LabelKind.AtLeast)),
            ], false, Answers.Receipt());
        using var response = await server.GetAsync("/api/v1/datasets/shop/columns/a%2Fb/values?limit=3");

        Assert.StartsWith(
            ResponseText.Compact("""
            {"values":[{"value":"x","count":12},{"value":200,"count":3.5,"count.label":{"kind":"estimated","interval":[3,4]}},
             {"value":true,"count":1,"count.label":{"kind":"at_least"}}],"more":false}
            """)[..^1], await response.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(3, server.Catalog.ValuesLimit);
    }

    [Theory]
    [InlineData("/api/v1/datasets/nope/columns", HttpStatusCode.NotFound, "dataset|nope")]
    [InlineData("/api/v1/datasets/nope/columns/x/values", HttpStatusCode.NotFound, "dataset|nope")]
    [InlineData("/api/v1/datasets/shop/columns/x/values", HttpStatusCode.NotFound, "column|x")]
    [InlineData("/api/v1/datasets/shop/columns/x/values?limit=0", HttpStatusCode.BadRequest, "limit|0")]
    [InlineData("/api/v1/datasets/shop/columns/x/values?limit=1001", HttpStatusCode.BadRequest, "limit|1001")]
    [InlineData("/api/v1/datasets/shop/columns/x/values?limit=ten", HttpStatusCode.BadRequest, "limit|ten")]
    [InlineData("/api/v1/datasets/shop/columns/x/values?limti=5", HttpStatusCode.BadRequest, "limti|5")]
    [InlineData("/api/v1/datasets/shop/columns/x/values?limit=5&limit=6", HttpStatusCode.BadRequest, "limit|5,6")]
    [InlineData("/api/v1/datasets/%20/columns", HttpStatusCode.BadRequest, "dataset| ")]
    public async Task WrongNamesAndLimitsAreProblems(string path, HttpStatusCode status, string error)
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Catalog.Columns["shop"] = new CatalogOutcome<ColumnEntry>.Found([], false, Answers.Receipt());
        using var response = await server.GetAsync(path);

        Assert.Equal([error], await QueryErrorTests.ErrorsAsync(response, status));
    }
}
