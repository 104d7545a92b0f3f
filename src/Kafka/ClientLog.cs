using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Kafka;

/// <summary>What librdkafka says, in our log. Its warnings about brokers that are away are information here: every client retries, and what waits says so itself.</summary>
internal static partial class ClientLog
{
    public static void Write(ILogger logger, LogMessage message)
    {
        if (message.Level <= SyslogLevel.Critical)
        {
            Failed(logger, message.Name, message.Facility, message.Message);
        }
        else if (message.Level <= SyslogLevel.Warning)
        {
            Said(logger, message.Name, message.Facility, message.Message);
        }
        else
        {
            Debugged(logger, message.Name, message.Facility, message.Message);
        }
    }

    public static void Write(ILogger logger, Error error)
    {
        if (error.IsFatal)
        {
            Failed(logger, "librdkafka", error.Code.ToString(), error.Reason);
        }
        else
        {
            Said(logger, "librdkafka", error.Code.ToString(), error.Reason);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{What}: {Reason}; trying again")]
    public static partial void Retrying(ILogger logger, string what, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition}: {Reason}")]
    public static partial void PartitionFailed(ILogger logger, string partition, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Client} {Facility}: {Text}")]
    private static partial void Failed(ILogger logger, string client, string facility, string text);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Client} {Facility}: {Text}")]
    private static partial void Said(ILogger logger, string client, string facility, string text);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Client} {Facility}: {Text}")]
    private static partial void Debugged(ILogger logger, string client, string facility, string text);
}
