using System.Diagnostics;
using System.Text.RegularExpressions;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>Starting, stopping, and starting from nothing.</summary>
public sealed partial class LifecycleScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private static readonly TimeSpan ReadyWithin = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(10);

    [Fact]
    [Trait("category", "small")]
    public async Task ServesWithinFiveSecondsAndEndsWithinTenOfSigterm()
    {
        NeedKcat();
        string file = PathOf("events.ndjson");
        Events.Generate(file, 20_000);
        EventTable expected = EventTable.Read(file, ["service.name"]);
        VaryingRange range = expected.AllTime();
        for (int start = 1; start <= 3; start++)
        {
            StreamObserveProcess process = await StartAsync($"start-{start}", RunArguments("data", "--window", "2s"));
            Assert.True(process.ReadyAfter <= ReadyWithin, $"start {start} took {process.ReadyAfter}");
            using var api = new ApiClient(process.Ready.Http);
            Assert.Equal(System.Net.HttpStatusCode.OK, (await api.GetAsync("/healthz")).Status);
            Assert.Equal(System.Net.HttpStatusCode.OK, (await api.GetAsync("/readyz")).Status);
            await Kcat.ProduceFileAsync(process.Ready.Kafka, "events", file, TimeSpan.FromSeconds(30));
            TimeSpan took;
            if (start == 2)
            {
                took = await process.TerminateAsync(EndsWithin); // in the middle of the work
            }
            else
            {
                await api.CountsAsync((long)start * expected.Count, range, TimeSpan.FromSeconds(30));
                took = await process.TerminateAsync(EndsWithin);
            }

            Output.WriteLine($"start {start}: ready after {process.ReadyAfter?.TotalSeconds:F1} s, ended {took.TotalSeconds:F1} s after SIGTERM");
            Assert.Equal(0, process.ExitCode);
        }
    }

    [Fact]
    [Trait("category", "full")]
    public async Task AFreshCloneServesTheDemoWithOneCommand()
    {
        string clone = PathOf("clone");
        CommandRun cloned = await CommandRun.RunAsync("git", ["clone", "--quiet", Workspace.Root, clone], TimeSpan.FromMinutes(1));
        Assert.True(cloned.ExitCode == 0, cloned.Error);
        CommandRun built = await CommandRun.RunAsync("make", ["build"], TimeSpan.FromMinutes(10), clone);
        Assert.True(built.ExitCode == 0, built.Output + built.Error);

        string log = PathOf("make-run.log");
        var start = new ProcessStartInfo("setsid", ["make", "run", "ARGS=--http 127.0.0.1:0 --broker 127.0.0.1:0 --otlp-http 127.0.0.1:0 --otlp-grpc 127.0.0.1:0 --remoting 127.0.0.1:0"])
        {
            WorkingDirectory = clone,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process make = Process.Start(start)!;
        var ready = new TaskCompletionSource<ReadyLine>(TaskCreationOptions.RunContinuationsAsynchronously);
        var lines = new List<string>();
        void OnLine(string? line)
        {
            lock (lines)
            {
                lines.Add(line ?? "");
            }

            if (line is not null && ReadyLine.TryParse(line, out ReadyLine parsed))
            {
                ready.TrySetResult(parsed);
            }
        }

        make.OutputDataReceived += (_, e) => OnLine(e.Data);
        make.ErrorDataReceived += (_, e) => OnLine(e.Data);
        make.BeginOutputReadLine();
        make.BeginErrorReadLine();
        try
        {
            ReadyLine addresses = await ready.Task.WaitAsync(TimeSpan.FromMinutes(2));
            using var api = new ApiClient(addresses.Http);
            long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            var range = new VaryingRange(now, now + 60);
            await Eventually.AsksAsync(
                "the demo's data",
                TimeSpan.FromSeconds(10),
                () => api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Breakdowns = ["service.name"], Range = range.Next() }),
                answer => answer.Rows.Count >= 3,
                answer => answer.ToString());
            lock (lines)
            {
                Assert.Contains(lines, l => Address().IsMatch(l) && !l.StartsWith("ready ", StringComparison.Ordinal));
            }
        }
        finally
        {
            await CommandRun.RunAsync("kill", ["-INT", "--", $"-{make.Id}"], TimeSpan.FromSeconds(5));
            await make.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
            await File.WriteAllLinesAsync(log, lines);
        }
    }

    [GeneratedRegex("http://127\\.0\\.0\\.1:\\d+")]
    private static partial Regex Address();
}
