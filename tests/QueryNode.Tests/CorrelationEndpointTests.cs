using System.Net;

namespace StreamObserve.QueryNode.Tests;

public class CorrelationEndpointTests
{
    [Fact]
    public async Task ADatasetNamesTheFieldByWhichItsEventsAreOneThing()
    {
        await using var server = await QueryNodeServer.StartAsync();
        server.Traces.Traces["order_id=o-17"] = new() { Complete = true, Missing = [], Rows = [], Receipt = Answers.Receipt() };
        using var before = await server.GetAsync("/api/v1/traces/o-17?dataset=shop");
        Assert.Equal(["dataset|shop"], await QueryErrorTests.ErrorsAsync(before, HttpStatusCode.NotFound));
        using var put = await server.SendAsync(HttpMethod.Put, "/api/v1/datasets/Shop/correlation", """{"field":"order_id"}""");
        Assert.Equal("""{"dataset":"shop","field":"order_id"}""", await put.TextAsync());
        using var got = await server.GetAsync("/api/v1/datasets/shop/correlation");
        Assert.Equal("""{"dataset":"shop","field":"order_id"}""", await got.TextAsync());

        server.Traces.Traces["order_id=o-17"] = server.Traces.Traces["order_id=o-17"] with { Rows = [new(1, """{"body":"a"}"""u8.ToArray())] };
        using var found = await server.GetAsync("/api/v1/traces/o-17?dataset=SHOP");
        Assert.StartsWith("""{"field":"order_id","value":"o-17","complete":true,"missing":[],"rows":[{"body":"a"}]""", await found.TextAsync(), StringComparison.Ordinal);

        using var deleted = await server.SendAsync(HttpMethod.Delete, "/api/v1/datasets/shop/correlation", "");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using var gone = await server.GetAsync("/api/v1/datasets/shop/correlation");
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Theory]
    [InlineData("shop", "{}", "field|")]
    [InlineData("shop", """{"field":""}""", "field|")]
    [InlineData("shop", """{"field":7}""", "field|7")]
    [InlineData("shop", """{"field":"a","name":"b"}""", "name|\"b\"")]
    [InlineData("__all__", """{"field":"a"}""", "dataset|__all__")]
    public async Task WhatIsWrongIsNamed(string dataset, string body, params string[] errors)
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.SendAsync(HttpMethod.Put, $"/api/v1/datasets/{dataset}/correlation", body);
        Assert.Equal(errors, await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task AFieldAndADatasetAreTooMuch()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.GetAsync("/api/v1/traces/o-17?dataset=shop&field=task");
        Assert.Equal(["dataset|shop"], await QueryErrorTests.ErrorsAsync(response, HttpStatusCode.BadRequest));
    }
}
