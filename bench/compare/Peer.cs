using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Bench.Compare;

/// <summary>What a peer used to insert all events.</summary>
internal sealed record InsertUsage(double CpuSeconds, double WallSeconds, double BytesPerEvent);

/// <summary>chDB or DuckDB as a process of node; see peers/.</summary>
internal sealed class Peer(string name, string package, BenchOptions options)
{
    private static readonly TimeSpan FinishesWithin = TimeSpan.FromMinutes(10);

    public string Name { get; } = name;

    /// <summary>Why it cannot be measured here; null when it can.</summary>
    public string? MissingReason => Directory.Exists(Path.Combine(options.PeersFolder, "node_modules", package))
        ? null
        : $"{Name} skipped: {package} is not installed in {options.PeersFolder} (needs node and npm, and a network once)";

    private string Folder => Path.Combine(options.WorkFolder, Name);

    /// <summary>Inserts all events of a file into an empty database.</summary>
    public async Task<InsertUsage> InsertAsync(string file)
    {
        JsonNode answer = await RunAsync("insert", "--events", file);
        if ((long)answer["rows"]! != options.Events)
        {
            throw new InvalidOperationException($"{Name} has {answer["rows"]} of {options.Events} rows");
        }

        return new InsertUsage((double)answer["cpu_s"]!, (double)answer["wall_s"]!, (double)answer["bytes_per_event"]!);
    }

    /// <summary>Median answer times in ms, by question.</summary>
    public async Task<Dictionary<string, double>> AskAsync() =>
        (await RunAsync("query"))["ms"]!.AsObject().ToDictionary(q => q.Key, q => (double)q.Value!);

    private async Task<JsonNode> RunAsync(string verb, params string[] more)
    {
        CommandRun run = await CommandRun.RunAsync("node", [$"{Name.ToLowerInvariant()}.mjs", verb, "--folder", Folder, .. more], FinishesWithin, options.PeersFolder);
        return run.ExitCode == 0
            ? JsonNode.Parse(run.Output.Trim().Split('\n')[^1])!
            : throw new InvalidOperationException($"{run.Command} ended with {run.ExitCode}: {run.Error}");
    }
}
