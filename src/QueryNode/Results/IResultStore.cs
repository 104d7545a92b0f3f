namespace StreamObserve.QueryNode.Results;

/// <summary>Keeps finished answers by id, byte for byte. What was stored under an id never changes. Any thread.</summary>
public interface IResultStore
{
    /// <summary>Stores an answer's JSON. The id is new; the bytes must not change afterwards.</summary>
    ValueTask PutAsync(string id, ReadOnlyMemory<byte> json, CancellationToken cancellation);

    /// <summary>
    /// The JSON stored under the id, or null when there is none (any more). <see cref="Services.ServiceUnavailableException"/> when that cannot be told at the moment.
    /// </summary>
    ValueTask<ReadOnlyMemory<byte>?> GetAsync(string id, CancellationToken cancellation);

    /// <summary>Keeps an answer until it is unpinned, however old it gets. Again: nothing.</summary>
    Task<PinOutcome> PinAsync(string id, CancellationToken cancellation);

    /// <summary>Lets a pinned answer go with the others of its age; false when it was not pinned.</summary>
    Task<bool> UnpinAsync(string id, CancellationToken cancellation);
}

/// <summary>What came of pinning an answer.</summary>
public enum PinOutcome : byte
{
    /// <summary>It is kept.</summary>
    Pinned,

    /// <summary>No answer is stored under the id (any more).</summary>
    Unknown,

    /// <summary>As many answers are pinned as may be (<see cref="ResultLimits.PinnedMax"/>).</summary>
    Full,
}
