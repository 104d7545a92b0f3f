using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Joins a group; answered when the rebalance has gathered its members.</summary>
internal sealed class JoinGroupApi(GroupCoordinator groups) : ApiHandler(ApiKey.JoinGroup, 0, 9, 6)
{
    private const short FirstIdFirstVersion = 4;

    public override async ValueTask HandleAsync(RequestContext request)
    {
        JoinRequest join = Parse(request);
        JoinResult result = await groups.JoinAsync(join).WaitAsync(request.ConnectionClosed).ConfigureAwait(false);
        Write(request, result);
    }

    private static JoinRequest Parse(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        string groupId = reader.ReadString();
        int sessionTimeoutMs = reader.ReadInt32();
        int rebalanceTimeoutMs = version >= 1 ? reader.ReadInt32() : sessionTimeoutMs;
        string memberId = reader.ReadString();
        string? instanceId = version >= 5 ? reader.ReadNullableString() : null;
        string protocolType = reader.ReadString();
        List<MemberProtocol> protocols = [];
        int count = reader.ReadArrayLength();
        for (int i = 0; i < count; i++)
        {
            protocols.Add(new MemberProtocol(reader.ReadString(), reader.ReadBytes()));
            reader.SkipTags();
        }

        return new JoinRequest
        {
            GroupId = groupId,
            MemberId = memberId,
            InstanceId = instanceId,
            ClientId = request.ClientId,
            ClientHost = "/" + request.RemoteHost,
            SessionTimeoutMs = sessionTimeoutMs,
            RebalanceTimeoutMs = Math.Max(1, rebalanceTimeoutMs),
            ProtocolType = protocolType,
            Protocols = protocols,
            IdFirst = version >= FirstIdFirstVersion,
        };
    }

    private static void Write(RequestContext request, JoinResult result)
    {
        short version = request.Version;
        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 2)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteError(result.Error);
        answer.WriteInt32(result.Generation);
        if (version >= 7)
        {
            answer.WriteString(result.ProtocolType);
        }

        answer.WriteString(version >= 7 ? result.Protocol : result.Protocol ?? "");
        answer.WriteString(result.Leader);
        if (version >= 9)
        {
            answer.WriteBool(false); // skip assignment
        }

        answer.WriteString(result.MemberId);
        IReadOnlyList<JoinedMember> members = result.Members ?? [];
        answer.WriteArrayLength(members.Count);
        foreach (JoinedMember member in members)
        {
            answer.WriteString(member.MemberId);
            if (version >= 5)
            {
                answer.WriteString(member.InstanceId);
            }

            answer.WriteBytes(member.Metadata);
            answer.WriteTags();
        }

        answer.WriteTags();
    }
}
