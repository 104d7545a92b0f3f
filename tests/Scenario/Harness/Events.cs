using StreamObserve.Bench.Generator;

namespace StreamObserve.Scenario.Harness;

/// <summary>Files of events to feed.</summary>
public static class Events
{
    /// <summary>
    /// Fields of the generated events whose values are few enough to be counted exactly in every source, and which every
    /// event has.
    /// </summary>
    public static readonly string[] GeneratedDimensions =
    [
        "service.name", "name", "http.method", "http.route", "http.status_code", "error", "build_id", "region", "availability_zone",
        "hostname", "kafka.partition", "feature_flag.new_checkout", "client.os",
    ];

    /// <summary>Fields of the Nezha spans to count by.</summary>
    public static readonly string[] NezhaDimensions = ["service.name", "name", "k8s.pod.name"];

    /// <summary>How many spans the whole of Nezha's OnlineBoutique has.</summary>
    public const int NezhaSpans = 238_623;

    /// <summary>Why Nezha is not to be had here; null when it is.</summary>
    public static string? NezhaMissingReason => NezhaFolder is null
        ? "no Nezha spans: set STREAMOBSERVE_SHARED to a folder with data/nezha and tools/nezha_to_ndjson.py, or put it at ../shared"
        : null;

    private static string? NezhaFolder => Workspace.Shared is { } shared
        && Directory.Exists(Path.Combine(shared, "data", "nezha", "onlineboutique", "trace"))
        && File.Exists(Path.Combine(shared, "tools", "nezha_to_ndjson.py")) ? shared : null;

    /// <summary>Writes generated events to a file.</summary>
    public static GroundTruth Generate(string path, long events, ulong seed = 42)
    {
        var generator = new EventGenerator(GeneratorOptions.Default with { Events = events, Seed = seed });
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, 1);
        generator.WriteTo(stream);
        return generator.Truth;
    }

    /// <summary>Writes the spans of OnlineBoutique, of the first file or of all, to a file.</summary>
    public static async Task ConvertNezhaAsync(string path, bool all)
    {
        string shared = NezhaFolder ?? throw new DirectoryNotFoundException(NezhaMissingReason);
        string[] sources = [.. Directory.GetFiles(Path.Combine(shared, "data", "nezha", "onlineboutique", "trace"), "*.csv.gz").Order(StringComparer.Ordinal)];
        CommandRun run = await CommandRun.RunAsync(
            "python3", [Path.Combine(shared, "tools", "nezha_to_ndjson.py"), .. all ? sources : sources[..1]], TimeSpan.FromMinutes(2));
        if (run.ExitCode != 0)
        {
            throw new InvalidOperationException($"{run.Command}: {run.Error}");
        }

        await File.WriteAllTextAsync(path, run.Output);
    }
}
