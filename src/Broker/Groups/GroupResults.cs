using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Groups;

/// <summary>A member as the leader sees it.</summary>
internal readonly record struct JoinedMember(string MemberId, string? InstanceId, byte[] Metadata);

/// <summary>What JoinGroup answers. Only the leader gets the members.</summary>
internal sealed record JoinResult(
    ErrorCode Error,
    string MemberId,
    int Generation = -1,
    string? ProtocolType = null,
    string? Protocol = null,
    string Leader = "",
    IReadOnlyList<JoinedMember>? Members = null);

/// <summary>What SyncGroup answers.</summary>
internal sealed record SyncResult(ErrorCode Error, string? ProtocolType = null, string? Protocol = null, byte[]? Assignment = null);

/// <summary>A member as DescribeGroups shows it.</summary>
internal sealed record DescribedMember(
    string MemberId, string? InstanceId, string ClientId, string ClientHost, byte[] Metadata, byte[] Assignment);

/// <summary>A group as DescribeGroups and ListGroups show it.</summary>
internal sealed record DescribedGroup(string GroupId, string State, string ProtocolType, string Protocol, IReadOnlyList<DescribedMember> Members);
