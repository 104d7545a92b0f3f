namespace StreamObserve.QueryNode.Services;

/// <summary>
/// Small things that people make and keep, by key: markers, saved queries, descriptions. Every query node has all of them in memory; a change survives the
/// process once its call has returned. Any thread. <see cref="ServiceUnavailableException"/> when the log is away.
/// </summary>
public interface IMetaStore
{
    /// <summary>The value of a key, or null.</summary>
    ValueTask<MetaRecord?> GetAsync(string key, CancellationToken cancellation);

    /// <summary>All values whose keys start with <paramref name="prefix"/>, those that changed longest ago first.</summary>
    ValueTask<IReadOnlyList<MetaRecord>> ListAsync(string prefix, CancellationToken cancellation);

    /// <summary>Sets a key's value. When it returns, reads on this node see it; other nodes follow within milliseconds.</summary>
    Task PutAsync(string key, ReadOnlyMemory<byte> value, CancellationToken cancellation);

    /// <summary>Deletes a key; one that is not there too. Seen as after <see cref="PutAsync"/>.</summary>
    Task DeleteAsync(string key, CancellationToken cancellation);
}

/// <summary>A kept value. <paramref name="Version"/> grows with every change of any key.</summary>
public readonly record struct MetaRecord(string Key, ReadOnlyMemory<byte> Value, long Version);
