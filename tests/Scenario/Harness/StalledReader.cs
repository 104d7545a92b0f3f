using System.Net.Sockets;
using System.Text;

namespace StreamObserve.Scenario.Harness;

/// <summary>Opens a request and then reads next to nothing, as a browser on a dying connection does.</summary>
public sealed class StalledReader : IDisposable
{
    private const int ReceiveBufferBytes = 4096;
    private readonly TcpClient _client = new() { ReceiveBufferSize = ReceiveBufferBytes };

    private StalledReader()
    {
    }

    /// <summary>Sends a GET and reads the first bytes of the answer, so that it is known to be accepted.</summary>
    public static async Task<StalledReader> OpenAsync(Uri address, string path)
    {
        var reader = new StalledReader();
        await reader._client.ConnectAsync(address.Host, address.Port);
        NetworkStream stream = reader._client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {address.Authority}\r\nAccept: text/event-stream\r\n\r\n"));
        byte[] start = new byte[12];
        await stream.ReadExactlyAsync(start);
        string status = Encoding.ASCII.GetString(start);
        return status.EndsWith("200", StringComparison.Ordinal) ? reader : throw new HttpRequestException($"GET {path}: {status}");
    }

    public void Dispose() => _client.Dispose();
}
