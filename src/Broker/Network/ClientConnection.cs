using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using StreamObserve.Broker.Api;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Network;

/// <summary>
/// One client's connection. Requests are read, handled and answered one after another, which is the order the protocol promises
/// and the back-pressure the client feels.
/// </summary>
internal sealed class ClientConnection : IDisposable
{
    private const int LengthBytes = 4;
    private const int HeaderBytesMin = 8;
    private readonly Socket _socket;
    private readonly ApiDispatcher _dispatcher;
    private readonly BrokerOptions _options;
    private readonly MemoryBudget _requestMemory;
    private readonly BrokerCounters _counters;
    private readonly Action<string> _log;
    private readonly CancellationTokenSource _closed = new();
    private readonly RequestContext _context;
    private readonly ITimer _stallTimer;
    private readonly byte[] _buffer = new byte[Limits.ReceiveBufferBytes];
    private int _start;
    private int _end;

    public ClientConnection(
        Socket socket,
        ApiDispatcher dispatcher,
        BrokerOptions options,
        MemoryBudget requestMemory,
        BrokerCounters counters,
        TimeProvider time,
        Action<string> log)
    {
        _socket = socket;
        _dispatcher = dispatcher;
        _options = options;
        _requestMemory = requestMemory;
        _counters = counters;
        _log = log;
        Remote = (IPEndPoint)socket.RemoteEndPoint!;
        _context = new RequestContext((IPEndPoint)socket.LocalEndPoint!, Remote.Address.ToString(), _closed.Token);
        _stallTimer = time.CreateTimer(
            static state => ((ClientConnection)state!).CloseStalled(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public IPEndPoint Remote { get; }

    /// <summary>Serves the client until it goes, misbehaves, or <see cref="Close"/> is called. Never throws.</summary>
    public async Task RunAsync()
    {
        try
        {
            while (await ServeNextAsync().ConfigureAwait(false))
            {
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // the client went, or the broker stops
        }
        catch (MalformedRequestException e)
        {
            _counters.MalformedRequests.Increment();
            _log($"closed the connection of {Remote}: {e.Message}");
        }
        catch (IOException e)
        {
            _log($"closed the connection of {Remote}, a retry may help: {e.Message}");
        }
        catch (Exception e)
        {
            _counters.Faults.Increment();
            _log($"closed the connection of {Remote} after a fault in the broker: {e}");
        }
        finally
        {
            Close();
        }
    }

    /// <summary>Ends the connection from outside; whatever waits in it is cancelled.</summary>
    public void Close()
    {
        try
        {
            _closed.Cancel();
        }
        catch (ObjectDisposedException)
        {
            return; // it ended on its own
        }

        _socket.Dispose();
    }

    public void Dispose()
    {
        Close();
        _stallTimer.Dispose();
        _closed.Dispose();
        _context.Dispose();
    }

    private async ValueTask<bool> ServeNextAsync()
    {
        if (!await FillAsync(LengthBytes).ConfigureAwait(false))
        {
            return false;
        }

        int size = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start));
        if (size < HeaderBytesMin || size > _options.RequestBytesMax)
        {
            throw new MalformedRequestException($"a request of {size} bytes; expected {HeaderBytesMin} to {_options.RequestBytesMax}");
        }

        // Fast path: the request fits into the connection's own buffer.
        if (size + LengthBytes <= _buffer.Length)
        {
            ArmStall();
            if (!await FillAsync(size + LengthBytes).ConfigureAwait(false))
            {
                return false;
            }

            DisarmStall();
            _start += LengthBytes;
            await HandleAsync(_buffer.AsMemory(_start, size)).ConfigureAwait(false);
            _start += size;
            return true;
        }

        await _requestMemory.TakeAsync(size).ConfigureAwait(false);
        byte[] large = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            int received = _end - _start - LengthBytes;
            _buffer.AsSpan(_start + LengthBytes, received).CopyTo(large);
            _start = _end = 0;
            while (received < size)
            {
                ArmStall();
                int read = await _socket.ReceiveAsync(large.AsMemory(received, size - received)).ConfigureAwait(false);
                if (read == 0)
                {
                    return false;
                }

                received += read;
            }

            DisarmStall();
            await HandleAsync(large.AsMemory(0, size)).ConfigureAwait(false);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(large);
            _requestMemory.Return(size);
        }
    }

    private async ValueTask<bool> FillAsync(int count)
    {
        if (_start + count > _buffer.Length)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        while (_end - _start < count)
        {
            int read = await _socket.ReceiveAsync(_buffer.AsMemory(_end)).ConfigureAwait(false);
            if (read == 0)
            {
                return false;
            }

            _end += read;
        }

        return true;
    }

    private async ValueTask HandleAsync(Memory<byte> frame)
    {
        _counters.Requests.Increment();
        _counters.BytesIn.Add(frame.Length);
        _context.Begin(frame);
        try
        {
            await _dispatcher.HandleAsync(_context).ConfigureAwait(false);
            if (_context.IsAnswered)
            {
                ReadOnlyMemory<byte> answer = _context.EndAnswer();
                _counters.BytesOut.Add(answer.Length);
                while (!answer.IsEmpty)
                {
                    ArmStall();
                    int sent = await _socket.SendAsync(answer).ConfigureAwait(false);
                    answer = answer[sent..];
                }

                DisarmStall();
            }
        }
        finally
        {
            _dispatcher.Release(_context);
            _context.Answer.Reset(Limits.KeptAnswerBytes);
        }
    }

    private void ArmStall() => _stallTimer.Change(TimeSpan.FromSeconds(Limits.StallSecondsMax), Timeout.InfiniteTimeSpan);

    private void DisarmStall() => _stallTimer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    private void CloseStalled()
    {
        _counters.StalledConnections.Increment();
        _log($"closed the connection of {Remote}: a request or an answer stood still for {Limits.StallSecondsMax} s");
        Close();
    }
}
