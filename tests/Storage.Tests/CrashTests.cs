using System.Diagnostics;

namespace StreamObserve.Storage.Tests;

public sealed class CrashTests(ITestOutputHelper output)
{
    private static readonly int Restarts = int.Parse(Environment.GetEnvironmentVariable("STORAGE_TEST_RESTARTS") ?? "25", System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public void StateAfterKillIsAlwaysThatOfTheRecoveredCut()
    {
        string folder = Directory.CreateTempSubdirectory("storage-crash-").FullName;
        try
        {
            var random = new Random(20260923);
            long batches = -1;
            long previous = -1;
            int advanced = 0;
            for (int restart = 0; restart < Restarts; restart++)
            {
                using Process child = StartChild(folder);
                try
                {
                    string line = child.StandardOutput.ReadLine() ?? "nothing: " + child.StandardError.ReadToEnd();
                    Assert.True(line.StartsWith("same ", StringComparison.Ordinal), line);
                    batches = long.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
                    Assert.True(batches >= previous, $"restart {restart} recovered batch {batches} after {previous}");
                    advanced += batches > previous ? 1 : 0;
                    previous = batches;
                    bool exited = child.WaitForExit(random.Next(5, 400)); // the random moment
                    Assert.False(exited, "the child ended by itself: " + (exited ? child.StandardOutput.ReadToEnd() + child.StandardError.ReadToEnd() : ""));
                }
                finally
                {
                    child.Kill();
                    child.WaitForExit();
                }
            }

            output.WriteLine($"{Restarts} kills, {advanced} of them after a new cut, last at batch {batches}");
            Assert.True(advanced > Restarts / 2, $"only {advanced} of {Restarts} children completed a cut");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Process StartChild(string folder)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(CrashTests).Assembly.Location);
        }

        start.ArgumentList.Add("crash-child");
        start.ArgumentList.Add(folder);
        return Process.Start(start)!;
    }
}
