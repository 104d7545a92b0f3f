using System.Diagnostics.CodeAnalysis;

namespace StreamObserve.QueryNode.Results;

/// <summary>
/// A result store in this process's memory, bounded by count and by bytes: past either bound the answer that was asked for least recently goes, pinned ones last.
/// An answer larger than the byte bound is not kept at all. Any thread; ends with the process.
/// </summary>
public sealed class MemoryResultStore(int resultsMax = QueryHttpLimits.StoredResultsMax, long bytesMax = QueryHttpLimits.StoredResultsBytesMax) : IResultStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Id, ReadOnlyMemory<byte> Json)>> _byId = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Id, ReadOnlyMemory<byte> Json)> _byUse = new();
    private readonly HashSet<string> _pinned = new(StringComparer.Ordinal);
    private long _bytes;

    /// <inheritdoc/>
    public ValueTask PutAsync(string id, ReadOnlyMemory<byte> json, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_byId.ContainsKey(id))
            {
                throw new InvalidOperationException($"a result {id} is stored already; results are immutable");
            }

            Add(id, json);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Keeps an answer that was read from elsewhere, unless it is here already.</summary>
    public void Keep(string id, ReadOnlyMemory<byte> json)
    {
        lock (_gate)
        {
            if (!_byId.ContainsKey(id))
            {
                Add(id, json);
            }
        }
    }

    /// <inheritdoc/>
    [SuppressMessage("Style", "IDE0046", Justification = "a conditional expression would turn the null into empty memory")]
    public ValueTask<ReadOnlyMemory<byte>?> GetAsync(string id, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!_byId.TryGetValue(id, out var node))
            {
                return new((ReadOnlyMemory<byte>?)null);
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return new(node.Value.Json);
        }
    }

    /// <inheritdoc/>
    public Task<PinOutcome> PinAsync(string id, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!_byId.ContainsKey(id))
            {
                return Task.FromResult(PinOutcome.Unknown);
            }

            // Half is left to the others, so that a store full of pinned answers still takes new ones.
            if (!_pinned.Contains(id) && _pinned.Count >= resultsMax / 2)
            {
                return Task.FromResult(PinOutcome.Full);
            }

            _pinned.Add(id);
            return Task.FromResult(PinOutcome.Pinned);
        }
    }

    /// <inheritdoc/>
    public Task<bool> UnpinAsync(string id, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult(_pinned.Remove(id));
        }
    }

    private void Add(string id, ReadOnlyMemory<byte> json)
    {
        if (json.Length > bytesMax)
        {
            return;
        }

        _byId.Add(id, _byUse.AddFirst((id, json)));
        _bytes += json.Length;
        var last = _byUse.Last;
        while (last is not null && (_byId.Count > resultsMax || _bytes > bytesMax))
        {
            var previous = last.Previous;
            if (!_pinned.Contains(last.Value.Id))
            {
                Evict(last);
            }

            last = previous;
        }
    }

    private void Evict(LinkedListNode<(string Id, ReadOnlyMemory<byte> Json)> node)
    {
        _byUse.Remove(node);
        _byId.Remove(node.Value.Id);
        _bytes -= node.Value.Json.Length;
    }
}
