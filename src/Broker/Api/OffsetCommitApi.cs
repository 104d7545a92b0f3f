using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Commits a group's offsets.</summary>
internal sealed class OffsetCommitApi(TopicCatalog catalog, GroupCoordinator groups, TimeProvider time) : ApiHandler(ApiKey.OffsetCommit, 0, 8, 8)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        (string groupId, ErrorCode error, OffsetRequest offsets) = Parse(request);
        if (error == ErrorCode.None)
        {
            await groups.CommitAsync(groupId, offsets.Acceptable(catalog)).ConfigureAwait(false);
        }

        ProtocolWriter answer = request.BeginAnswer();
        if (request.Version >= 3)
        {
            answer.WriteInt32(0); // throttle time
        }

        offsets.WriteErrors(answer, catalog, error);
        answer.WriteTags();
    }

    private (string GroupId, ErrorCode Error, OffsetRequest Offsets) Parse(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        string groupId = reader.ReadString();
        int generation = version >= 1 ? reader.ReadInt32() : -1;
        string memberId = version >= 1 ? reader.ReadString() : "";
        string? instanceId = version >= 7 ? reader.ReadNullableString() : null;
        if (version is >= 2 and <= 4)
        {
            reader.ReadInt64(); // retention time
        }

        OffsetRequest offsets = OffsetRequest.Read(
            ref reader, hasLeaderEpoch: version >= 6, hasTimestamp: version == 1, time.GetUtcNow().ToUnixTimeMilliseconds());
        return (groupId, groups.CheckCommit(groupId, memberId, instanceId, generation), offsets);
    }
}
