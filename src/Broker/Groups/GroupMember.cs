namespace StreamObserve.Broker.Groups;

/// <summary>An assignment protocol a member supports, with its opaque metadata.</summary>
internal readonly record struct MemberProtocol(string Name, byte[] Metadata);

/// <summary>What a member sends to join.</summary>
internal sealed record JoinRequest
{
    public required string GroupId { get; init; }

    public required string MemberId { get; init; }

    public required string? InstanceId { get; init; }

    public required string ClientId { get; init; }

    public required string ClientHost { get; init; }

    public required int SessionTimeoutMs { get; init; }

    public required int RebalanceTimeoutMs { get; init; }

    public required string ProtocolType { get; init; }

    public required IReadOnlyList<MemberProtocol> Protocols { get; init; }

    /// <summary>Whether a new member gets its id first and joins with it then (from version 4 on).</summary>
    public required bool IdFirst { get; init; }
}

/// <summary>A member of a group. Guarded by its group's lock.</summary>
internal sealed class GroupMember(string memberId, JoinRequest request)
{
    public string MemberId { get; } = memberId;

    /// <summary>What the member last joined with.</summary>
    public JoinRequest Request { get; set; } = request;

    /// <summary>What the leader assigned to it; opaque.</summary>
    public byte[] Assignment { get; set; } = [];

    /// <summary>The JoinGroup request that waits for the rebalance to end.</summary>
    public TaskCompletionSource<JoinResult>? Joining { get; set; }

    /// <summary>The SyncGroup request that waits for the leader's assignment.</summary>
    public TaskCompletionSource<SyncResult>? Syncing { get; set; }

    /// <summary>Runs out when the member is silent for its session time-out.</summary>
    public ITimer? SessionTimer { get; set; }

    /// <summary>The member's metadata for a protocol; empty when it does not support it.</summary>
    public byte[] Metadata(string protocol)
    {
        foreach (MemberProtocol supported in Request.Protocols)
        {
            if (supported.Name == protocol)
            {
                return supported.Metadata;
            }
        }

        return [];
    }

    /// <summary>Whether the member joins with the very protocols and metadata it had.</summary>
    public bool HasSameProtocols(JoinRequest request)
    {
        if (request.Protocols.Count != Request.Protocols.Count)
        {
            return false;
        }

        for (int i = 0; i < request.Protocols.Count; i++)
        {
            if (request.Protocols[i].Name != Request.Protocols[i].Name
                || !request.Protocols[i].Metadata.AsSpan().SequenceEqual(Request.Protocols[i].Metadata))
            {
                return false;
            }
        }

        return true;
    }
}
