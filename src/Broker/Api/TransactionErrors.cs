using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Errors that older versions of the transaction requests tell otherwise.</summary>
internal static class TransactionErrors
{
    private const short FirstFencedVersion = 2;

    /// <summary>The error as a request of that version knows it: PRODUCER_FENCED came with version 2.</summary>
    public static ErrorCode ForVersion(ErrorCode error, short version) =>
        error == ErrorCode.ProducerFenced && version < FirstFencedVersion ? ErrorCode.InvalidProducerEpoch : error;
}
