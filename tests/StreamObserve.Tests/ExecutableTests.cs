using System.Diagnostics;

namespace StreamObserve.Tests;

/// <summary>The built executable as a process of its own.</summary>
public class ExecutableTests
{
    [Theory]
    [InlineData(0, "usage: streamobserve VERB", "", "--help")]
    [InlineData(2, "", "there is no verb \"nope\"", "nope")]
    [InlineData(2, "", "partitions: expected a whole number from 1 to 1024, got \"0\" (from --partitions)", "run", "--partitions", "0")]
    [InlineData(1, "", "can't reach http://127.0.0.1:1", "query", "COUNT", "--url", "http://127.0.0.1:1")]
    public async Task ExitCodeAndStreamsAreAsSaid(int exitCode, string output, string error, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "streamobserve.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string written = await process.StandardOutput.ReadToEndAsync();
        string told = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(exitCode, process.ExitCode);
        Assert.Contains(output, written);
        Assert.Contains(error, told);
        Assert.DoesNotContain("   at ", told);
    }
}
