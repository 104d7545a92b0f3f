using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Fetches a member's assignment; answered when the leader has sent it.</summary>
internal sealed class SyncGroupApi(GroupCoordinator groups) : ApiHandler(ApiKey.SyncGroup, 0, 5, 4)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        SyncResult result = await SyncAsync(request).WaitAsync(request.ConnectionClosed).ConfigureAwait(false);
        ProtocolWriter answer = request.BeginAnswer();
        if (request.Version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteError(result.Error);
        if (request.Version >= 5)
        {
            answer.WriteString(result.ProtocolType);
            answer.WriteString(result.Protocol);
        }

        answer.WriteBytes(result.Assignment ?? []);
        answer.WriteTags();
    }

    private Task<SyncResult> SyncAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        string groupId = reader.ReadString();
        int generation = reader.ReadInt32();
        string memberId = reader.ReadString();
        string? instanceId = version >= 3 ? reader.ReadNullableString() : null;
        string? protocolType = version >= 5 ? reader.ReadNullableString() : null;
        string? protocol = version >= 5 ? reader.ReadNullableString() : null;
        List<(string, byte[])> assignments = [];
        int count = reader.ReadArrayLength();
        for (int i = 0; i < count; i++)
        {
            assignments.Add((reader.ReadString(), reader.ReadBytes()));
            reader.SkipTags();
        }

        return groups.SyncAsync(groupId, memberId, instanceId, generation, protocolType, protocol, assignments);
    }
}
