using System.Diagnostics;
using System.Runtime.InteropServices;

namespace StreamObserve.Scenario.Harness;

/// <summary>How to start one process of the executable.</summary>
/// <param name="Name">Names the log file.</param>
/// <param name="LogFolder">Where standard output and error go; the same name appends.</param>
/// <param name="Arguments">The command line, e.g. <c>run --roles broker</c>.</param>
public sealed record Launch(string Name, string LogFolder, IReadOnlyList<string> Arguments)
{
    /// <summary>How long to wait for the ready line. The product promises 5 s; a busy test machine gets more.</summary>
    public TimeSpan ReadyWithin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Variables on top of the inherited ones.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>What to start; the published executable unless said otherwise.</summary>
    public string? Executable { get; init; }
}

/// <summary>
/// A running <c>streamobserve run …</c>, seen from outside: its ready line, its signals, its log, its use of the machine.
/// Thread-safe. Disposing kills what still runs.
/// </summary>
public sealed partial class StreamObserveProcess : IAsyncDisposable
{
    private const int SignalTerminate = 15;
    private readonly Process _process;
    private readonly Launch _launch;
    private readonly StreamWriter _log;
    private readonly Stopwatch _sinceStart = Stopwatch.StartNew();
    private readonly TaskCompletionSource<ReadyLine> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private StreamObserveProcess(Launch launch)
    {
        _launch = launch;
        Directory.CreateDirectory(launch.LogFolder);
        LogPath = Path.Combine(launch.LogFolder, launch.Name + ".log");
        _log = new StreamWriter(new FileStream(LogPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
        var start = new ProcessStartInfo(launch.Executable ?? Workspace.Executable, launch.Arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = launch.LogFolder,
        };
        foreach ((string name, string value) in launch.Environment)
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => OnLine(e.Data, isOutput: true);
        _process.ErrorDataReceived += (_, e) => OnLine(e.Data, isOutput: false);
        WriteLog($"--- start: streamobserve {string.Join(' ', launch.Arguments)}");
        _process.Start();
        Id = _process.Id;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>Standard output and error, in the order in which they came.</summary>
    public string LogPath { get; }

    /// <summary>From start to ready line; null before.</summary>
    public TimeSpan? ReadyAfter { get; private set; }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>The ready line. Throws before it came.</summary>
    public ReadyLine Ready => _ready.Task.IsCompletedSuccessfully
        ? _ready.Task.Result
        : throw new InvalidOperationException($"{_launch.Name} has not said that it is ready");

    /// <summary>What the process uses now.</summary>
    public ProcessUsage Usage => ProcessUsage.Of(Id);

    /// <summary>Starts the process and returns at once.</summary>
    public static StreamObserveProcess Spawn(Launch launch) => new(launch);

    /// <summary>Starts the process and waits for its ready line.</summary>
    public static async Task<StreamObserveProcess> StartAsync(Launch launch)
    {
        var process = new StreamObserveProcess(launch);
        try
        {
            await process.WaitUntilReadyAsync();
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the ready line.</summary>
    /// <exception cref="InvalidOperationException">The process ended first.</exception>
    /// <exception cref="TimeoutException">It took longer than the launch allows.</exception>
    public async Task<ReadyLine> WaitUntilReadyAsync()
    {
        using var timeout = new CancellationTokenSource(_launch.ReadyWithin);
        Task exit = _process.WaitForExitAsync(timeout.Token);
        Task first = await Task.WhenAny(_ready.Task, exit);
        if (first == _ready.Task)
        {
            return await _ready.Task;
        }

        throw exit.IsCompletedSuccessfully
            ? new InvalidOperationException($"{_launch.Name} ended with {ExitCode} before it was ready\n{LogTail()}")
            : new TimeoutException($"{_launch.Name} was not ready within {_launch.ReadyWithin.TotalSeconds} s\n{LogTail()}");
    }

    /// <summary>kill -9, and waits until the process is gone.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            WriteLog("--- kill -9");
            _process.Kill();
        }

        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM; returns how long the process took to end.</summary>
    /// <exception cref="TimeoutException">It did not end in time and was killed.</exception>
    public async Task<TimeSpan> TerminateAsync(TimeSpan within)
    {
        WriteLog("--- SIGTERM");
        var clock = Stopwatch.StartNew();
        if (SendSignal(Id, SignalTerminate) != 0)
        {
            throw new InvalidOperationException($"{_launch.Name} (process {Id}) had already ended\n{LogTail()}");
        }

        using var timeout = new CancellationTokenSource(within);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
            return clock.Elapsed;
        }
        catch (OperationCanceledException)
        {
            await KillAsync();
            throw new TimeoutException($"{_launch.Name} did not end within {within.TotalSeconds} s of SIGTERM\n{LogTail()}");
        }
    }

    /// <summary>The last lines of the log, for messages of failures.</summary>
    public string LogTail(int lines = 40)
    {
        using var reader = new StreamReader(new FileStream(LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return $"last lines of {LogPath}:\n" + string.Join('\n', reader.ReadToEnd().Split('\n').TakeLast(lines));
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
        lock (_log)
        {
            _log.Dispose();
        }
    }

    private void OnLine(string? line, bool isOutput)
    {
        if (line is null)
        {
            return;
        }

        WriteLog(line);
        try
        {
            if (isOutput && ReadyLine.TryParse(line, out ReadyLine ready))
            {
                ReadyAfter = _sinceStart.Elapsed;
                _ready.TrySetResult(ready);
            }
        }
        catch (FormatException e)
        {
            _ready.TrySetException(e);
        }
    }

    private void WriteLog(string line)
    {
        lock (_log)
        {
            if (_log.BaseStream is { CanWrite: true })
            {
                _log.WriteLine(line);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);
}
