using StreamObserve.Broker.Log;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Finds the earliest and latest offset, and that of a time.</summary>
internal sealed class ListOffsetsApi(TopicCatalog catalog) : ApiHandler(ApiKey.ListOffsets, 1, 7, 6)
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long MaxTimestamp = -3;

    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        reader.ReadInt32(); // replica id
        bool readCommitted = version >= 2 && reader.ReadInt8() == 1;
        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 2)
        {
            answer.WriteInt32(0); // throttle time
        }

        int topics = reader.ReadArrayLength();
        answer.WriteArrayLength(topics);
        for (int t = 0; t < topics; t++)
        {
            string topic = reader.ReadString();
            int partitions = reader.ReadArrayLength();
            answer.WriteString(topic);
            answer.WriteArrayLength(partitions);
            for (int p = 0; p < partitions; p++)
            {
                int partition = reader.ReadInt32();
                int leaderEpoch = version >= 4 ? reader.ReadInt32() : -1;
                long timestamp = reader.ReadInt64();
                reader.SkipTags();
                (ErrorCode error, long offset, long time) = Find(catalog.Find(topic, partition), leaderEpoch, timestamp, readCommitted);
                answer.WriteInt32(partition);
                answer.WriteError(error);
                answer.WriteInt64(time);
                answer.WriteInt64(offset);
                if (version >= 4)
                {
                    answer.WriteInt32(offset >= 0 ? PartitionLog.LeaderEpoch : -1);
                }

                answer.WriteTags();
            }

            reader.SkipTags();
            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    // Version 0 lists segments; its shape is an array of offsets.
    public override bool TryAnswerUnsupported(RequestContext request)
    {
        if (request.Version != 0)
        {
            return false;
        }

        ProtocolReader reader = request.ReadBody();
        reader.ReadInt32();
        ProtocolWriter answer = request.BeginAnswer();
        int topics = reader.ReadArrayLength();
        answer.WriteArrayLength(topics);
        for (int t = 0; t < topics; t++)
        {
            answer.WriteString(reader.ReadString());
            int partitions = reader.ReadArrayLength();
            answer.WriteArrayLength(partitions);
            for (int p = 0; p < partitions; p++)
            {
                answer.WriteInt32(reader.ReadInt32());
                reader.ReadInt64();
                reader.ReadInt32();
                answer.WriteError(ErrorCode.UnsupportedVersion);
                answer.WriteArrayLength(0);
            }
        }

        return true;
    }

    private static (ErrorCode Error, long Offset, long Timestamp) Find(PartitionLog? log, int leaderEpoch, long timestamp, bool readCommitted)
    {
        if (log is null)
        {
            return (ErrorCode.UnknownTopicOrPartition, -1, -1);
        }

        if (leaderEpoch > PartitionLog.LeaderEpoch)
        {
            return (ErrorCode.UnknownLeaderEpoch, -1, -1);
        }

        long limit = readCommitted ? log.LastStableOffset : log.HighWatermark;
        switch (timestamp)
        {
            case Latest:
                return (ErrorCode.None, limit, -1);
            case Earliest:
                return (ErrorCode.None, log.LogStartOffset, -1);
            default:
                (long Offset, long Timestamp)? found = timestamp == MaxTimestamp ? log.FindMaxTimestamp()
                    : timestamp >= 0 ? log.FindByTime(timestamp, limit)
                    : null;
                return (ErrorCode.None, found?.Offset ?? -1, found?.Timestamp ?? -1);
        }
    }
}
