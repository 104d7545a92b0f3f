using StreamObserve.Core.Sampling;

namespace StreamObserve.QueryNode.Services;

/// <summary>The sampling policies in force and their history. Any thread.</summary>
public interface ISamplingService
{
    /// <summary>A dataset's own policy, or with <see cref="DatasetNames.Default"/> that of all others; null when the dataset has none of its own.</summary>
    Task<PolicyVersion?> GetAsync(string dataset, CancellationToken cancellation);

    /// <summary>
    /// Puts a new version in force: written to every partition's log, where it counts from one offset on. <paramref name="json"/> is the same policy
    /// as the client wrote it, to be given back by reads. Returns once the log has it.
    /// </summary>
    Task<PolicyVersion> PutAsync(string dataset, SamplingPolicy policy, ReadOnlyMemory<byte> json, CancellationToken cancellation);

    /// <summary>Every version of a dataset's policy, newest first; empty when it never had one of its own.</summary>
    Task<IReadOnlyList<PolicyVersion>> GetVersionsAsync(string dataset, CancellationToken cancellation);
}

/// <summary>One version of a policy: its number (ascending over all datasets' policies), when it was written (unix nanoseconds), and its JSON document.</summary>
public sealed record PolicyVersion(long Version, long TimeNs, ReadOnlyMemory<byte> Json);
