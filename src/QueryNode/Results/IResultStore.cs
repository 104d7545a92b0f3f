namespace StreamObserve.QueryNode.Results;

/// <summary>Keeps finished answers by id, byte for byte. What was stored under an id never changes. Any thread.</summary>
public interface IResultStore
{
    /// <summary>Stores an answer's JSON. The id is new; the bytes must not change afterwards.</summary>
    ValueTask PutAsync(string id, ReadOnlyMemory<byte> json, CancellationToken cancellation);

    /// <summary>The JSON stored under the id, or null when there is none (any more).</summary>
    ValueTask<ReadOnlyMemory<byte>?> GetAsync(string id, CancellationToken cancellation);
}
