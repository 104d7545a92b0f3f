using System.Diagnostics;

namespace StreamObserve.Broker.Tests;

/// <summary>Runs a client program that nobody here wrote.</summary>
internal static class ClientCommand
{
    /// <summary>Runs a command to its end and returns its standard output; a failure or more than the time allowed throws with what it printed.</summary>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, string? input = null, string? directory = null, int seconds = 40)
    {
        ProcessStartInfo start = new(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? Environment.CurrentDirectory,
        };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(seconds));
        Task<string> output = process.StandardOutput.ReadToEndAsync(timeout.Token);
        Task<string> errors = process.StandardError.ReadToEndAsync(timeout.Token);
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input);
            }

            process.StandardInput.Close();
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {seconds} s");
        }

        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}{await output}");
    }

    /// <summary>Skips the test when a program, or a module of its, is not installed.</summary>
    public static async Task RequireAsync(string program, params string[] probe)
    {
        try
        {
            await RunAsync(program, probe);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            Assert.Skip($"{program} is not installed or lacks a module: {e.Message.Split('\n')[0]}");
        }
    }
}
