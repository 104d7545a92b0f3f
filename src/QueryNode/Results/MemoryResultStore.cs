using System.Diagnostics.CodeAnalysis;

namespace StreamObserve.QueryNode.Results;

/// <summary>
/// A result store in this process's memory, bounded by count and by bytes: past either bound the answer that was asked for least recently goes.
/// An answer larger than the byte bound is not kept at all. Any thread; ends with the process.
/// </summary>
public sealed class MemoryResultStore(int resultsMax = QueryHttpLimits.StoredResultsMax, long bytesMax = QueryHttpLimits.StoredResultsBytesMax) : IResultStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Id, ReadOnlyMemory<byte> Json)>> _byId = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Id, ReadOnlyMemory<byte> Json)> _byUse = new();
    private long _bytes;

    /// <inheritdoc/>
    public ValueTask PutAsync(string id, ReadOnlyMemory<byte> json, CancellationToken cancellation)
    {
        if (json.Length > bytesMax)
        {
            return ValueTask.CompletedTask;
        }

        lock (_gate)
        {
            if (_byId.ContainsKey(id))
            {
                throw new InvalidOperationException($"a result {id} is stored already; results are immutable");
            }

            _byId.Add(id, _byUse.AddFirst((id, json)));
            _bytes += json.Length;
            while (_byId.Count > resultsMax || _bytes > bytesMax)
            {
                Evict(_byUse.Last!);
            }
        }

        return ValueTask.CompletedTask;
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

    private void Evict(LinkedListNode<(string Id, ReadOnlyMemory<byte> Json)> node)
    {
        _byUse.Remove(node);
        _byId.Remove(node.Value.Id);
        _bytes -= node.Value.Json.Length;
    }
}
