using StreamObserve.Kafka;
using StreamObserve.Kafka.Topics;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>The keyed store on the compacted meta topic, beside the sampling policies (<see cref="PolicyKeeper"/>). Across nodes the last writer of a key wins.</summary>
internal sealed class MetaStore(MetaTopic meta) : IMetaStore
{
    /// <inheritdoc/>
    public async ValueTask<MetaRecord?> GetAsync(string key, CancellationToken cancellation)
    {
        await meta.Ready.WaitAsync(cancellation).ConfigureAwait(false);
        return meta.TryGet(key, out var entry) ? new MetaRecord(key, entry.Value!.Value, entry.Offset) : null;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<MetaRecord>> ListAsync(string prefix, CancellationToken cancellation)
    {
        await meta.Ready.WaitAsync(cancellation).ConfigureAwait(false);
        var entries = meta.List(prefix);
        var records = new List<MetaRecord>(entries.Count);
        foreach (var entry in entries)
        {
            records.Add(new(entry.Key, entry.Value!.Value, entry.Offset));
        }

        records.Sort(static (a, b) => a.Version.CompareTo(b.Version));
        return records;
    }

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> value, CancellationToken cancellation) =>
        WriteAsync(key, () => meta.PutAsync(key, value.ToArray(), cancellation), cancellation);

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellation) => WriteAsync(key, () => meta.DeleteAsync(key, cancellation), cancellation);

    private async Task WriteAsync(string key, Func<Task<long>> write, CancellationToken cancellation)
    {
        try
        {
            var offset = await write().ConfigureAwait(false);
            await meta.WaitForAsync(offset, cancellation).ConfigureAwait(false);
        }
        catch (KafkaOperationException failure)
        {
            throw new ServiceUnavailableException($"{key} was not stored: {failure.Message}", failure.IsTransient, failure);
        }
    }
}
