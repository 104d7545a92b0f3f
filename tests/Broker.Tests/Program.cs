using System.Net;
using System.Runtime.InteropServices;

namespace StreamObserve.Broker.Tests;

/// <summary>
/// Runs the tests; or, as <c>--broker DIR PORT FSYNC [CONFIG=VALUE ...]</c>, one broker until it is ended: tests kill such processes;
/// or, as <c>--measure [MILLIONS]</c>, measures what the broker costs.
/// </summary>
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        if (args is ["--broker", string directory, string port, string fsync, .. string[] configs])
        {
            await HostAsync(directory, int.Parse(port), Enum.Parse<FsyncMode>(fsync), configs);
            return 0;
        }

        if (args is ["--measure", .. string[] count])
        {
            await BrokerMeasurement.RunAsync(count.Length > 0 ? int.Parse(count[0]) : 2);
            return 0;
        }

        if (args.Any(arg => arg is "--server" or "--internal-msbuild-node"))
        {
            return await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
        }

        return await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
    }

    private static async Task HostAsync(string directory, int port, FsyncMode fsync, string[] configs)
    {
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            ended.TrySetResult();
        });
        BrokerOptions options = new()
        {
            DataDirectory = directory,
            Listen = new IPEndPoint(IPAddress.Loopback, port),
            Fsync = fsync,
            DefaultTopicConfigs = configs.Select(config => config.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]),
        };
        await using EmbeddedBroker broker = await EmbeddedBroker.StartAsync(options, TimeProvider.System, Console.Error.WriteLine);
        Console.WriteLine($"ready {broker.Endpoint}");
        await ended.Task;
    }
}
