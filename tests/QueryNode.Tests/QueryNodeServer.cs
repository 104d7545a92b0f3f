using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

/// <summary>The HTTP face on a real socket with fake services behind it and a clock that stands still unless the test moves it.</summary>
internal sealed class QueryNodeServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private QueryNodeServer(WebApplication app, FakeTimeProvider time, FakeTails tails)
    {
        _app = app;
        Time = time;
        Tails = tails;
    }

    public FakeTimeProvider Time { get; }

    public FakeQueries Queries { get; } = new();

    public FakeBubbleUp BubbleUp { get; } = new();

    public FakeTraces Traces { get; } = new();

    public FakeCatalog Catalog { get; } = new();

    public FakeSampling Sampling { get; } = new();

    public FakeLogPasses LogPasses { get; } = new();

    public FakeTails Tails { get; }

    public FakeMeta Meta { get; } = new();

    public FakeKeys Keys { get; } = new();

    public HttpClient Client { get; private set; } = null!;

    public Uri Address { get; private set; } = null!;

    public IServiceProvider Services => _app.Services;

    public static async Task<QueryNodeServer> StartAsync(QueryHttpOptions? options = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddSeconds(1_700_000_000));
        var tails = new FakeTails(time);
        QueryNodeServer server = null!;
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddSingleton<IResultIds, SequentialIds>();
        builder.Services.AddSingleton<IQueryService>(_ => server.Queries);
        builder.Services.AddSingleton<IBubbleUpService>(_ => server.BubbleUp);
        builder.Services.AddSingleton<ITraceService>(_ => server.Traces);
        builder.Services.AddSingleton<ICatalogService>(_ => server.Catalog);
        builder.Services.AddSingleton<ISamplingService>(_ => server.Sampling);
        builder.Services.AddSingleton<IPromotionService>(_ => server.LogPasses);
        builder.Services.AddSingleton<IDryRunService>(_ => server.LogPasses);
        builder.Services.AddSingleton<ITailService>(_ => server.Tails);
        builder.Services.AddSingleton<IMetaStore>(_ => server.Meta);
        builder.Services.AddSingleton<IApiKeys>(_ => server.Keys);
        builder.Services.AddQueryHttp(options ?? new QueryHttpOptions());
        var app = builder.Build();
        server = new QueryNodeServer(app, time, tails);
        app.UseMiddleware<ProblemMiddleware>();
        app.MapQueryHttp();
        await app.StartAsync();
        server.Address = new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        server.Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { BaseAddress = server.Address };
        return server;
    }

    public Task<HttpResponseMessage> PostAsync(string path, string json, string contentType = "application/json") =>
        SendAsync(HttpMethod.Post, path, json, contentType);

    public Task<HttpResponseMessage> QueryAsync(string json) => PostAsync("/api/v1/query", json);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string json, string contentType = "application/json")
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        using var request = new HttpRequestMessage(method, path) { Content = content };
        return await Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => Client.GetAsync(path, TestContext.Current.CancellationToken);

    /// <summary>Begins to stop the server as a signal to the process would.</summary>
    public Task StopAsync() => _app.StopAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}

internal static class ResponseText
{
    public static Task<string> TextAsync(this HttpResponseMessage response) => response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    /// <summary>The golden's JSON as it goes over the wire: indentation and line breaks between members removed.</summary>
    public static string Compact(string json)
    {
        using var document = System.Text.Json.JsonDocument.Parse(json);
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new System.Text.Json.Utf8JsonWriter(buffer, new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            document.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
