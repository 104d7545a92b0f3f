using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamObserve.Commands;
using StreamObserve.Hosting;

namespace StreamObserve.Run;

/// <summary>
/// One node: container, HTTP server, actor system and roles, from start to clean stop. Runs once. See <see cref="IRoleModule"/> for the order of things.
/// </summary>
internal sealed class NodeHost : IAsyncDisposable
{
    // Open requests get this long to end by themselves; live tails never would.
    private static readonly TimeSpan HttpDrainMax = TimeSpan.FromSeconds(1.5);

    private readonly NodeSettings _settings;
    private readonly CommandContext _context;
    private readonly NodeAddresses _addresses;
    private readonly IReadOnlyList<IRoleModule> _modules;
    private readonly Stack<IRoleModule> _started = new();
    private readonly WebApplication _app;
    private readonly ILogger _logger;
    private bool _appStarted;

    public NodeHost(NodeSettings settings, MemoryBudget budget, IReadOnlyList<IRoleModule> modules, CommandContext context)
    {
        _settings = settings;
        _context = context;
        _addresses = new NodeAddresses(settings);
        _modules = [.. NodeRoleNames.StartOrder.SelectMany(r => modules.Where(m => m.Role == r && settings.Has(r)))];
        _app = Build(budget);
        _logger = _app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("StreamObserve.Node");
    }

    /// <summary>Serves until <paramref name="stop"/>; null after a clean end, else one line saying what failed.</summary>
    public async Task<string?> RunAsync(CancellationToken stop)
    {
        string? failure = null;
        try
        {
            failure = await StartAsync(stop).ConfigureAwait(false);
            if (failure is null)
            {
                _context.Output.WriteLine(_addresses.ReadyLine());
                await _context.Output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
                failure = await UntilEndAsync(stop).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Told to stop while starting: what has started is stopped below.
        }

        using var late = new CancellationTokenSource(Limits.ShutdownMax, _context.Time);
        Task stopping = StopAsync(late.Token);
        if (await Task.WhenAny(stopping, Task.Delay(Limits.ShutdownMax, _context.Time, CancellationToken.None)).ConfigureAwait(false) != stopping)
        {
            return failure ?? $"the node did not stop within {Limits.ShutdownMax.TotalSeconds} s and was ended";
        }

        await stopping.ConfigureAwait(false);
        return failure;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private WebApplication Build(MemoryBudget budget)
    {
        // The empty builder: no configuration files, no variables of ASP.NET, nothing that we did not ask for; also the quickest to start.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ApplicationName = "streamobserve",
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Logging.AddNodeLogging(_settings.MinimumLogLevel, _context.Error, _context.Time);
        IServiceCollection services = builder.Services;
        services.AddSingleton(_settings);
        services.AddSingleton(budget);
        services.AddSingleton(_addresses);
        services.AddSingleton(_context.Time);
        services.AddSingleton<IHostLifetime, SignalsAreTakenElsewhere>();
        services.Configure<HostOptions>(o => o.ShutdownTimeout = Limits.ShutdownMax);
        services.AddRoutingCore();
        services.AddNodeMetrics();
        if (_settings.Http is { } http)
        {
            builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.Listen(Resolve(http), http.Port);
            });
        }
        else
        {
            services.AddSingleton<IServer, NoHttpServer>();
        }

        foreach (IRoleModule module in _modules)
        {
            module.ConfigureServices(services, _settings);
        }

        if (_settings.NeedsCluster)
        {
            services.AddSingleton<IReadinessSource, ClusterReadiness>();
            services.AddAkka(ClusterHosting.SystemName, (akka, provider) =>
            {
                akka.AddStreamObserveCluster(_settings, _addresses);
                foreach (IRoleModule module in _modules.Where(m => m.NeedsCluster))
                {
                    module.ConfigureAkka(akka, _settings, provider);
                }
            });
        }

        WebApplication app = builder.Build();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.MapHealth();
        app.MapNodeMetrics();
        foreach (IRoleModule module in _modules)
        {
            module.MapEndpoints(app);
        }

        return app;
    }

