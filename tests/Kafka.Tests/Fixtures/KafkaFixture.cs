using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Broker;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Topics;
using Testcontainers.Kafka;

namespace StreamObserve.Tests.Fixtures;

/// <summary>
/// The Kafka that a test run works on, chosen once: the one that <c>STREAMOBSERVE_TEST_KAFKA</c> names, else a container where a Docker engine answers,
/// else the embedded broker. Prints which. Tests share it and tell their topics apart by <see cref="Unique"/>.
/// </summary>
public sealed class KafkaFixture : IAsyncLifetime
{
    private static int _names;

    private KafkaContainer? _container;
    private RestartableBroker? _embedded;

    /// <summary>How to reach it.</summary>
    public KafkaSettings Settings { get; private set; } = new() { Bootstrap = "" };

    /// <summary>A name that no other test of this or an earlier run uses.</summary>
    public static string Unique(string name) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{name}-{Environment.ProcessId}-{DateTime.UtcNow.Ticks:x}-{Interlocked.Increment(ref _names)}");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        var given = Environment.GetEnvironmentVariable("STREAMOBSERVE_TEST_KAFKA");
        string kind;
        if (!string.IsNullOrWhiteSpace(given))
        {
            Settings = new KafkaSettings { Bootstrap = given };
            kind = "STREAMOBSERVE_TEST_KAFKA";
        }
        else if (await DockerAnswersAsync())
        {
            _container = new KafkaBuilder("apache/kafka-native:4.1.0").Build();
            await _container.StartAsync();
            Settings = new KafkaSettings { Bootstrap = _container.GetBootstrapAddress() };
            kind = "a container";
        }
        else
        {
            _embedded = await RestartableBroker.StartAsync();
            Settings = _embedded.Settings;
            kind = "the embedded broker";
        }

        TestContext.Current.SendDiagnosticMessage($"kafka for tests: {kind} at {Settings.Bootstrap}");
        Console.Error.WriteLine($"kafka for tests: {kind} at {Settings.Bootstrap}");
    }

    /// <summary>Makes a topic.</summary>
    public async Task<TopicDescription> CreateTopicAsync(string name, int partitions)
    {
        using var admin = new TopicAdmin(Settings, TimeProvider.System, NullLogger.Instance);
        return await admin.EnsureAsync(TopicSpec.Batches(name, partitions), TestContext.Current.CancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_container is not null)
        {
            await _container.DisposeAsync();
        }

        if (_embedded is not null)
        {
            await _embedded.DisposeAsync();
        }
    }

    // The docker command may be installed without an engine: ask the engine itself.
    private static async Task<bool> DockerAnswersAsync()
    {
        var host = Environment.GetEnvironmentVariable("DOCKER_HOST");
        var path = host is null ? "/var/run/docker.sock" : host.StartsWith("unix://", StringComparison.Ordinal) ? host["unix://".Length..] : null;
        if (path is null || !File.Exists(path))
        {
            return false;
        }

        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), patience.Token);
            await socket.SendAsync("GET /_ping HTTP/1.0\r\n\r\n"u8.ToArray(), patience.Token);
            var answer = new byte[64];
            var length = await socket.ReceiveAsync(answer, patience.Token);
            return answer.AsSpan(0, length).IndexOf(" 200 "u8) >= 0;
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}

/// <summary>An embedded broker that a test may stop and start again on its port and data.</summary>
public sealed class RestartableBroker : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("streamobserve-broker-");
    private EmbeddedBroker? _broker;
    private int _port;

    private RestartableBroker()
    {
    }

    /// <summary>How to reach it.</summary>
    public KafkaSettings Settings => new() { Bootstrap = $"127.0.0.1:{_port}" };

    /// <summary>Starts one on a free port.</summary>
    public static async Task<RestartableBroker> StartAsync()
    {
        var broker = new RestartableBroker();
        await broker.StartAgainAsync();
        return broker;
    }

    /// <summary>Starts it again on the port that it had.</summary>
    public async Task StartAgainAsync()
    {
        _broker = await EmbeddedBroker.StartAsync(
            new BrokerOptions { DataDirectory = _folder.FullName, Listen = new IPEndPoint(IPAddress.Loopback, _port), AutoCreateTopics = false },
            TimeProvider.System,
            _ => { });
        _port = _broker.Endpoint.Port;
    }

    /// <summary>Stops it; its data stays.</summary>
    public async Task StopAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
            _broker = null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Delete(recursive: true);
    }
}
