using System.Net.Sockets;
using StreamObserve.Scenario.Harness;
using Testcontainers.Kafka;

namespace StreamObserve.Scenario;

/// <summary>
/// A Kafka to test against: the one at <c>STREAMOBSERVE_TEST_KAFKA</c>, else Apache Kafka in a container where a Docker engine
/// answers, else the embedded broker as a process. Prints which.
/// </summary>
public sealed class KafkaFixture : IAsyncLifetime
{
    private const string Image = "apache/kafka:4.1.0";
    private static readonly TimeSpan EngineAnswersWithin = TimeSpan.FromSeconds(2);
    private KafkaContainer? _container;
    private StreamObserveProcess? _broker;
    private string? _folder;

    /// <summary>host:port.</summary>
    public string Bootstrap { get; private set; } = "";

    /// <summary>Which Kafka it is, in words.</summary>
    public string Kind { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("STREAMOBSERVE_TEST_KAFKA") is { Length: > 0 } given)
        {
            (Bootstrap, Kind) = (given, "STREAMOBSERVE_TEST_KAFKA");
        }
        else if (await IsDockerEngineAnsweringAsync())
        {
            _container = new KafkaBuilder(Image).Build();
            await _container.StartAsync();
            (Bootstrap, Kind) = (_container.GetBootstrapAddress(), $"container {Image}");
        }
        else
        {
            _folder = Directory.CreateTempSubdirectory("streamobserve-kafka-").FullName;
            _broker = await StreamObserveProcess.StartAsync(new Launch(
                "broker", _folder, ["run", "--roles", "broker", "--data", Path.Combine(_folder, "data"), "--broker", "127.0.0.1:0", "--http", "127.0.0.1:0", "--remoting", "127.0.0.1:0"]));
            (Bootstrap, Kind) = (_broker.Ready.Kafka, "embedded broker");
        }

        Console.Error.WriteLine($"tests use Kafka at {Bootstrap} ({Kind})");
    }

    /// <summary>Asks the engine, since the docker command may be there without one.</summary>
    public static async Task<bool> IsDockerEngineAnsweringAsync()
    {
        string address = Environment.GetEnvironmentVariable("DOCKER_HOST") ?? "unix:///var/run/docker.sock";
        using var handler = new SocketsHttpHandler();
        Uri ping;
        if (address.StartsWith("unix://", StringComparison.Ordinal))
        {
            string path = address["unix://".Length..];
            handler.ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
            ping = new Uri("http://docker/_ping");
        }
        else
        {
            ping = new Uri(address.Replace("tcp://", "http://", StringComparison.Ordinal).TrimEnd('/') + "/_ping");
        }

        using var http = new HttpClient(handler) { Timeout = EngineAnswersWithin };
        try
        {
            using HttpResponseMessage answer = await http.GetAsync(ping);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or SocketException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_container is not null)
        {
            await _container.DisposeAsync();
        }

        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
