using System.Collections.Concurrent;
using StreamObserve.Broker.Coordination;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Groups;

/// <summary>All groups: members in memory, offsets and generations in the journal. Thread-safe.</summary>
internal sealed class GroupCoordinator(CoordinatorJournal journal, BrokerOptions options, TimeProvider time, Func<Guid> newId, Action<string> log)
    : IDisposable
{
    private const string DeadState = "Dead";
    private const string EmptyState = "Empty";
    private readonly ConcurrentDictionary<string, ConsumerGroup> _groups = new(StringComparer.Ordinal);

    private long NowMs => time.GetUtcNow().ToUnixTimeMilliseconds();

    public Task<JoinResult> JoinAsync(JoinRequest request)
    {
        if (request.GroupId.Length == 0)
        {
            return Task.FromResult(new JoinResult(ErrorCode.InvalidGroupId, request.MemberId));
        }

        if (request.SessionTimeoutMs is < 1 or > Limits.SessionTimeoutMsMax)
        {
            return Task.FromResult(new JoinResult(ErrorCode.InvalidSessionTimeout, request.MemberId));
        }

        if (request.Protocols.Count == 0 || request.ProtocolType.Length == 0)
        {
            return Task.FromResult(new JoinResult(ErrorCode.InconsistentGroupProtocol, request.MemberId));
        }

        if (request.MemberId.Length > 0 && !_groups.ContainsKey(request.GroupId))
        {
            return Task.FromResult(new JoinResult(ErrorCode.UnknownMemberId, request.MemberId));
        }

        while (true)
        {
            ConsumerGroup group = _groups.GetOrAdd(request.GroupId, NewGroup);
            if (group.TryJoinAsync(request) is { } joined)
            {
                return joined;
            }

            _groups.TryRemove(KeyValuePair.Create(request.GroupId, group)); // it was retired this moment
        }
    }

    public Task<SyncResult> SyncAsync(
        string groupId,
        string memberId,
        string? instanceId,
        int generation,
        string? protocolType,
        string? protocol,
        IReadOnlyList<(string MemberId, byte[] Assignment)> assignments) =>
        _groups.TryGetValue(groupId, out ConsumerGroup? group)
            ? group.SyncAsync(memberId, instanceId, generation, protocolType, protocol, assignments)
            : Task.FromResult(new SyncResult(groupId.Length == 0 ? ErrorCode.InvalidGroupId : ErrorCode.UnknownMemberId));

    public ErrorCode Heartbeat(string groupId, string memberId, string? instanceId, int generation) =>
        _groups.TryGetValue(groupId, out ConsumerGroup? group)
            ? group.Heartbeat(memberId, instanceId, generation)
            : ErrorCode.UnknownMemberId;

    public ErrorCode Leave(string groupId, string memberId, string? instanceId) =>
        _groups.TryGetValue(groupId, out ConsumerGroup? group) ? group.Leave(memberId, instanceId) : ErrorCode.UnknownMemberId;

    /// <summary>Whether the member may commit offsets.</summary>
    public ErrorCode CheckCommit(string groupId, string memberId, string? instanceId, int generation)
    {
        if (_groups.TryGetValue(groupId, out ConsumerGroup? group))
        {
            return group.CheckCommit(memberId, instanceId, generation);
        }

        return generation < 0 ? ErrorCode.None : ErrorCode.IllegalGeneration;
    }

    /// <summary>Whether offsets may take part in a transaction of a producer that acts for the member.</summary>
    public ErrorCode CheckTransactionalCommit(string groupId, string memberId, string? instanceId, int generation)
    {
        if (_groups.TryGetValue(groupId, out ConsumerGroup? group))
        {
            return group.CheckTransactionalCommit(memberId, instanceId, generation);
        }

        return memberId.Length == 0 && generation < 0 ? ErrorCode.None : ErrorCode.UnknownMemberId;
    }

    /// <summary>Commits offsets; the caller has checked the member.</summary>
    public Task CommitAsync(string groupId, IReadOnlyCollection<KeyValuePair<TopicPartition, CommittedOffset>> offsets) =>
        offsets.Count == 0 ? Task.CompletedTask : journal.WriteAsync(into => CoordinatorState.WriteOffsetsCommitted(into, groupId, offsets));

    /// <summary>The committed offset, null when there is none; and whether an undecided transaction may change it.</summary>
    public (CommittedOffset? Offset, bool Unstable) Fetch(string groupId, TopicPartition partition) =>
        journal.Read(state =>
        {
            CommittedOffset? offset = state.Offsets.TryGetValue(groupId, out Dictionary<TopicPartition, CommittedOffset>? offsets)
                && offsets.TryGetValue(partition, out CommittedOffset found) ? found : null;
            return (offset, state.HasPending(groupId, partition));
        });

    /// <summary>The partitions for which the group has committed offsets.</summary>
    public IReadOnlyList<TopicPartition> CommittedPartitions(string groupId) =>
        journal.Read(state => state.Offsets.TryGetValue(groupId, out Dictionary<TopicPartition, CommittedOffset>? offsets)
            ? offsets.Keys.ToArray()
            : []);

    /// <summary>All groups with members or offsets.</summary>
    public IReadOnlyList<DescribedGroup> List()
    {
        List<DescribedGroup> groups = [];
        foreach (ConsumerGroup group in _groups.Values)
        {
            groups.Add(group.Describe());
        }

        foreach (string groupId in journal.Read(state => state.Offsets.Keys.ToArray()))
        {
            if (!_groups.ContainsKey(groupId))
            {
                groups.Add(new DescribedGroup(groupId, EmptyState, "", "", []));
            }
        }

        return groups;
    }

    public DescribedGroup Describe(string groupId)
    {
        if (_groups.TryGetValue(groupId, out ConsumerGroup? group))
        {
            return group.Describe();
        }

        bool hasOffsets = journal.Read(state => state.Offsets.ContainsKey(groupId));
        return new DescribedGroup(groupId, hasOffsets ? EmptyState : DeadState, "", "", []);
    }

    /// <summary>Deletes a group without members, with its offsets.</summary>
    public async ValueTask<ErrorCode> DeleteAsync(string groupId)
    {
        bool known = journal.Read(state => state.Offsets.ContainsKey(groupId));
        if (_groups.TryGetValue(groupId, out ConsumerGroup? group))
        {
            if (!group.TryRetire())
            {
                return ErrorCode.NonEmptyGroup;
            }

            known = true;
            _groups.TryRemove(groupId, out _);
            group.Dispose();
        }

        if (!known)
        {
            return ErrorCode.GroupIdNotFound;
        }

        await journal.WriteAsync(into => CoordinatorState.WriteGroupRemoved(into, groupId)).ConfigureAwait(false);
        return ErrorCode.None;
    }

    /// <summary>Deletes offsets of a group without members.</summary>
    public async ValueTask<ErrorCode> DeleteOffsetsAsync(string groupId, IReadOnlyCollection<TopicPartition> partitions)
    {
        if (_groups.TryGetValue(groupId, out ConsumerGroup? group) && !group.IsEmpty)
        {
            return ErrorCode.GroupSubscribedToTopic;
        }

        if (!journal.Read(state => state.Offsets.ContainsKey(groupId)))
        {
            return ErrorCode.GroupIdNotFound;
        }

        await journal.WriteAsync(into => CoordinatorState.WriteOffsetsRemoved(into, groupId, partitions)).ConfigureAwait(false);
        return ErrorCode.None;
    }

    /// <summary>Forgets every group's offsets in a topic that was deleted.</summary>
    public Task RemoveTopicAsync(string topic) => journal.WriteAsync(into => CoordinatorState.WriteTopicRemoved(into, topic));

    /// <summary>Forgets groups without members and offsets, and the offsets of groups that have had no members and no commits for long.</summary>
    public void Expire()
    {
        long now = NowMs;
        string[] idle = journal.Read(state => state.Offsets
            .Where(group => group.Value.Values.All(offset => now - offset.CommittedMs > Limits.OffsetsIdleMsMax))
            .Select(group => group.Key)
            .ToArray());
        foreach (string groupId in idle)
        {
            if (!_groups.TryGetValue(groupId, out ConsumerGroup? group) || group.IsEmpty)
            {
                journal.WriteAsync(into => CoordinatorState.WriteGroupRemoved(into, groupId));
            }
        }

        foreach ((string groupId, ConsumerGroup group) in _groups)
        {
            if (!journal.Read(state => state.Offsets.ContainsKey(groupId)) && group.TryRetire())
            {
                _groups.TryRemove(KeyValuePair.Create(groupId, group));
                group.Dispose();
                journal.WriteAsync(into => CoordinatorState.WriteGroupRemoved(into, groupId));
            }
        }
    }

    /// <summary>Stops every timer and answers everyone who waits.</summary>
    public void Dispose()
    {
        foreach (ConsumerGroup group in _groups.Values)
        {
            group.Dispose();
        }
    }

    private ConsumerGroup NewGroup(string groupId) =>
        new(
            groupId,
            journal.Read(state => state.Generations.GetValueOrDefault(groupId)),
            time,
            options.InitialRebalanceDelay,
            newId,
            SaveGeneration);

    private void SaveGeneration(string groupId, int generation)
    {
        try
        {
            journal.WriteAsync(into => CoordinatorState.WriteGeneration(into, groupId, generation));
        }
        catch (IOException e)
        {
            log($"group '{groupId}': generation {generation} was not noted: {e.Message}");
        }
    }
}
