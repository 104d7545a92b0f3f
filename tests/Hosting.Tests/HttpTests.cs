using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Hosting.Tests;

public sealed class HttpTests : IAsyncLifetime
{
    private readonly StringWriter _log = new();
    private readonly Switch _switch = new();
    private readonly HttpClient _client = new();
    private WebApplication _app = null!;

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddNodeLogging(LogLevel.Information, _log, TimeProvider.System);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        builder.Services.AddNodeMetrics();
        builder.Services.AddSingleton<IReadinessSource>(_switch);
        _app = builder.Build();
        _app.UseMiddleware<ProblemMiddleware>();
        _app.UseRouting();
        _app.MapHealth();
        _app.MapNodeMetrics();
        _app.MapPost("/api/v1/query", (RequestDelegate)(_ => throw new InvalidOperationException("secret inner reason")));
        _app.MapPost("/api/v1/bubbleup", (RequestDelegate)(_ => throw new OutOfMemoryException()));
        _app.MapGet("/bad", (RequestDelegate)(c => ProblemDocument.BadField("limit", "0", "expected 1..1000").WriteAsync(c)));
        await _app.StartAsync();
        _client.BaseAddress = new Uri(_app.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
    }

    [Fact]
    public async Task HealthIsAlwaysGoodAndReadinessFollowsItsSources()
    {
        Assert.Equal(HttpStatusCode.OK, (await _client.GetAsync("/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await _client.GetAsync("/readyz")).StatusCode);
        _switch.State = Readiness.No("partition 3 replays its log");
        HttpResponseMessage response = await _client.GetAsync("/readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("""{"ready":false,"checks":[{"name":"switch","ready":false,"reason":"partition 3 replays its log"}]}""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task MetricsAreInPrometheusText()
    {
        using var meter = new System.Diagnostics.Metrics.Meter("StreamObserve.Test");
        meter.CreateCounter<long>("streamobserve.test.things").Add(3);
        string text = await _client.GetStringAsync("/metrics");
        Assert.Contains("streamobserve_test_things_total{", text);
        Assert.Contains("dotnet_gc", text);
    }

    [Fact]
    public async Task UnknownPathNamesTheKnownOnesClosestFirst()
    {
        JsonElement problem = await Problem(await _client.GetAsync("/api/v1/qery"), 404);
        Assert.StartsWith("there is no path \"/api/v1/qery\"; the paths are /api/v1/query, ", problem.GetProperty("detail").GetString());
        Assert.Equal("/api/v1/qery", problem.GetProperty("instance").GetString());
        Assert.Equal("path", problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task WrongMethodNamesTheRightOnes()
    {
        JsonElement problem = await Problem(await _client.GetAsync("/api/v1/query"), 405);
        Assert.Equal("/api/v1/query does not take GET; it takes POST", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task FaultIsLoggedAndItsReasonKeptFromTheAnswer()
    {
        HttpResponseMessage response = await _client.PostAsync("/api/v1/query", new StringContent("{}"));
        string body = await response.Content.ReadAsStringAsync();
        await Problem(response, 500);
        Assert.DoesNotContain("secret", body);
        Assert.DoesNotContain(" at ", body);
        Assert.Contains("secret inner reason", _log.ToString());
    }

    [Fact]
    public async Task AFullHeapIsTriedAgainLater()
    {
        HttpResponseMessage response = await _client.PostAsync("/api/v1/bubbleup", new StringContent("{}"));
        JsonElement problem = await Problem(response, 503);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Contains("raise memory", problem.GetProperty("detail").GetString());
        Assert.Contains("found the heap full", _log.ToString());
    }

    [Fact]
    public async Task BadFieldIsNamedWithItsValue()
    {
        JsonElement problem = await Problem(await _client.GetAsync("/bad"), 400);
        JsonElement error = problem.GetProperty("errors")[0];
        Assert.Equal("limit", error.GetProperty("field").GetString());
        Assert.Equal("0", error.GetProperty("value").GetString());
        Assert.Equal("expected 1..1000", error.GetProperty("message").GetString());
    }

    private static async Task<JsonElement> Problem(HttpResponseMessage response, int status)
    {
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        JsonElement problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        return problem;
    }

    private sealed class Switch : IReadinessSource
    {
        public string Name => "switch";

        public Readiness State { get; set; } = Readiness.Yes;

        public Readiness Check() => State;
    }
}
