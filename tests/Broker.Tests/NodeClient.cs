namespace StreamObserve.Broker.Tests;

/// <summary>Client packages from npm, in a folder that outlives the run so that they are fetched once, and scripts that use them.</summary>
internal static class NodeClient
{
    private static readonly SemaphoreSlim InstallGate = new(1, 1);

    /// <summary>Runs a script beside the package; skips the test when the package can't be installed.</summary>
    public static async Task<string> RunAsync(string package, string version, string script, string extension, params string[] arguments)
    {
        string folder = await InstallAsync(package, version);
        string path = Path.Combine(folder, $"{Guid.NewGuid():N}{extension}");
        await File.WriteAllTextAsync(path, script);
        try
        {
            return (await ClientCommand.RunAsync("node", [path, .. arguments], directory: folder)).Trim();
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task<string> InstallAsync(string package, string version)
    {
        string folder = Path.Combine(Path.GetTempPath(), "streamobserve-npm-" + package.Replace('/', '-').TrimStart('@') + "-" + version);
        await InstallGate.WaitAsync();
        try
        {
            if (!Directory.Exists(Path.Combine(folder, "node_modules", package)))
            {
                Directory.CreateDirectory(folder);
                await ClientCommand.RunAsync(
                    "npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", $"{package}@{version}"], seconds: 60);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException or System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"{package} can't be installed: {e.Message.Split('\n')[0]}");
        }
        finally
        {
            InstallGate.Release();
        }

        return folder;
    }
}
