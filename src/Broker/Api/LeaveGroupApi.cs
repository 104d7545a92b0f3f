using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Takes members out of a group: one up to version 2, several from then on.</summary>
internal sealed class LeaveGroupApi(GroupCoordinator groups) : ApiHandler(ApiKey.LeaveGroup, 0, 5, 4)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        string groupId = reader.ReadString();
        List<(string MemberId, string? InstanceId, ErrorCode Error)> left = [];
        int count = version >= 3 ? reader.ReadArrayLength() : 1;
        for (int i = 0; i < count; i++)
        {
            string memberId = reader.ReadString();
            string? instanceId = version >= 3 ? reader.ReadNullableString() : null;
            if (version >= 5)
            {
                reader.ReadNullableString(); // reason
            }

            if (version >= 3)
            {
                reader.SkipTags();
            }

            left.Add((memberId, instanceId, groups.Leave(groupId, memberId, instanceId)));
        }

        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteError(version >= 3 ? ErrorCode.None : left[0].Error);
        if (version >= 3)
        {
            answer.WriteArrayLength(left.Count);
            foreach ((string memberId, string? instanceId, ErrorCode error) in left)
            {
                answer.WriteString(memberId);
                answer.WriteString(instanceId);
                answer.WriteError(error);
                answer.WriteTags();
            }
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
