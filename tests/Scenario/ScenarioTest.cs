using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>
/// What every scenario has: a folder of its own, processes that end with it, and logs that stay when it failed.
/// </summary>
public abstract class ScenarioTest(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly List<StreamObserveProcess> _processes = [];

    /// <summary>Empty at the start; removed at the end unless the test failed.</summary>
    protected string Folder { get; } = Directory.CreateTempSubdirectory("streamobserve-scenario-").FullName;

    protected ITestOutputHelper Output { get; } = output;

    protected string PathOf(string name) => Path.Combine(Folder, name);

    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public virtual async ValueTask DisposeAsync()
    {
        foreach (StreamObserveProcess process in _processes)
        {
            await process.DisposeAsync();
        }

        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            foreach (string data in Directory.GetDirectories(Folder))
            {
                Directory.Delete(data, recursive: true);
            }

            Output.WriteLine($"logs kept in {Folder}");
        }
        else
        {
            Directory.Delete(Folder, recursive: true);
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Arguments of <c>run</c> for one process with every door on a free loopback port and data below <see cref="Folder"/>.</summary>
    protected string[] RunArguments(string data, params string[] more)
    {
        string[] doors = ["--http", "--otlp-http", "--otlp-grpc", "--broker", "--remoting"];
        return
        [
            "run", "--data", PathOf(data),
            .. doors.Where(d => !more.Contains(d)).SelectMany(d => new[] { d, "127.0.0.1:0" }),
            .. more,
        ];
    }

    /// <summary>Starts a process and waits until it is ready.</summary>
    protected async Task<StreamObserveProcess> StartAsync(string name, params string[] arguments)
    {
        StreamObserveProcess process = Spawn(name, arguments);
        await process.WaitUntilReadyAsync();
        return process;
    }

    /// <summary>Starts a process and returns at once.</summary>
    protected StreamObserveProcess Spawn(string name, params string[] arguments)
    {
        StreamObserveProcess process = StreamObserveProcess.Spawn(new Launch(name, Folder, arguments));
        _processes.Add(process);
        return process;
    }

    /// <summary>Skips the test, saying why, where kcat is missing.</summary>
    protected static void NeedKcat() => Assert.SkipWhen(Kcat.MissingReason is not null, Kcat.MissingReason ?? "");

    /// <summary>Holds two sets of numbers by group against each other, naming the groups that differ.</summary>
    protected static void AssertSameNumbers(string what, IReadOnlyDictionary<string, double> expected, IReadOnlyDictionary<string, double> actual, double relativeError = 0)
    {
        string[] differences =
        [
            .. expected.Keys.Union(actual.Keys).Order(StringComparer.Ordinal)
                .Select(k => (Key: k, Expected: expected.TryGetValue(k, out double e) ? e : (double?)null, Actual: actual.TryGetValue(k, out double a) ? a : (double?)null))
                .Where(d => d.Expected is not { } e || d.Actual is not { } a || Math.Abs(e - a) > Math.Abs(e) * relativeError)
                .Select(d => $"{d.Key}: {d.Expected?.ToString("R") ?? "none"} expected, {d.Actual?.ToString("R") ?? "none"} answered"),
        ];
        Assert.True(differences.Length == 0, $"{what}: {differences.Length} of {expected.Count} groups differ\n{string.Join('\n', differences.Take(10))}");
    }
}
