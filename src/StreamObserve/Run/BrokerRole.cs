using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StreamObserve.Broker;
using StreamObserve.Hosting;

namespace StreamObserve.Run;

/// <summary>The broker role: the embedded log of one machine. Nothing else of the product knows that it exists.</summary>
internal sealed class BrokerRole : IRoleModule
{
    private NodeSettings? _settings;
    private EmbeddedBroker? _broker;

    /// <inheritdoc/>
    public NodeRoles Role => NodeRoles.Broker;

    /// <inheritdoc/>
    public bool NeedsCluster => false;

    /// <inheritdoc/>
    public void ConfigureServices(IServiceCollection services, NodeSettings settings) => _settings = settings;

    /// <inheritdoc/>
    public async Task StartAsync(IServiceProvider services, NodeAddresses addresses, CancellationToken cancellation)
    {
        var settings = _settings!;
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger("StreamObserve.Broker");
        var host = settings.Broker.BareHost;
        var address = host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(host);
        try
        {
            _broker = await EmbeddedBroker.StartAsync(
                new BrokerOptions
                {
                    DataDirectory = Path.Combine(settings.DataFolder, "broker"),
                    Listen = new(address, settings.Broker.Port),
                    Fsync = settings.Fsync == FsyncPolicy.Always ? FsyncMode.Always : FsyncMode.EverySecond,
                    DefaultTopicConfigs = new Dictionary<string, string>
                    {
                        ["retention.ms"] = ((long)settings.BrokerRetentionAge.TotalMilliseconds).ToString(CultureInfo.InvariantCulture),
                        ["retention.bytes"] = settings.BrokerRetentionBytes.Bytes.ToString(CultureInfo.InvariantCulture),
                    },
                },
                services.GetRequiredService<TimeProvider>(),
                line => log.LogInformation("{Line}", line),
                cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is SocketException or IOException or InvalidDataException or ArgumentException)
        {
            throw new RoleStartException($"broker: can't serve on {settings.Broker} with --data {settings.DataFolder}: {failure.Message}", failure);
        }

        addresses.Add("kafka", string.Create(CultureInfo.InvariantCulture, $"{settings.Broker.Host}:{_broker.Endpoint.Port}"));
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellation)
    {
        if (_broker is { } broker)
        {
            await broker.DisposeAsync().ConfigureAwait(false);
        }
    }
}
