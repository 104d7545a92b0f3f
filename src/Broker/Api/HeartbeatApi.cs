using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Keeps a member in its group.</summary>
internal sealed class HeartbeatApi(GroupCoordinator groups) : ApiHandler(ApiKey.Heartbeat, 0, 4, 4)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        string groupId = reader.ReadString();
        int generation = reader.ReadInt32();
        string memberId = reader.ReadString();
        string? instanceId = request.Version >= 3 ? reader.ReadNullableString() : null;
        ProtocolWriter answer = request.BeginAnswer();
        if (request.Version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteError(groups.Heartbeat(groupId, memberId, instanceId, generation));
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
