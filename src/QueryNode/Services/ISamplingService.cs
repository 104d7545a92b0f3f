using StreamObserve.Core.Sampling;

namespace StreamObserve.QueryNode.Services;

/// <summary>The sampling policies in force and their history. Any thread.</summary>
public interface ISamplingService
{
    /// <summary>
    /// A dataset's own policy, or with <see cref="DatasetNames.Default"/> that of all others (version 0, keep all, until one is put);
    /// null when the dataset has none of its own.
    /// </summary>
    Task<PolicyVersion?> GetAsync(string dataset, CancellationToken cancellation);

    /// <summary>
    /// Puts a new version in force: written to every partition's log, where it counts from one offset on. Returns once the log has it.
    /// </summary>
    Task<PutPolicyOutcome> PutAsync(string dataset, SamplingPolicy policy, CancellationToken cancellation);

    /// <summary>All policies in force.</summary>
    Task<SamplingPolicySet> GetSetAsync(CancellationToken cancellation);

    /// <summary>Every version of a dataset's policy, newest first; empty when it never had one of its own.</summary>
    Task<IReadOnlyList<PolicyVersion>> GetVersionsAsync(string dataset, CancellationToken cancellation);
}

/// <summary>A policy as it was from one version of the set on: the version (ascending over all datasets' policies) and when it was written (unix nanoseconds; null = it was always there).</summary>
public sealed record PolicyVersion(int Version, long? TimeNs, SamplingPolicy Policy);

/// <summary>What came of putting a policy.</summary>
public abstract record PutPolicyOutcome
{
    private PutPolicyOutcome() { }

    /// <summary>It is in the log.</summary>
    public sealed record Stored(PolicyVersion Version) : PutPolicyOutcome;

    /// <summary>Valid by itself, but not beside the policies of the other datasets.</summary>
    public sealed record Refused(SamplingPolicyError Error) : PutPolicyOutcome;
}
