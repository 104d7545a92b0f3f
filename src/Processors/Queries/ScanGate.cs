using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>
/// How many threads of a process scan for queries at the same moment: one a core, whatever number of queries and partitions there is, so that scans share the machine
/// with the cursors' threads as equals do. A scan passes it anew for each block, in the order of asking: a large query holds a small one up by one block a core.
/// Thread-safe.
/// </summary>
public sealed class ScanGate(int atOnce) : IDisposable
{
    private readonly SemaphoreSlim _places = new(atOnce);
    private readonly SemaphoreSlim _alone = new(1);

    /// <summary>For this machine's cores.</summary>
    public static ScanGate OfThisMachine(QueryMemory? memory = null) => new(Environment.ProcessorCount) { Memory = memory };

    /// <summary>What the results of scans may hold; null = no bound.</summary>
    public QueryMemory? Memory { get; init; }

    /// <summary>Waits for a place, to be given back with <see cref="Leave"/>. Throws <see cref="OperationCanceledException"/> when cancelled.</summary>
    public Task EnterAsync(CancellationToken cancellation) => _places.WaitAsync(cancellation);

    /// <summary>Takes a place that nobody waits for; false when there is none.</summary>
    public bool TryEnter() => _places.Wait(0);

    /// <summary>Waits until no other question that found the heap full is being tried again; to be given back with <see cref="LeaveAlone"/>.</summary>
    public Task EnterAloneAsync(CancellationToken cancellation) => _alone.WaitAsync(cancellation);

    /// <summary>Lets the next one try again.</summary>
    public void LeaveAlone() => _alone.Release();

    /// <summary>Gives a place back.</summary>
    public void Leave() => _places.Release();

    /// <inheritdoc/>
    public void Dispose()
    {
        _places.Dispose();
        _alone.Dispose();
    }
}
