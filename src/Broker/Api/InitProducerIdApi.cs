using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Transactions;

namespace StreamObserve.Broker.Api;

/// <summary>Gives idempotent and transactional producers their id and epoch.</summary>
internal sealed class InitProducerIdApi(TransactionCoordinator transactions) : ApiHandler(ApiKey.InitProducerId, 0, 4, 2)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        ProducerIdentity identity = await InitAsync(request).ConfigureAwait(false);
        ErrorCode error = identity.Error == ErrorCode.ProducerFenced && request.Version < 4 ? ErrorCode.InvalidProducerEpoch : identity.Error;
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteError(error);
        answer.WriteInt64(identity.ProducerId);
        answer.WriteInt16(identity.Epoch);
        answer.WriteTags();
    }

    private ValueTask<ProducerIdentity> InitAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        string? transactionalId = reader.ReadNullableString();
        int timeoutMs = reader.ReadInt32();
        long producerId = request.Version >= 3 ? reader.ReadInt64() : -1;
        short epoch = request.Version >= 3 ? reader.ReadInt16() : (short)-1;
        return transactions.InitProducerIdAsync(transactionalId, timeoutMs, producerId, epoch);
    }
}
