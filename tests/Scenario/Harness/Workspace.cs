namespace StreamObserve.Scenario.Harness;

/// <summary>Where the repository, the published executable and the shared data are, found from the running assembly.</summary>
public static class Workspace
{
    /// <summary>Folder that holds <c>StreamObserve.sln</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The published executable: <c>STREAMOBSERVE_EXECUTABLE</c>, else <c>out/streamobserve</c>.</summary>
    /// <exception cref="FileNotFoundException">Nothing is published there.</exception>
    public static string Executable
    {
        get
        {
            string path = Environment.GetEnvironmentVariable("STREAMOBSERVE_EXECUTABLE") ?? Path.Combine(Root, "out", "streamobserve");
            return File.Exists(path) ? path : throw new FileNotFoundException($"no executable at {path}: run `make build`, or set STREAMOBSERVE_EXECUTABLE");
        }
    }

    /// <summary>Public data beside the repository: <c>STREAMOBSERVE_SHARED</c>, else <c>../shared</c>; null where neither is.</summary>
    public static string? Shared
    {
        get
        {
            string path = Environment.GetEnvironmentVariable("STREAMOBSERVE_SHARED") ?? Path.Combine(Root, "..", "shared");
            return Directory.Exists(path) ? Path.GetFullPath(path) : null;
        }
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "StreamObserve.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no StreamObserve.sln above {AppContext.BaseDirectory}");
    }
}
