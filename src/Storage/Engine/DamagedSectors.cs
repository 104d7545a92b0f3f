namespace StreamObserve.Storage.Engine;

/// <summary>
/// How a read that met a damaged sector tells the operation above it: the engine's reads run on the thread that asked,
/// the engine itself only sees a sector of zeros, which it takes for "no such record".
/// </summary>
internal static class DamagedSectors
{
    [ThreadStatic]
    private static long _seenByThisThread;

    /// <summary>Damaged sectors that reads of this thread have met so far.</summary>
    public static long SeenByThisThread => _seenByThisThread;

    public static void Count() => _seenByThisThread++;
}
