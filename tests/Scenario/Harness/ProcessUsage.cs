using System.Globalization;

namespace StreamObserve.Scenario.Harness;

/// <summary>What the kernel says a process has used.</summary>
/// <param name="Cpu">User and system time of all its threads since it started, to 10 ms.</param>
/// <param name="ResidentBytes">Resident memory now.</param>
/// <param name="ResidentBytesPeak">Highest resident memory so far.</param>
public readonly record struct ProcessUsage(TimeSpan Cpu, long ResidentBytes, long ResidentBytesPeak)
{
    private const int ClockTicksPerSecond = 100; // USER_HZ, fixed in the Linux ABI

    /// <summary>Reads /proc/&lt;pid&gt;.</summary>
    /// <exception cref="IOException">The process is gone.</exception>
    public static ProcessUsage Of(int processId) => Parse(
        File.ReadAllText($"/proc/{processId}/stat"),
        File.ReadAllText($"/proc/{processId}/status"));

    /// <summary>Reads the texts of /proc/&lt;pid&gt;/stat and /proc/&lt;pid&gt;/status.</summary>
    public static ProcessUsage Parse(string stat, string status)
    {
        // The command name may hold blanks and brackets; fields are counted from behind its closing bracket.
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        long ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
        return new ProcessUsage(TimeSpan.FromSeconds((double)ticks / ClockTicksPerSecond), Kilobytes(status, "VmRSS:"), Kilobytes(status, "VmHWM:"));
    }

    private static long Kilobytes(string status, string name)
    {
        int at = status.IndexOf(name, StringComparison.Ordinal);
        if (at < 0)
        {
            return 0; // a process that is ending has no memory left
        }

        string line = status[(at + name.Length)..];
        return 1024 * long.Parse(line[..line.IndexOf(" kB", StringComparison.Ordinal)].Trim(), CultureInfo.InvariantCulture);
    }
}
