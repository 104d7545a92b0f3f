using System.Net;
using System.Net.Sockets;

namespace StreamObserve.Broker.Tests;

/// <summary>Whose port it is.</summary>
public sealed class ListeningTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamobserve-broker-").FullName;

    [Fact]
    public async Task APortHasOneBrokerAndTheNextOneGetsItAtOnce()
    {
        // With SO_REUSEPORT both would listen, and a client would find now the one, now the other log.
        IPEndPoint endpoint;
        await using (EmbeddedBroker first = await StartAsync("first", new(IPAddress.Loopback, 0)))
        {
            endpoint = first.Endpoint;
            await Assert.ThrowsAsync<SocketException>(() => StartAsync("second", endpoint));
        }

        await using EmbeddedBroker third = await StartAsync("third", endpoint);
        Assert.Equal(endpoint, third.Endpoint);
    }

    public void Dispose() => Directory.Delete(_folder, true);

    private Task<EmbeddedBroker> StartAsync(string name, IPEndPoint listen) => EmbeddedBroker.StartAsync(
        new BrokerOptions { DataDirectory = Path.Combine(_folder, name), Listen = listen }, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken);
}
