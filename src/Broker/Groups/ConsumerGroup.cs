using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Groups;

/// <summary>
/// The members of one group and their rebalances, as in Kafka's classic protocol: everyone joins, one leads and assigns, everyone
/// fetches its assignment. Members live in memory only; after a restart they join anew. Thread-safe.
/// </summary>
internal sealed class ConsumerGroup : IDisposable
{
    private enum State
    {
        Empty,
        PreparingRebalance,
        CompletingRebalance,
        Stable,
    }

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly TimeSpan _initialDelay;
    private readonly Func<Guid> _newId;
    private readonly Action<string, int> _saveGeneration;
    private readonly Dictionary<string, GroupMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _staticMembers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ITimer> _pendingMembers = new(StringComparer.Ordinal);
    private State _state = State.Empty;
    private int _generation;
    private string _protocolType = "";
    private string? _protocol;
    private string? _leader;
    private ITimer? _rebalanceTimer;
    private bool _initialDelayRuns;
    private bool _retired;

    public ConsumerGroup(
        string groupId, int generation, TimeProvider time, TimeSpan initialDelay, Func<Guid> newId, Action<string, int> saveGeneration)
    {
        GroupId = groupId;
        _generation = generation;
        _time = time;
        _initialDelay = initialDelay;
        _newId = newId;
        _saveGeneration = saveGeneration;
    }

