using StreamObserve.Broker.Log;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Moves the start of partitions' logs.</summary>
internal sealed class DeleteRecordsApi(TopicCatalog catalog) : ApiHandler(ApiKey.DeleteRecords, 0, 2, 2)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
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
                long offset = reader.ReadInt64();
                reader.SkipTags();
                PartitionLog? log = catalog.Find(topic, partition);
                (ErrorCode error, long lowWatermark) = log?.DeleteBefore(offset) ?? (ErrorCode.UnknownTopicOrPartition, -1);
                answer.WriteInt32(partition);
                answer.WriteInt64(lowWatermark);
                answer.WriteError(error);
                answer.WriteTags();
            }

            reader.SkipTags();
            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
