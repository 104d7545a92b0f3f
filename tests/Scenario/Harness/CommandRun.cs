using System.Diagnostics;

namespace StreamObserve.Scenario.Harness;

/// <summary>A command that was run to its end.</summary>
public sealed record CommandRun(string Command, int ExitCode, string Output, string Error)
{
    /// <summary>Runs a command and collects what it says.</summary>
    /// <exception cref="TimeoutException">It did not end in time and was killed.</exception>
    public static async Task<CommandRun> RunAsync(string file, IEnumerable<string> arguments, TimeSpan within, string? folder = null)
    {
        string[] list = [.. arguments];
        string command = $"{Path.GetFileName(file)} {string.Join(' ', list)}";
        var start = new ProcessStartInfo(file, list) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = folder ?? "" };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{command} did not start");
        process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(within);
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"`{command}` did not end within {within.TotalSeconds} s; it said: {await output}{await error}");
        }

        return new CommandRun(command, process.ExitCode, await output, await error);
    }

    /// <summary>True when the text holds frames of a .NET stack trace.</summary>
    public static bool HasStackTrace(string text) => text.Split('\n').Any(l => l.StartsWith("   at ", StringComparison.Ordinal)) || text.Contains("Unhandled exception", StringComparison.Ordinal);
}
