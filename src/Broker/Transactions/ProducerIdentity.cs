using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Transactions;

/// <summary>What InitProducerId answers.</summary>
internal readonly record struct ProducerIdentity(ErrorCode Error, long ProducerId, short Epoch)
{
    public static ProducerIdentity Refused(ErrorCode error) => new(error, -1, -1);
}
