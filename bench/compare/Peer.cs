using System.Diagnostics;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Bench.Compare;

/// <summary>What a peer used to insert all events.</summary>
internal sealed record InsertUsage(double CpuSeconds, double WallSeconds, double BytesPerEvent);

/// <summary>chDB or DuckDB as a process of node; see peers/.</summary>
/// <param name="name">Its name; in lower case that of its script.</param>
/// <param name="package">Its npm package.</param>
/// <param name="queryArguments">How it inserts what it is asked about later: its fastest form.</param>
/// <param name="options">Folders.</param>
internal sealed class Peer(string name, string package, string[] queryArguments, BenchOptions options)
{
    private static readonly TimeSpan FinishesWithin = TimeSpan.FromMinutes(20);

    public string Name { get; } = name;

    /// <summary>Why it cannot be measured here; null when it can.</summary>
    public string? MissingReason => Directory.Exists(Path.Combine(options.PeersFolder, "node_modules", package))
        ? null
        : $"{Name} skipped: {package} is not installed in {options.PeersFolder} (needs node and npm, and a network once)";

    private string Script => $"{Name.ToLowerInvariant()}.mjs";

    /// <summary>Inserts all events into an empty database, as a consumer of a stream would.</summary>
    public Task<InsertUsage> InsertAsync(EventSet events) => InsertAsync(events, Path.Combine(options.WorkFolder, $"{Name}-insert"), []);

    /// <summary>Opens the database to be asked; made once for a file of events and kept.</summary>
    public async Task<PeerSession> OpenAsync(EventSet events, string text)
    {
        string folder = Path.Combine(options.WorkFolder, $"{Name}-query");
        string madeOf = Path.Combine(folder, "made-of.txt");
        string what = $"{events.File} {new FileInfo(events.File).Length} {string.Join(' ', queryArguments)}";
        if (!File.Exists(madeOf) || File.ReadAllText(madeOf) != what)
        {
            await InsertAsync(events, folder, queryArguments);
            File.WriteAllText(madeOf, what);
        }

        return new PeerSession(Name, options.PeersFolder, [Script, "serve", "--folder", folder, "--route", events.Route, "--text", text, "--trace", events.TraceId]);
    }

    private async Task<InsertUsage> InsertAsync(EventSet events, string folder, string[] more)
    {
        CommandRun run = await CommandRun.RunAsync("node", [Script, "insert", "--events", events.File, "--folder", folder, .. more], FinishesWithin, options.PeersFolder);
        if (run.ExitCode != 0)
        {
            throw new InvalidOperationException($"{run.Command} ended with {run.ExitCode}: {run.Error}");
        }

        JsonNode answer = JsonNode.Parse(run.Output.Trim().Split('\n')[^1])!;
        return (long)answer["rows"]! == events.Count
            ? new InsertUsage((double)answer["cpu_s"]!, (double)answer["wall_s"]!, (double)answer["bytes_per_event"]!)
            : throw new InvalidOperationException($"{Name} has {answer["rows"]} of {events.Count} rows");
    }
}

/// <summary>A peer that waits for questions. One at a time; disposing ends it.</summary>
internal sealed class PeerSession : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _name;

    public PeerSession(string name, string folder, string[] arguments)
    {
        _name = name;
        _process = Process.Start(new ProcessStartInfo("node", arguments) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true })
            ?? throw new InvalidOperationException($"{name} did not start");
    }

    /// <summary>Milliseconds that a question took in the peer's process.</summary>
    public async Task<double> TimeAsync(string question) => (double)(await AskAsync(question, false))["ms"]!;

    /// <summary>The answer's rows, each an array of plain values.</summary>
    public async Task<JsonArray> RowsAsync(string question) => (await AskAsync(question, true))["rows"]!.AsArray();

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<JsonNode> AskAsync(string question, bool rows)
    {
        await _process.StandardInput.WriteLineAsync(new JsonObject { ["ask"] = question, ["rows"] = rows }.ToJsonString());
        await _process.StandardInput.FlushAsync();
        string line = await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"{_name} ended over {question}");
        return JsonNode.Parse(line)!;
    }
}