    private async Task<string?> StartAsync(CancellationToken stop)
    {
        foreach (IRoleModule module in _modules.Where(m => !m.NeedsCluster))
        {
            if (await StartRoleAsync(module, stop).ConfigureAwait(false) is { } failure)
            {
                return failure;
            }
        }

        if ((_settings.NeedsCluster ? ListenRefusal("remoting", _settings.Remoting) : null) is { } remotingRefusal)
        {
            return remotingRefusal;
        }

        if ((_settings.Http is { } http ? ListenRefusal("http", http) : null) is { } httpRefusal)
        {
            return httpRefusal;
        }

        foreach (IRoleModule module in _modules.Where(m => m.NeedsCluster))
        {
            if (await TryStartAsync(module, () => module.PrepareAsync(_app.Services, stop), stop).ConfigureAwait(false) is { } failure)
            {
                return failure;
            }
        }

        try
        {
            _appStarted = true;
            await _app.StartAsync(stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw;
        }
#pragma warning disable CA1031 // a server or actor system that fails to start ends the process, whatever the reason
        catch (Exception e)
#pragma warning restore CA1031
        {
            return StartFailure(e);
        }

        if (_settings.Http is not null)
        {
            string bound = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
            _addresses.Add("http", bound);
        }

        foreach (IRoleModule module in _modules.Where(m => m.NeedsCluster))
        {
            if (await StartRoleAsync(module, stop).ConfigureAwait(false) is { } failure)
            {
                return failure;
            }
        }

        await UntilReadyAsync(stop).ConfigureAwait(false);
        return null;
    }

    private Task<string?> StartRoleAsync(IRoleModule module, CancellationToken stop)
    {
        _started.Push(module);
        return TryStartAsync(module, () => module.StartAsync(_app.Services, _addresses, stop), stop);
    }

    /// <summary>Takes one step of a role's start; why it failed in one line, else null.</summary>
    private async Task<string?> TryStartAsync(IRoleModule module, Func<Task> step, CancellationToken stop)
    {
        try
        {
            await step().ConfigureAwait(false);
            return null;
        }
        catch (RoleStartException e)
        {
            _logger.LogDebug(e, "role {Role} did not start", module.Role.Name());
            return $"role {module.Role.Name()} can't start: {e.Message}";
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw;
        }
#pragma warning disable CA1031 // a role that fails to start ends the process, whatever the reason
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.LogError(e, "role {Role} did not start", module.Role.Name());
            return $"role {module.Role.Name()} can't start: {e.Message.ReplaceLineEndings(" ")}";
        }
    }

