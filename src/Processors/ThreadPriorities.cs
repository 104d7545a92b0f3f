using System.Runtime.InteropServices;

namespace StreamObserve.Processors;

/// <summary>
/// Threads that may wait for a core so that others don't. The runtime's own thread priorities do nothing on Linux; the kernel's nice values, which there are a thread's, do.
/// </summary>
internal static partial class ThreadPriorities
{
    private const int OfThread = 0;     // PRIO_PROCESS with 0: on Linux the calling thread

    /// <summary>A third of a usual thread's share of a core that both want.</summary>
    private const int SteppedBack = 5;

    /// <summary>From now on this thread steps back behind the others. It can't be undone without privileges: for threads of one's own only. Does nothing where the system has no such thing.</summary>
    public static void StepBack()
    {
        if (OperatingSystem.IsLinux())
        {
            // Refused or not: it only says who comes first.
            _ = SetPriority(OfThread, 0, SteppedBack);
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int nice);
}
