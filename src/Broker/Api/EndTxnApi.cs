using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Transactions;

namespace StreamObserve.Broker.Api;

/// <summary>Commits or aborts a transaction; answered when all its markers are written.</summary>
internal sealed class EndTxnApi(TransactionCoordinator transactions) : ApiHandler(ApiKey.EndTxn, 0, 3, 3)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        ErrorCode error = TransactionErrors.ForVersion(await EndAsync(request).ConfigureAwait(false), request.Version);
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteError(error);
        answer.WriteTags();
    }

    private ValueTask<ErrorCode> EndAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        return transactions.EndAsync(reader.ReadString(), reader.ReadInt64(), reader.ReadInt16(), reader.ReadBool());
    }
}
