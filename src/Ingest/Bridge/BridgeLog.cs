using Microsoft.Extensions.Logging;

namespace StreamObserve.Ingest.Bridge;

/// <summary>What the bridge tells its operator.</summary>
internal static partial class BridgeLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "bridge: {Count} input partitions assigned: {Partitions}")]
    public static partial void Assigned(ILogger logger, int count, string partitions);

    [LoggerMessage(Level = LogLevel.Information, Message = "bridge: input partitions revoked (lost: {Lost})")]
    public static partial void Revoked(ILogger logger, bool lost);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Door}: transaction aborted: {Reason}")]
    public static partial void Aborted(ILogger logger, string door, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "bridge: the record goes to the dead letters undecoded")]
    public static partial void DecoderFailed(ILogger logger, Exception fault);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Door}: the stream failed and starts anew")]
    public static partial void StreamFailed(ILogger logger, string door, Exception failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "bridge: {Partition}: the committed offset {From} is not in the log any more, going on at {To}: raise the topic's retention, or see that ingest keeps up")]
    public static partial void OffsetsLost(ILogger logger, string partition, long from, long to);

    [LoggerMessage(Level = LogLevel.Warning, Message = "bridge: {Text}")]
    public static partial void Said(ILogger logger, string text);
}
