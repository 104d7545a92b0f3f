using System.Diagnostics;

namespace StreamObserve.Scenario.Harness;

/// <summary>A kcat that produces every line it is fed as a record, one event a record. Disposing kills what still runs.</summary>
public sealed class Kcat : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private Kcat(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
    }

    /// <summary>Why it cannot be run here; null when it can.</summary>
    public static string? MissingReason => Find() is null ? "kcat is not installed: `make setup` installs it" : null;

    /// <summary>Where the lines go.</summary>
    public Stream Input => _process.StandardInput.BaseStream;

    /// <summary>Starts a producer.</summary>
    /// <param name="bootstrap">host:port of the broker.</param>
    /// <param name="topic">Topic to produce to.</param>
    /// <param name="arguments">More arguments.</param>
    public static Kcat Produce(string bootstrap, string topic, params string[] arguments) =>
        new(Process.Start(new ProcessStartInfo(Find() ?? throw new FileNotFoundException(MissingReason), ["-P", "-b", bootstrap, "-t", topic, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException("kcat did not start"));

    /// <summary>Starts an idempotent producer that keeps retrying for ever, through restarts of the broker.</summary>
    public static Kcat ProduceThroughRestarts(string bootstrap, string topic) => Produce(
        bootstrap, topic, "-E", "-X", "enable.idempotence=true", "-X", "message.timeout.ms=0", "-X", "reconnect.backoff.max.ms=500", "-X", "socket.timeout.ms=5000");

    /// <summary>Produces a whole file as fast as it goes: <c>kcat -P -l FILE</c>.</summary>
    public static async Task ProduceFileAsync(string bootstrap, string topic, string file, TimeSpan within)
    {
        await using Kcat kcat = Produce(bootstrap, topic, "-l", file);
        await kcat.FinishAsync(within);
    }

    /// <summary>
    /// Feeds the lines of a file evenly over a time; a producer that is blocked is not overrun, and what it is behind is
    /// fed as soon as it takes it.
    /// </summary>
    /// <param name="file">Lines, each ended by a newline.</param>
    /// <param name="lines">How many lines the file holds.</param>
    /// <param name="over">How long to take.</param>
    /// <param name="cancellation">Stops the feed.</param>
    public async Task FeedEvenlyAsync(string file, long lines, TimeSpan over, CancellationToken cancellation = default)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        await using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        var clock = Stopwatch.StartNew();
        byte[] buffer = new byte[1 << 20];
        int held = 0;
        long fed = 0;
        bool isAtEnd = false;
        while (fed < lines)
        {
            long due = Math.Min(lines, (long)(lines * (clock.Elapsed / over)) + 1);
            while (fed < due)
            {
                int taken = 0;
                while (fed < due && buffer.AsSpan(taken, held - taken).IndexOf((byte)'\n') is var newline and >= 0)
                {
                    taken += newline + 1;
                    fed++;
                }

                await Input.WriteAsync(buffer.AsMemory(0, taken), cancellation);
                buffer.AsSpan(taken, held - taken).CopyTo(buffer);
                held -= taken;
                if (fed < due)
                {
                    if (isAtEnd)
                    {
                        throw new InvalidDataException($"{file} has {fed} lines, not {lines}");
                    }

                    int read = await source.ReadAsync(buffer.AsMemory(held), cancellation);
                    isAtEnd = read == 0;
                    held += read;
                }
            }

            await Input.FlushAsync(cancellation);
            if (fed < lines)
            {
                await timer.WaitForNextTickAsync(cancellation);
            }
        }
    }

    /// <summary>Ends the input and waits until everything is delivered.</summary>
    /// <exception cref="InvalidOperationException">kcat failed; the message holds what it said.</exception>
    /// <exception cref="TimeoutException">It did not finish in time and was killed.</exception>
    public async Task FinishAsync(TimeSpan within)
    {
        _process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(within);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            throw new TimeoutException($"kcat did not deliver everything within {within.TotalSeconds} s: {Last(await _errors)}");
        }

        if (_process.ExitCode != 0)
        {
            throw new InvalidOperationException($"kcat ended with {_process.ExitCode}: {Last(await _errors)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static string Last(string text) => string.Join('\n', text.Split('\n').TakeLast(20));

    private static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .SelectMany(folder => new[] { Path.Combine(folder, "kcat"), Path.Combine(folder, "kafkacat") })
        .FirstOrDefault(File.Exists);
}
