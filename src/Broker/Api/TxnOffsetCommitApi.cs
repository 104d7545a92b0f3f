using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;
using StreamObserve.Broker.Transactions;

namespace StreamObserve.Broker.Api;

/// <summary>Notes offsets that are committed with a transaction. From version 3 on the group's generation fences zombies.</summary>
internal sealed class TxnOffsetCommitApi(
    TopicCatalog catalog, GroupCoordinator groups, TransactionCoordinator transactions, TimeProvider time)
    : ApiHandler(ApiKey.TxnOffsetCommit, 0, 3, 3)
{
    private sealed record Wanted(string TransactionalId, string GroupId, long ProducerId, short Epoch, ErrorCode MemberError, OffsetRequest Offsets);

    public override async ValueTask HandleAsync(RequestContext request)
    {
        Wanted wanted = Parse(request);
        ErrorCode error = wanted.MemberError;
        if (error == ErrorCode.None)
        {
            error = await transactions.CommitOffsetsAsync(
                wanted.TransactionalId, wanted.ProducerId, wanted.Epoch, wanted.GroupId, wanted.Offsets.Acceptable(catalog)).ConfigureAwait(false);
        }

        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        wanted.Offsets.WriteErrors(answer, catalog, error);
        answer.WriteTags();
    }

    private Wanted Parse(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        string transactionalId = reader.ReadString();
        string groupId = reader.ReadString();
        long producerId = reader.ReadInt64();
        short epoch = reader.ReadInt16();
        int generation = version >= 3 ? reader.ReadInt32() : -1;
        string memberId = version >= 3 ? reader.ReadString() : "";
        string? instanceId = version >= 3 ? reader.ReadNullableString() : null;
        OffsetRequest offsets = OffsetRequest.Read(
            ref reader, hasLeaderEpoch: version >= 2, hasTimestamp: false, time.GetUtcNow().ToUnixTimeMilliseconds());
        return new Wanted(
            transactionalId, groupId, producerId, epoch, groups.CheckTransactionalCommit(groupId, memberId, instanceId, generation), offsets);
    }
}
