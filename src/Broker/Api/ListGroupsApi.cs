using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Lists the groups with members or offsets, if wanted only those in some states.</summary>
internal sealed class ListGroupsApi(GroupCoordinator groups) : ApiHandler(ApiKey.ListGroups, 0, 4, 3)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        HashSet<string> states = new(StringComparer.OrdinalIgnoreCase);
        int count = version >= 4 ? reader.ReadArrayLength() : 0;
        for (int i = 0; i < count; i++)
        {
            states.Add(reader.ReadString());
        }

        List<DescribedGroup> listed = [.. groups.List().Where(group => states.Count == 0 || states.Contains(group.State))];
        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteError(ErrorCode.None);
        answer.WriteArrayLength(listed.Count);
        foreach (DescribedGroup group in listed)
        {
            answer.WriteString(group.GroupId);
            answer.WriteString(group.ProtocolType);
            if (version >= 4)
            {
                answer.WriteString(group.State);
            }

            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