    public string GroupId { get; }

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _members.Count == 0 && _pendingMembers.Count == 0;
            }
        }
    }

    /// <summary>Ends a group without members for good; false when it has some.</summary>
    public bool TryRetire()
    {
        lock (_gate)
        {
            _retired = _members.Count == 0 && _pendingMembers.Count == 0;
            return _retired;
        }
    }

    /// <summary>Joins; completes when the rebalance has gathered its members. Null when the group is retired and another must be made.</summary>
    public Task<JoinResult>? TryJoinAsync(JoinRequest request)
    {
        lock (_gate)
        {
            if (_retired)
            {
                return null;
            }

            if (_members.Count > 0 && !SupportsCommonProtocol(request))
            {
                return Refuse(ErrorCode.InconsistentGroupProtocol, request.MemberId);
            }

            if (request.MemberId.Length == 0)
            {
                return JoinNew(request);
            }

            if (_pendingMembers.Remove(request.MemberId, out ITimer? pending))
            {
                pending.Dispose();
                return Add(request.MemberId, request);
            }

            if (FindMember(request.MemberId, request.InstanceId, out GroupMember? member) is var error && error != ErrorCode.None)
            {
                return Refuse(error, request.MemberId);
            }

            return Rejoin(member!, request);
        }
    }

    /// <summary>Fetches the member's assignment, and takes the leader's for all; completes when the leader has sent it.</summary>
    public Task<SyncResult> SyncAsync(
        string memberId,
        string? instanceId,
        int generation,
        string? protocolType,
        string? protocol,
        IReadOnlyList<(string MemberId, byte[] Assignment)> assignments)
    {
        lock (_gate)
        {
            ErrorCode error = CheckMember(memberId, instanceId, generation, out GroupMember? member);
            if (error == ErrorCode.None
                && ((protocolType is not null && protocolType != _protocolType) || (protocol is not null && protocol != _protocol)))
            {
                error = ErrorCode.InconsistentGroupProtocol;
            }

            if (error == ErrorCode.None && _state == State.PreparingRebalance)
            {
                error = ErrorCode.RebalanceInProgress;
            }

            if (error != ErrorCode.None)
            {
                return Task.FromResult(new SyncResult(error));
            }

            ArmSession(member!);
            if (_state == State.Stable)
            {
                return Task.FromResult(new SyncResult(ErrorCode.None, _protocolType, _protocol, member!.Assignment));
            }

            member!.Syncing?.TrySetResult(new SyncResult(ErrorCode.RebalanceInProgress));
            member.Syncing = new TaskCompletionSource<SyncResult>(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<SyncResult> result = member.Syncing.Task;
            if (memberId == _leader)
            {
                foreach (GroupMember assigned in _members.Values)
                {
                    assigned.Assignment = [];
                }

                foreach ((string assignedId, byte[] assignment) in assignments)
                {
                    if (_members.TryGetValue(assignedId, out GroupMember? assigned))
                    {
                        assigned.Assignment = assignment;
                    }
                }

                _state = State.Stable;
                foreach (GroupMember assigned in _members.Values)
                {
                    if (assigned.Syncing is { } syncing)
                    {
                        assigned.Syncing = null;
                        ArmSession(assigned);
                        syncing.TrySetResult(new SyncResult(ErrorCode.None, _protocolType, _protocol, assigned.Assignment));
                    }
                }
            }

            return result;
        }
    }

    /// <summary>A sign of life; the answer tells of a rebalance.</summary>
    public ErrorCode Heartbeat(string memberId, string? instanceId, int generation)
    {
        lock (_gate)
        {
            ErrorCode error = CheckMember(memberId, instanceId, generation, out GroupMember? member);
            if (error != ErrorCode.None)
            {
                return error;
            }

            ArmSession(member!);
            return _state == State.PreparingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
        }
    }

    /// <summary>Takes a member out, by its id or its instance id.</summary>
    public ErrorCode Leave(string memberId, string? instanceId)
    {
        lock (_gate)
        {
            if (memberId.Length > 0 && _pendingMembers.Remove(memberId, out ITimer? pending))
            {
                pending.Dispose();
                TryCompleteJoin();
                return ErrorCode.None;
            }

            if (memberId.Length == 0 && instanceId is not null && _staticMembers.TryGetValue(instanceId, out string? known))
            {
                memberId = known;
            }

            ErrorCode error = FindMember(memberId, instanceId, out GroupMember? member);
            if (error == ErrorCode.None)
            {
                Remove(member!);
            }

            return error;
        }
    }

    /// <summary>Whether a member of this generation may commit offsets now; a client without a group generation may while the group has no members.</summary>
    public ErrorCode CheckCommit(string memberId, string? instanceId, int generation)
    {
        lock (_gate)
        {
            if (generation < 0 && memberId.Length == 0 && _members.Count == 0)
            {
                return ErrorCode.None;
            }

            ErrorCode error = CheckMember(memberId, instanceId, generation, out GroupMember? member);
            if (error != ErrorCode.None)
            {
                return error;
            }

            ArmSession(member!);
            return _state == State.CompletingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
        }
    }

    /// <summary>Whether offsets may take part in a transaction: a producer that names a generation must be in it, else it is a zombie.</summary>
    public ErrorCode CheckTransactionalCommit(string memberId, string? instanceId, int generation)
    {
        lock (_gate)
        {
            if (memberId.Length == 0 && instanceId is null && generation < 0)
            {
                return ErrorCode.None;
            }

            ErrorCode error = FindMember(memberId, instanceId, out _);
            return error == ErrorCode.None && generation != _generation ? ErrorCode.IllegalGeneration : error;
        }
    }

    public DescribedGroup Describe()
    {
        lock (_gate)
        {
            bool settled = _state == State.Stable;
            List<DescribedMember> members = [];
            foreach (GroupMember member in _members.Values)
            {
                members.Add(new DescribedMember(
                    member.MemberId,
                    member.Request.InstanceId,
                    member.Request.ClientId,
                    member.Request.ClientHost,
                    settled && _protocol is not null ? member.Metadata(_protocol) : [],
                    settled ? member.Assignment : []));
            }

            return new DescribedGroup(GroupId, _state.ToString(), _protocolType, settled ? _protocol ?? "" : "", members);
        }
    }

    /// <summary>Stops all timers and answers everyone who waits.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _rebalanceTimer?.Dispose();
            foreach (ITimer timer in _pendingMembers.Values)
            {
                timer.Dispose();
            }

            foreach (GroupMember member in _members.Values)
            {
                member.SessionTimer?.Dispose();
                member.Joining?.TrySetResult(new JoinResult(ErrorCode.UnknownMemberId, member.MemberId));
                member.Syncing?.TrySetResult(new SyncResult(ErrorCode.UnknownMemberId));
            }

            _members.Clear();
        }
    }

    private static Task<JoinResult> Refuse(ErrorCode error, string memberId) => Task.FromResult(new JoinResult(error, memberId));

    private Task<JoinResult> JoinNew(JoinRequest request)
    {
        if (_members.Count + _pendingMembers.Count >= Limits.GroupMembersMax)
        {
            return Refuse(ErrorCode.GroupMaxSizeReached, "");
        }

        string memberId = $"{request.InstanceId ?? request.ClientId}-{_newId():D}";
        if (request.InstanceId is not null && _staticMembers.TryGetValue(request.InstanceId, out string? former))
        {
            return ReplaceStatic(_members[former], memberId, request);
        }

        if (request.IdFirst && request.InstanceId is null)
        {
            _pendingMembers[memberId] = _time.CreateTimer(
                _ => ExpirePending(memberId), null, TimeSpan.FromMilliseconds(request.SessionTimeoutMs), Timeout.InfiniteTimeSpan);
            return Refuse(ErrorCode.MemberIdRequired, memberId);
        }

        return Add(memberId, request);
    }

    private Task<JoinResult> ReplaceStatic(GroupMember former, string memberId, JoinRequest request)
    {
        former.Joining?.TrySetResult(new JoinResult(ErrorCode.FencedInstanceId, former.MemberId));
        former.Syncing?.TrySetResult(new SyncResult(ErrorCode.FencedInstanceId));
        former.SessionTimer?.Dispose();
        bool same = former.HasSameProtocols(request);
        _members.Remove(former.MemberId);
        GroupMember member = new(memberId, request) { Assignment = former.Assignment };
        _members.Add(memberId, member);
        _staticMembers[request.InstanceId!] = memberId;
        if (_leader == former.MemberId)
        {
            _leader = memberId;
        }

        if (_state == State.Stable && same)
        {
            ArmSession(member); // its assignment still holds: a restart within the session time-out costs no rebalance
            return Task.FromResult(Joined(member));
        }

        return AwaitRebalance(member);
    }

    private Task<JoinResult> Add(string memberId, JoinRequest request)
    {
        GroupMember member = new(memberId, request);
        _members.Add(memberId, member);
        if (request.InstanceId is not null)
        {
            _staticMembers[request.InstanceId] = memberId;
        }

        _protocolType = request.ProtocolType;
        return AwaitRebalance(member);
    }

    private Task<JoinResult> Rejoin(GroupMember member, JoinRequest request)
    {
        bool same = member.HasSameProtocols(request);
        member.Request = request;
        bool knowsResult = same
            && (_state == State.CompletingRebalance || (_state == State.Stable && member.MemberId != _leader));
        if (knowsResult)
        {
            ArmSession(member);
            return Task.FromResult(Joined(member)); // it did not get the answer to its last request
        }

        return AwaitRebalance(member);
    }

    private Task<JoinResult> AwaitRebalance(GroupMember member)
    {
        member.SessionTimer?.Dispose(); // whoever waits for an answer cannot send heartbeats
        member.SessionTimer = null;
        member.Joining?.TrySetResult(new JoinResult(ErrorCode.UnknownMemberId, member.MemberId));
        member.Joining = new TaskCompletionSource<JoinResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<JoinResult> result = member.Joining.Task;
        PrepareRebalance();
        TryCompleteJoin();
        return result;
    }

    private void PrepareRebalance()
    {
        if (_state == State.PreparingRebalance)
        {
            return;
        }

        foreach (GroupMember member in _members.Values)
        {
            member.Syncing?.TrySetResult(new SyncResult(ErrorCode.RebalanceInProgress));
            member.Syncing = null;
        }

        bool initial = _state == State.Empty;
        _state = State.PreparingRebalance;
        _initialDelayRuns = initial && _initialDelay > TimeSpan.Zero;
        _rebalanceTimer?.Dispose();
        _rebalanceTimer = _time.CreateTimer(
            _ => OnRebalanceTimer(),
            null,
            _initialDelayRuns ? _initialDelay : TimeSpan.FromMilliseconds(RebalanceTimeoutMs()),
            Timeout.InfiniteTimeSpan);
    }

    private int RebalanceTimeoutMs()
    {
        int longest = 1;
        foreach (GroupMember member in _members.Values)
        {
            longest = Math.Max(longest, member.Request.RebalanceTimeoutMs);
        }

        return longest;
    }

    private void OnRebalanceTimer()
    {
        lock (_gate)
        {
            if (_state != State.PreparingRebalance)
            {
                return;
            }

            if (_initialDelayRuns)
            {
                _initialDelayRuns = false;
                _rebalanceTimer!.Change(TimeSpan.FromMilliseconds(RebalanceTimeoutMs()), Timeout.InfiniteTimeSpan);
                TryCompleteJoin();
                return;
            }

            foreach (ITimer timer in _pendingMembers.Values)
            {
                timer.Dispose();
            }

            _pendingMembers.Clear();
            foreach (GroupMember member in _members.Values.ToArray())
            {
                if (member.Joining is null)
                {
                    Forget(member);
                }
            }

            CompleteJoin();
        }
    }

    private void TryCompleteJoin()
    {
        if (_state != State.PreparingRebalance || _initialDelayRuns || _pendingMembers.Count > 0)
        {
            return;
        }

        foreach (GroupMember member in _members.Values)
        {
            if (member.Joining is null)
            {
                return;
            }
        }

        CompleteJoin();
    }

    private void CompleteJoin()
    {
        _rebalanceTimer?.Dispose();
        _rebalanceTimer = null;
        _generation++;
        _saveGeneration(GroupId, _generation);
        if (_members.Count == 0)
        {
            _state = State.Empty;
            _protocol = null;
            _leader = null;
            return;
        }

        _state = State.CompletingRebalance;
        _protocol = ChooseProtocol();
        if (_leader is null || !_members.ContainsKey(_leader))
        {
            _leader = _members.Keys.First();
        }

        foreach (GroupMember member in _members.Values)
        {
            TaskCompletionSource<JoinResult> joining = member.Joining!;
            member.Joining = null;
            ArmSession(member);
            joining.TrySetResult(Joined(member));
        }
    }

    private JoinResult Joined(GroupMember member)
    {
        List<JoinedMember> members = [];
        if (member.MemberId == _leader)
        {
            foreach (GroupMember other in _members.Values)
            {
                members.Add(new JoinedMember(other.MemberId, other.Request.InstanceId, other.Metadata(_protocol!)));
            }
        }

        return new JoinResult(ErrorCode.None, member.MemberId, _generation, _protocolType, _protocol, _leader!, members);
    }

    // Each member votes for the first of its protocols that all support.
    private string ChooseProtocol()
    {
        Dictionary<string, int> votes = [];
        foreach (GroupMember member in _members.Values)
        {
            foreach (MemberProtocol protocol in member.Request.Protocols)
            {
                if (_members.Values.All(other => other.Request.Protocols.Any(supported => supported.Name == protocol.Name)))
                {
                    votes[protocol.Name] = votes.GetValueOrDefault(protocol.Name) + 1;
                    break;
                }
            }
        }

        return votes.MaxBy(vote => vote.Value).Key;
    }

    private bool SupportsCommonProtocol(JoinRequest request) =>
        request.ProtocolType == _protocolType
        && request.Protocols.Any(protocol => _members.Values.All(member =>
            member.MemberId == request.MemberId || member.Request.Protocols.Any(supported => supported.Name == protocol.Name)));

    private ErrorCode FindMember(string memberId, string? instanceId, out GroupMember? member)
    {
        member = null;
        if (instanceId is not null && _staticMembers.TryGetValue(instanceId, out string? known) && known != memberId)
        {
            return ErrorCode.FencedInstanceId;
        }

        return _members.TryGetValue(memberId, out member) ? ErrorCode.None : ErrorCode.UnknownMemberId;
    }

    private ErrorCode CheckMember(string memberId, string? instanceId, int generation, out GroupMember? member)
    {
        ErrorCode error = FindMember(memberId, instanceId, out member);
        return error == ErrorCode.None && generation != _generation ? ErrorCode.IllegalGeneration : error;
    }

    private void ArmSession(GroupMember member)
    {
        TimeSpan due = TimeSpan.FromMilliseconds(member.Request.SessionTimeoutMs);
        if (member.SessionTimer is null)
        {
            member.SessionTimer = _time.CreateTimer(_ => ExpireSession(member), null, due, Timeout.InfiniteTimeSpan);
        }
        else
        {
            member.SessionTimer.Change(due, Timeout.InfiniteTimeSpan);
        }
    }

    private void ExpireSession(GroupMember member)
    {
        lock (_gate)
        {
            bool waits = member.Joining is not null || member.Syncing is not null;
            if (_members.TryGetValue(member.MemberId, out GroupMember? current) && ReferenceEquals(current, member))
            {
                if (waits)
                {
                    ArmSession(member);
                }
                else
                {
                    Remove(member);
                }
            }
        }
    }

    private void ExpirePending(string memberId)
    {
        lock (_gate)
        {
            if (_pendingMembers.Remove(memberId, out ITimer? timer))
            {
                timer.Dispose();
                TryCompleteJoin();
            }
        }
    }

    private void Remove(GroupMember member)
    {
        member.Joining?.TrySetResult(new JoinResult(ErrorCode.UnknownMemberId, member.MemberId));
        member.Syncing?.TrySetResult(new SyncResult(ErrorCode.UnknownMemberId));
        Forget(member);
        if (_state != State.PreparingRebalance)
        {
            PrepareRebalance();
        }

        TryCompleteJoin();
    }

    private void Forget(GroupMember member)
    {
        member.SessionTimer?.Dispose();
        _members.Remove(member.MemberId);
        if (member.Request.InstanceId is { } instance && _staticMembers.GetValueOrDefault(instance) == member.MemberId)
        {
            _staticMembers.Remove(instance);
        }
    }
}
