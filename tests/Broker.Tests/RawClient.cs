using System.Buffers.Binary;
using System.Net.Sockets;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Tests;

/// <summary>Sends requests byte by byte, as no client library would.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private int _correlation;

    public RawClient(TestBroker broker) => _client.Connect(broker.Endpoint);

    /// <summary>Sends a request with a header of the old kind and returns the answer after its correlation id; null when the connection ends instead.</summary>
    public byte[]? Call(short key, short version, Action<ProtocolWriter> body, bool flexible = false)
    {
        using ProtocolWriter request = new();
        request.WriteInt32(0);
        request.WriteInt16(key);
        request.WriteInt16(version);
        request.WriteInt32(++_correlation);
        request.WriteString("raw");
        request.Flexible = flexible;
        request.WriteTags();
        body(request);
        byte[] bytes = request.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length - 4);
        byte[]? answer = Exchange(bytes);
        if (answer is not null)
        {
            Assert.Equal(_correlation, BinaryPrimitives.ReadInt32BigEndian(answer));
        }

        return answer?[4..];
    }

    /// <summary>Sends bytes and ends the sending side; reads what comes until the broker ends its side too, or does not within a moment.</summary>
    public void Send(byte[] bytes)
    {
        try
        {
            NetworkStream stream = _client.GetStream();
            stream.ReadTimeout = 20;
            stream.Write(bytes);
            _client.Client.Shutdown(SocketShutdown.Send);
            while (stream.Read(new byte[256]) > 0)
            {
            }
        }
        catch (IOException)
        {
            // closed, or waits
        }
    }

    /// <summary>Sends bytes as they are and reads one answer without its length; null when the connection ends instead.</summary>
    public byte[]? Exchange(byte[] bytes)
    {
        NetworkStream stream = _client.GetStream();
        stream.ReadTimeout = 15_000;
        try
        {
            stream.Write(bytes);
            byte[] length = new byte[4];
            stream.ReadExactly(length);
            byte[] answer = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
            stream.ReadExactly(answer);
            return answer;
        }
        catch (EndOfStreamException)
        {
            return null;
        }
        catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
        {
            return null;
        }
    }

    public void Dispose() => _client.Dispose();
}
