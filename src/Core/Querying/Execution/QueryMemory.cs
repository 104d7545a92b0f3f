namespace StreamObserve.Core.Querying.Execution;

/// <summary>Memory that the results of all queries of a process may hold together. Thread-safe.</summary>
/// <param name="bytesMax">At most so many bytes, about. Past it the query that wants more is told to narrow its question.</param>
public sealed class QueryMemory(long bytesMax)
{
    private long _held;

    /// <summary>At most so many bytes.</summary>
    public long BytesMax { get; } = bytesMax;

    /// <summary>Bytes held now.</summary>
    public long HeldBytes => Interlocked.Read(ref _held);

    /// <summary>A lease of nothing yet.</summary>
    public QueryMemoryLease Lease() => new(this);

    internal bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= BytesMax || bytes <= 0)
        {
            return true;
        }

        Interlocked.Add(ref _held, -bytes);
        return false;
    }
}

/// <summary>What one result holds of a <see cref="QueryMemory"/>. One owner at a time; given back when disposed, or when nobody knows it any more.</summary>
public sealed class QueryMemoryLease : IDisposable
{
    private readonly QueryMemory _memory;
    private long _held;

    internal QueryMemoryLease(QueryMemory memory) => _memory = memory;

    /// <summary>Gives back what an answer that was lost on its way held.</summary>
    ~QueryMemoryLease() => GiveBack();

    /// <summary>At most so many bytes for all.</summary>
    public long BytesMax => _memory.BytesMax;

    /// <summary>A lease of the same memory.</summary>
    public QueryMemoryLease Another() => _memory.Lease();

    /// <summary>Holds so many bytes from now on; false, and as many as before, when there are not enough.</summary>
    public bool TryHold(long bytes)
    {
        if (!_memory.TryTake(bytes - _held))
        {
            return false;
        }

        _held = bytes;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        GiveBack();
        GC.SuppressFinalize(this);
    }

    private void GiveBack()
    {
        _memory.TryTake(-_held);
        _held = 0;
    }
}
