using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Describes groups and their members.</summary>
internal sealed class DescribeGroupsApi(GroupCoordinator groups) : ApiHandler(ApiKey.DescribeGroups, 0, 5, 5)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        string[] ids = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = reader.ReadString();
        }

        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteArrayLength(ids.Length);
        foreach (string id in ids)
        {
            DescribedGroup group = groups.Describe(id);
            answer.WriteError(ErrorCode.None);
            answer.WriteString(group.GroupId);
            answer.WriteString(group.State);
            answer.WriteString(group.ProtocolType);
            answer.WriteString(group.Protocol);
            answer.WriteArrayLength(group.Members.Count);
            foreach (DescribedMember member in group.Members)
            {
                answer.WriteString(member.MemberId);
                if (version >= 4)
                {
                    answer.WriteString(member.InstanceId);
                }

                answer.WriteString(member.ClientId);
                answer.WriteString(member.ClientHost);
                answer.WriteBytes(member.Metadata);
                answer.WriteBytes(member.Assignment);
                answer.WriteTags();
            }

            if (version >= 3)
            {
                answer.WriteInt32(BrokerNode.UnknownOperations);
            }

            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
