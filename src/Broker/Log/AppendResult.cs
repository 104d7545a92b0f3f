using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Log;

/// <summary>What became of a batch. A duplicate is answered with the offset and time of the first.</summary>
internal readonly record struct AppendResult(ErrorCode Error, long BaseOffset, long LogAppendTime, long LogStartOffset, long EndOffset)
{
    public static AppendResult Refused(ErrorCode error) => new(error, -1, -1, -1, -1);
}
