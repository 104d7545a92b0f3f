using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using StreamObserve.Hosting;

namespace StreamObserve.Tests;

/// <summary>Starts whole nodes in this process, with roles that only note what is asked of them.</summary>
public sealed class RunCommandTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("streamobserve-test-").FullName;
    private readonly List<string> _calls = [];
    private readonly Terminal _terminal = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _allStarted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Func<NodeRoles, IServiceProvider, Task> _onStart = (_, _) => Task.CompletedTask;
    private Action _onAkka = () => { };
    private bool _ready = true;

    public RunCommandTests() => _terminal.Modules = s => [.. s.Roles.Each().Select(r => new NotingRole(this, r))];

    [Fact]
    public async Task NodePrintsOneReadyLineServesAndStopsInReverse()
    {
        Task<int> run = Run("--roles", "broker,ingest,processor,query");
        await ReadyAsync(run);
        string line = Assert.Single(_terminal.Output.TrimEnd().Split('\n'));
        Assert.Matches("^ready http=http://127\\.0\\.0\\.1:[1-9]\\d* kafka=127\\.0\\.0\\.1:19092 remoting=127\\.0\\.0\\.1:[1-9]\\d*$", line);

        using var client = new HttpClient { BaseAddress = new Uri(line.Split(' ')[1]["http=".Length..]) };
        Assert.Equal("query", await client.GetStringAsync("/role/query"));
        Assert.Contains("\"cluster\"", await client.GetStringAsync("/readyz"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/nowhere")).StatusCode);

        await _stop.CancelAsync();
        Assert.Equal(0, await run.WaitAsync(Patience));
        Assert.Equal(
            ["start broker", "start ingest", "start processor", "start query", "stop query", "stop processor", "stop ingest", "stop broker"],
            _calls);
        Assert.DoesNotContain("error", _terminal.Error);
    }

    [Fact]
    public async Task BrokerAloneBindsOnlyItsOwnAddress()
    {
        Task<int> run = Run("--roles", "broker");
        await ReadyAsync(run);
        Assert.Equal("ready kafka=127.0.0.1:19092\n", _terminal.Output);
        await _stop.CancelAsync();
        Assert.Equal(0, await run.WaitAsync(Patience));
    }

    [Fact]
    public async Task ReadyLineWaitsUntilEveryRoleIsReady()
    {
        _ready = false;
        Task<int> run = Run("--roles", "query", "--kafka", "127.0.0.1:1");
        await _allStarted.Task.WaitAsync(Patience);
        Assert.Empty(_terminal.Output);
        Volatile.Write(ref _ready, true);
        await ReadyAsync(run);
        Assert.DoesNotContain("kafka=", _terminal.Output);
        await _stop.CancelAsync();
        Assert.Equal(0, await run.WaitAsync(Patience));
    }

    [Fact]
    public async Task RoleThatCannotStartEndsTheProcessWithOneLine()
    {
        _onStart = (role, _) => role == NodeRoles.Processor ? throw new RoleStartException("partitions: the log has 8, not 4") : Task.CompletedTask;
        Assert.Equal(1, await Run("--roles", "broker,processor").WaitAsync(Patience));
        Assert.Contains("streamobserve run: role processor can't start: partitions: the log has 8, not 4\n", _terminal.Error);
        Assert.Empty(_terminal.Output);
        Assert.Equal(["start broker", "start processor", "stop processor", "stop broker"], _calls);
    }

    [Fact]
    public async Task FailureWhileTheActorSystemStartsIsOneLineToo()
    {
        _onAkka = () => throw new RoleStartException("data: can't use the folder \"/x\"");
        Assert.Equal(1, await Run("--roles", "query", "--kafka", "127.0.0.1:1").WaitAsync(Patience));
        Assert.Contains("streamobserve run: data: can't use the folder \"/x\"\n", _terminal.Error);

        _onAkka = () => throw new InvalidOperationException("a bug");
        var second = new Terminal { Modules = _terminal.Modules };
        Assert.Equal(1, await second.RunAsync("run", "--roles", "query", "--kafka", "127.0.0.1:1", "--http", "127.0.0.1:0", "--remoting", "127.0.0.1:0", "--data", _folder).WaitAsync(Patience));
        Assert.EndsWith("streamobserve run: the node can't start: a bug\n", second.Error);
    }

    [Fact]
    public async Task StopWhileStartingIsClean()
    {
        _onStart = async (role, _) =>
        {
            if (role == NodeRoles.Query)
            {
                await _stop.CancelAsync();
                _stop.Token.ThrowIfCancellationRequested();
            }
        };
        Assert.Equal(0, await Run("--roles", "query", "--kafka", "127.0.0.1:1").WaitAsync(Patience));
        Assert.Empty(_terminal.Output);
    }

    [Fact]
    public async Task NodeThatLeftItsClusterEndsItself()
    {
        IServiceProvider? services = null;
        _onStart = (_, provider) =>
        {
            services = provider;
            return Task.CompletedTask;
        };
        Task<int> run = Run("--roles", "query", "--kafka", "127.0.0.1:1");
        await ReadyAsync(run);
        await services!.GetRequiredService<ActorSystem>().Terminate();
        Assert.Equal(1, await run.WaitAsync(Patience));
        Assert.Contains("removed from its cluster", _terminal.Error);
    }

    [Fact]
    public async Task TakenAddressIsNamedWithItsKnob()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string address = taken.LocalEndpoint.ToString()!;
        Assert.Equal(1, await Run("--roles", "query", "--kafka", "127.0.0.1:1", "--http", address).WaitAsync(Patience));
        Assert.Contains($"streamobserve run: http: can't listen on {address}: another process listens there; give --http another address", _terminal.Error);

        var second = new Terminal { Modules = _terminal.Modules };
        Assert.Equal(1, await second.RunAsync("run", "--roles", "query", "--kafka", "127.0.0.1:1", "--http", "127.0.0.1:0", "--remoting", address, "--data", _folder).WaitAsync(Patience));
        Assert.Contains($"streamobserve run: remoting: can't listen on {address}: another process listens there; give --remoting another address", second.Error);
    }

    [Fact]
    public async Task SecondProcessOnTheSameDataFolderIsRefused()
    {
        Task<int> run = Run("--roles", "broker");
        await ReadyAsync(run);
        var second = new Terminal { Modules = _terminal.Modules };
        Assert.Equal(1, await second.RunAsync("run", "--roles", "broker", "--data", _folder));
        Assert.Contains($"the folder \"{_folder}\" is in use by another process", second.Error);
        await _stop.CancelAsync();
        Assert.Equal(0, await run.WaitAsync(Patience));
    }

    public void Dispose()
    {
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<int> Run(params string[] arguments)
    {
        string[] free = arguments.Contains("--http") || arguments is ["--roles", "broker"] ? [] : ["--http", "127.0.0.1:0"];
        return _terminal.RunAsync(_stop.Token, ["run", .. arguments, .. free, "--remoting", "127.0.0.1:0", "--data", _folder]);
    }

    private async Task ReadyAsync(Task<int> run)
    {
        DateTime patient = DateTime.UtcNow + Patience;
        while (!_terminal.Output.Contains('\n'))
        {
            Assert.False(run.IsCompleted, _terminal.Error);
            Assert.True(DateTime.UtcNow < patient, _terminal.Error);
            await Task.Delay(5);
        }
    }

    private sealed class NotingRole(RunCommandTests test, NodeRoles role) : IRoleModule, IReadinessSource
    {
        public NodeRoles Role => role;

        public bool NeedsCluster => role != NodeRoles.Broker;

        public string Name => role.Name();

        public Readiness Check() => Volatile.Read(ref test._ready) ? Readiness.Yes : Readiness.No("not yet");

        public void ConfigureServices(IServiceCollection services, NodeSettings settings) => services.AddSingleton<IReadinessSource>(this);

        public void ConfigureAkka(AkkaConfigurationBuilder akka, NodeSettings settings, IServiceProvider services) => akka.AddStartup((_, _) => test._onAkka());

        public void MapEndpoints(IEndpointRouteBuilder endpoints) =>
            endpoints.MapGet($"/role/{Name}", (RequestDelegate)(c => c.Response.WriteAsync(Name)));

        public async Task StartAsync(IServiceProvider services, NodeAddresses addresses, CancellationToken cancellation)
        {
            test._calls.Add($"start {Name}");
            if (role == NodeRoles.Broker)
            {
                addresses.Add("kafka", "127.0.0.1:19092");
            }

            await test._onStart(role, services);
            Assert.NotEmpty(addresses.KafkaBootstrap);
            test._allStarted.TrySetResult();
        }

        public Task StopAsync(CancellationToken cancellation)
        {
            test._calls.Add($"stop {Name}");
            return Task.CompletedTask;
        }
    }
}
