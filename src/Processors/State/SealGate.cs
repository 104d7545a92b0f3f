namespace StreamObserve.Processors.State;

/// <summary>
/// How many partitions of a process do something large at the same moment, one gate for sealing blocks and one for merging folds: half of the cores, at least one. Events that pass the head cursor, and the live tails that wait
/// for them, then always find a core, however many partitions reach a full block together. Thread-safe.
/// </summary>
public sealed class SealGate(int atOnce)
{
    private int _free = atOnce;

    /// <summary>For this machine's cores.</summary>
    public static SealGate OfThisMachine() => new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>Takes a place; false when there is none. To be given back with <see cref="Leave"/>.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Decrement(ref _free) >= 0)
        {
            return true;
        }

        Interlocked.Increment(ref _free);
        return false;
    }

    /// <summary>Gives a place back.</summary>
    public void Leave() => Interlocked.Increment(ref _free);
}
