using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace StreamObserve.Broker.Tests;

/// <summary>A broker in a process of its own, so that it can be killed.</summary>
internal sealed class BrokerProcess : IAsyncDisposable
{
    private readonly string _directory;
    private readonly FsyncMode _fsync;
    private readonly string[] _configs;
    private Process? _process;

    private BrokerProcess(string directory, int port, FsyncMode fsync, string[] configs)
    {
        _directory = directory;
        _fsync = fsync;
        _configs = configs;
        Port = port;
    }

    public int Port { get; }

    /// <summary>The process id while it runs.</summary>
    public int Id => _process!.Id;

    public string Bootstrap => $"127.0.0.1:{Port}";

    public static async Task<BrokerProcess> StartAsync(string directory, FsyncMode fsync = FsyncMode.EverySecond, params string[] configs)
    {
        BrokerProcess broker = new(directory, FreePort(), fsync, configs);
        await broker.StartAsync();
        return broker;
    }

    /// <summary>kill -9, and no clean end of any kind.</summary>
    public async Task KillAsync() => await DisposeAsync();

    /// <summary>Starts the process again on the same port and folder.</summary>
    /// <returns>How long it took until it served, process start included.</returns>
    public async Task<TimeSpan> StartAsync()
    {
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["--broker", _directory, Port.ToString(), _fsync.ToString(), .. _configs])
        {
            start.ArgumentList.Add(argument);
        }

        Stopwatch watch = Stopwatch.StartNew();
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
        string? line = await _process.StandardOutput.ReadLineAsync();
        return line?.StartsWith("ready ") == true ? watch.Elapsed : throw new InvalidOperationException($"the broker did not start: {line}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    private static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
