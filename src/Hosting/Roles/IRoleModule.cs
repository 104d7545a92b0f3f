using Akka.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace StreamObserve.Hosting;

/// <summary>
/// A role as the node starts it. Calls come in this order, each once, on one thread at a time:
/// <see cref="ConfigureServices"/>, <see cref="ConfigureAkka"/> (only if <see cref="NeedsCluster"/>), <see cref="MapEndpoints"/>, <see cref="PrepareAsync"/>
/// (only if <see cref="NeedsCluster"/>), <see cref="StartAsync"/>, <see cref="StopAsync"/>. Roles start in <see cref="NodeRoleNames.StartOrder"/>: those that don't need the cluster before the actor system and the HTTP
/// server, the others after both; they stop in reverse.
/// </summary>
public interface IRoleModule
{
    /// <summary>The single role that this is.</summary>
    NodeRoles Role { get; }

    /// <summary>True when it works with actors. False for the broker, which then starts first.</summary>
    bool NeedsCluster => true;

    /// <summary>Registers what the role needs, also its <see cref="IReadinessSource"/>s.</summary>
    void ConfigureServices(IServiceCollection services, NodeSettings settings);

    /// <summary>Registers its actors, regions and singletons. <paramref name="services"/> is the finished container, to be used when the actor system starts.</summary>
    void ConfigureAkka(AkkaConfigurationBuilder akka, NodeSettings settings, IServiceProvider services)
    {
    }

    /// <summary>Maps its routes, if HTTP is served.</summary>
    void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }

    /// <summary>
    /// Makes or checks what the role stands on (its topics), before the actor system and the HTTP server start. Throws a <see cref="RoleStartException"/> when the
    /// role can't work with what is there: the process then ends with nothing begun.
    /// </summary>
    Task PrepareAsync(IServiceProvider services, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>
    /// Starts working and returns when it serves, or throws a <see cref="RoleStartException"/> (or anything else, which counts as a bug) when it can't:
    /// the process then ends. Adds what it bound to <paramref name="addresses"/>.
    /// </summary>
    Task StartAsync(IServiceProvider services, NodeAddresses addresses, CancellationToken cancellation);

    /// <summary>Ends its work within a few seconds; the token is cancelled when time is up. Called also after a failed start of a later role.</summary>
    Task StopAsync(CancellationToken cancellation);
}

/// <summary>A role can't start, for a reason that the person who started it can do something about. The message is one line: what, which value, which knob.</summary>
public sealed class RoleStartException : Exception
{
    /// <summary>Makes one.</summary>
    public RoleStartException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>
/// What this process listens on, with real port numbers, as it becomes known during the start. A singleton in the container; safe for threads.
/// </summary>
public sealed class NodeAddresses
{
    private readonly Lock _lock = new();
    private readonly List<(string Name, string Address)> _bound = [];
    private readonly string? _kafka;

    /// <summary>For a node with these settings.</summary>
    public NodeAddresses(NodeSettings settings) => _kafka = settings.Kafka;

    /// <summary>
    /// Where the log is: the Kafka cluster of the settings, else the embedded broker, once it is bound (roles that need the cluster start after it).
    /// Throws <see cref="InvalidOperationException"/> before that.
    /// </summary>
    public string KafkaBootstrap => _kafka ?? Find("kafka") ?? throw new InvalidOperationException("the embedded broker is not bound yet");

    /// <summary>Notes an address; <paramref name="name"/> is its key in the ready line (<c>http</c>, <c>kafka</c>, <c>otlp-http</c>, <c>otlp-grpc</c>, <c>remoting</c>).</summary>
    public void Add(string name, string address)
    {
        lock (_lock)
        {
            _bound.Add((name, address));
        }
    }

    /// <summary>The address of that name, or null.</summary>
    public string? Find(string name)
    {
        lock (_lock)
        {
            return _bound.Find(b => b.Name == name).Address;
        }
    }

    /// <summary>The line that a serving node prints: <c>ready http=http://127.0.0.1:8080 kafka=127.0.0.1:9092 remoting=127.0.0.1:8110</c>.</summary>
    public string ReadyLine()
    {
        string[] order = ["http", "kafka", "otlp-http", "otlp-grpc", "remoting"];
        lock (_lock)
        {
            return "ready " + string.Join(' ', _bound.OrderBy(b => Array.IndexOf(order, b.Name)).Select(b => $"{b.Name}={b.Address}"));
        }
    }
}
