using StreamObserve.Broker.Log;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Tells where a leader epoch ends. There is one epoch, which ends at the log's end.</summary>
internal sealed class OffsetForLeaderEpochApi(TopicCatalog catalog) : ApiHandler(ApiKey.OffsetForLeaderEpoch, 0, 4, 4)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        if (version >= 3)
        {
            reader.ReadInt32(); // replica id
        }

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
                int currentEpoch = version >= 2 ? reader.ReadInt32() : -1;
                int askedEpoch = reader.ReadInt32();
                reader.SkipTags();
                PartitionLog? log = catalog.Find(topic, partition);
                ErrorCode error = log is null ? ErrorCode.UnknownTopicOrPartition
                    : currentEpoch > PartitionLog.LeaderEpoch ? ErrorCode.UnknownLeaderEpoch
                    : ErrorCode.None;
                bool known = error == ErrorCode.None && askedEpoch == PartitionLog.LeaderEpoch;
                answer.WriteError(error);
                answer.WriteInt32(partition);
                if (version >= 1)
                {
                    answer.WriteInt32(known ? PartitionLog.LeaderEpoch : -1);
                }

                answer.WriteInt64(known ? log!.HighWatermark : -1);
                answer.WriteTags();
            }

            reader.SkipTags();
            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
