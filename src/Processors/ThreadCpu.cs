using System.Runtime.InteropServices;

namespace StreamObserve.Processors;

/// <summary>The CPU time that a thread has used, so that what steps cost can be told apart whoever else uses the cores.</summary>
internal static partial class ThreadCpu
{
    private const int ThreadCpuTime = 3;     // CLOCK_THREAD_CPUTIME_ID of Linux

    /// <summary>Of the calling thread, in nanoseconds; 0 where the system does not tell. A system call.</summary>
    public static long NowNs() => OperatingSystem.IsLinux() && GetTime(ThreadCpuTime, out var time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : 0;

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Time time);

    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
