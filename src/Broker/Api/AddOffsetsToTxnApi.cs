using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Transactions;

namespace StreamObserve.Broker.Api;

/// <summary>Lets a group's offsets take part in a transaction.</summary>
internal sealed class AddOffsetsToTxnApi(TransactionCoordinator transactions) : ApiHandler(ApiKey.AddOffsetsToTxn, 0, 3, 3)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        ErrorCode error = TransactionErrors.ForVersion(await AddAsync(request).ConfigureAwait(false), request.Version);
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteError(error);
        answer.WriteTags();
    }

    private ValueTask<ErrorCode> AddAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        return transactions.AddGroupAsync(reader.ReadString(), reader.ReadInt64(), reader.ReadInt16(), reader.ReadString());
    }
}