    /// <summary>Looks at every readiness source until all are ready; says each few seconds which are not.</summary>
    private async Task UntilReadyAsync(CancellationToken stop)
    {
        IReadinessSource[] sources = [.. _app.Services.GetServices<IReadinessSource>()];
        long reported = _context.Time.GetTimestamp();
        while (true)
        {
            var waiting = sources.Select(s => (s.Name, State: s.Check())).Where(c => !c.State.Ready).ToList();
            if (waiting.Count == 0)
            {
                return;
            }

            if (_context.Time.GetElapsedTime(reported) >= Limits.ReadinessReport)
            {
                reported = _context.Time.GetTimestamp();
                _logger.LogInformation("not ready yet: {Reasons}", string.Join("; ", waiting.Select(w => $"{w.Name}: {w.State.Reason}")));
            }

            await Task.Delay(Limits.ReadinessPoll, _context.Time, stop).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for the stop signal, or for the actor system's end: a node that was removed from its cluster must not go on by itself.</summary>
    private async Task<string?> UntilEndAsync(CancellationToken stop)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = stop.Register(stopped.SetResult);
        if (_app.Services.GetService<ActorSystem>() is not { } system)
        {
            await stopped.Task.ConfigureAwait(false);
            return null;
        }

        await Task.WhenAny(stopped.Task, system.WhenTerminated).ConfigureAwait(false);
        return stop.IsCancellationRequested
            ? null
            : "this node was removed from its cluster (it could not be reached for a while, or the others could not be): start it again";
    }

    private async Task StopAsync(CancellationToken late)
    {
        if (_appStarted && _settings.Http is not null)
        {
            // The doors first, so that nothing new comes in while the roles end their work.
            _app.Lifetime.StopApplication();
            using var drained = CancellationTokenSource.CreateLinkedTokenSource(late);
            using var timer = new CancellationTokenSource(HttpDrainMax, _context.Time);
            await using CancellationTokenRegistration link = timer.Token.Register(drained.Cancel);
            await TryAsync("http", () => _app.Services.GetRequiredService<IServer>().StopAsync(drained.Token)).ConfigureAwait(false);
        }

        while (_started.TryPeek(out IRoleModule? module) && module.NeedsCluster)
        {
            _started.Pop();
            await TryAsync(module.Role.Name(), () => module.StopAsync(late)).ConfigureAwait(false);
        }

        if (_appStarted)
        {
            await TryAsync("cluster", () => _app.StopAsync(late)).ConfigureAwait(false);
        }

        while (_started.TryPop(out IRoleModule? module))
        {
            await TryAsync(module.Role.Name(), () => module.StopAsync(late)).ConfigureAwait(false);
        }
    }

    private async Task TryAsync(string what, Func<Task> stop)
    {
        try
        {
            await stop().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // one part that fails to stop must not keep the others from stopping
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.LogError(e, "{What} did not stop cleanly", what);
        }
    }

    /// <summary>
    /// Tries an address before the actor system or the HTTP server does, which would tell of a taken one with pages of nested exceptions; null when it is free.
    /// </summary>
    private static string? ListenRefusal(string setting, HostPort address)
    {
        try
        {
            using var probe = new TcpListener(Resolve(address), address.Port);
            probe.Start();
            return null;
        }
        catch (SocketException e)
        {
            return $"{setting}: can't listen on {address}: {Reason(e)}; give --{setting} another address";
        }
    }

    /// <summary>Puts in one line why the HTTP server or the actor system did not start; logs what is not expected.</summary>
    private string StartFailure(Exception e)
    {
        List<Exception> chain = [e];
        while (chain[^1].InnerException is { } inner)
        {
            chain.Add(inner);
        }

        // A role's services are made while the actor system starts.
        if (chain.OfType<RoleStartException>().FirstOrDefault() is { } role)
        {
            return role.Message;
        }

        // Kestrel throws these as they are or in an IOException; Akka, whose address was tried before, never does.
        if (e is IOException or SocketException && chain.Exists(c => c is SocketException or AddressInUseException))
        {
            return $"http: can't listen on {_settings.Http}: {Reason(chain.OfType<SocketException>().FirstOrDefault())}; give --http another address";
        }

        _logger.LogError(e, "the node did not start");
        return $"the node can't start: {chain[^1].Message.ReplaceLineEndings(" ")}";
    }

    private static string Reason(SocketException? e) => e?.SocketErrorCode switch
    {
        null or SocketError.AddressAlreadyInUse => "another process listens there",
        SocketError.AddressNotAvailable => "this machine has no such address",
        SocketError.AccessDenied => "not permitted",
        SocketError.HostNotFound or SocketError.TryAgain => "there is no such host",
        _ => e.Message,
    };

    private static IPAddress Resolve(HostPort address) =>
        IPAddress.TryParse(address.BareHost, out IPAddress? ip) ? ip : Dns.GetHostAddresses(address.BareHost).OrderBy(a => a.AddressFamily).First();

    /// <summary>The program takes the signals; the host must not.</summary>
    private sealed class SignalsAreTakenElsewhere : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Serves nothing: a node without an HTTP address.</summary>
    private sealed class NoHttpServer : IServer
    {
        public Microsoft.AspNetCore.Http.Features.IFeatureCollection Features { get; } = new Microsoft.AspNetCore.Http.Features.FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
