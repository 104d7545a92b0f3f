using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Sampling;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Topics;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>
/// Sampling policies on the meta topic: key <c>policies</c> holds the whole set in force (what the pacemaker writes into every partition's log),
/// <c>policies/N</c> each version for the history. One put at a time in this process; across nodes the last one wins.
/// </summary>
internal sealed class PolicyKeeper(MetaTopic meta, Partitions partitions, TimeProvider time) : ISamplingService
{
    private const string Current = "policies";
    private const string History = "policies/";
    private readonly SemaphoreSlim _oneAtATime = new(1);

    /// <inheritdoc/>
    public async Task<PolicyVersion?> GetAsync(string dataset, CancellationToken cancellation)
    {
        await meta.Ready.WaitAsync(cancellation).ConfigureAwait(false);
        var versions = await GetVersionsAsync(dataset, cancellation).ConfigureAwait(false);
        return versions.Count > 0 ? versions[0] : dataset == DatasetNames.Default ? new(0, null, SamplingPolicy.KeepAll) : null;
    }

    /// <inheritdoc/>
    public async Task<PutPolicyOutcome> PutAsync(string dataset, SamplingPolicy policy, CancellationToken cancellation)
    {
        await _oneAtATime.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await meta.Ready.WaitAsync(cancellation).ConfigureAwait(false);
            if (!Read(Current).TryWith(dataset, policy, out var next, out var error))
            {
                return new PutPolicyOutcome.Refused(error);
            }

            if (!SamplingPolicySet.TryParse(next.ToJson(), out _, out var unreadable))
            {
                return new PutPolicyOutcome.Refused(unreadable[0]);     // partitions read what is written: together with the others' it is too large
            }

            var now = time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
            byte[] stamped = [.. BitConverter.GetBytes(now), .. next.ToJson()];
            await meta.PutAsync($"{History}{next.Version:D10}", stamped, cancellation).ConfigureAwait(false);
            var offset = await meta.PutAsync(Current, next.ToJson(), cancellation).ConfigureAwait(false);
            await meta.WaitForAsync(offset, cancellation).ConfigureAwait(false);
            await WaitUntilInForceAsync(next.Version, cancellation).ConfigureAwait(false);
            return new PutPolicyOutcome.Stored(new(next.Version, now, policy));
        }
        catch (KafkaOperationException failure)
        {
            throw new ServiceUnavailableException($"the policy was not stored: {failure.Message}", failure.IsTransient, failure);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<SamplingPolicySet> GetSetAsync(CancellationToken cancellation)
    {
        await meta.Ready.WaitAsync(cancellation).ConfigureAwait(false);
        return Read(Current);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PolicyVersion>> GetVersionsAsync(string dataset, CancellationToken cancellation)
    {
        await meta.Ready.WaitAsync(cancellation).ConfigureAwait(false);
        var versions = new List<PolicyVersion>();
        byte[]? last = null;
        foreach (var entry in meta.List(History).OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            if (entry.Value is not { Length: > 8 } bytes || !SamplingPolicySet.TryParse(bytes[8..], out var set, out _) || set.PolicyOf(dataset) is not { } policy)
            {
                continue;
            }

            // Other datasets' changes make versions of the set, not of this policy.
            var json = policy.ToJson();
            if (last is null || !json.AsSpan().SequenceEqual(last))
            {
                versions.Add(new(set.Version, BitConverter.ToInt64(bytes.Span), policy));
                last = json;
            }
        }

        versions.Reverse();
        return versions;
    }

    private SamplingPolicySet Read(string key)
    {
        if (!meta.TryGet(key, out var entry) || entry.Value is not { } bytes)
        {
            return SamplingPolicySet.Empty;
        }

        return SamplingPolicySet.TryParse(bytes, out var set, out var errors)
            ? set
            : throw new ServiceUnavailableException($"the policies in force do not read, so none can be put beside them: {errors[0].Field}: {errors[0].Reason}", isTransient: false);
    }

    /// <summary>Until every partition that answers has the version at its head. When that takes too long it still comes: the log has it.</summary>
    private async Task WaitUntilInForceAsync(int version, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < CoordinationLimits.PolicyInForceWithin)
        {
            var replies = await partitions.AskAllAsync<PartitionStatus>(partition => new PartitionStatusQuery(partition), status => status.Partition, false, cancellation)
                .ConfigureAwait(false);
            if (replies.Replies.Count > 0 && replies.Replies.All(status => status.PolicyVersion >= version))
            {
                return;
            }

            await Task.Delay(CoordinationLimits.PolicyPolledEvery, time, cancellation).ConfigureAwait(false);
        }
    }
}
