using StreamObserve.Broker.Coordination;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>The offsets that OffsetCommit and TxnOffsetCommit send, topic by topic, and their like-shaped answers.</summary>
internal sealed class OffsetRequest
{
    private readonly List<(string Topic, List<(int Partition, CommittedOffset Offset)> Partitions)> _topics = [];

    /// <summary>Reads the topics.</summary>
    /// <param name="reader">At the array of topics.</param>
    /// <param name="hasLeaderEpoch">Whether each offset comes with a leader epoch.</param>
    /// <param name="hasTimestamp">Whether each offset comes with a commit time, as in OffsetCommit version 1.</param>
    /// <param name="nowMs">The commit time, Unix milliseconds.</param>
    public static OffsetRequest Read(ref ProtocolReader reader, bool hasLeaderEpoch, bool hasTimestamp, long nowMs)
    {
        OffsetRequest request = new();
        int topics = reader.ReadArrayLength();
        for (int t = 0; t < topics; t++)
        {
            string topic = reader.ReadString();
            List<(int, CommittedOffset)> partitions = [];
            int count = reader.ReadArrayLength();
            for (int p = 0; p < count; p++)
            {
                int partition = reader.ReadInt32();
                long offset = reader.ReadInt64();
                int leaderEpoch = hasLeaderEpoch ? reader.ReadInt32() : -1;
                if (hasTimestamp)
                {
                    reader.ReadInt64();
                }

                partitions.Add((partition, new CommittedOffset(offset, leaderEpoch, reader.ReadNullableString() ?? "", nowMs)));
                reader.SkipTags();
            }

            reader.SkipTags();
            request._topics.Add((topic, partitions));
        }

        return request;
    }

    /// <summary>The offsets that may be stored: of partitions that exist, with metadata that is not too long.</summary>
    public List<KeyValuePair<TopicPartition, CommittedOffset>> Acceptable(TopicCatalog catalog)
    {
        List<KeyValuePair<TopicPartition, CommittedOffset>> offsets = [];
        foreach ((string topic, List<(int Partition, CommittedOffset Offset)> partitions) in _topics)
        {
            foreach ((int partition, CommittedOffset offset) in partitions)
            {
                if (Check(catalog, topic, partition, offset) == ErrorCode.None)
                {
                    offsets.Add(new(new TopicPartition(topic, partition), offset));
                }
            }
        }

        return offsets;
    }

    /// <summary>Writes each partition's error: <paramref name="error"/>, or else its own.</summary>
    public void WriteErrors(ProtocolWriter answer, TopicCatalog catalog, ErrorCode error)
    {
        answer.WriteArrayLength(_topics.Count);
        foreach ((string topic, List<(int Partition, CommittedOffset Offset)> partitions) in _topics)
        {
            answer.WriteString(topic);
            answer.WriteArrayLength(partitions.Count);
            foreach ((int partition, CommittedOffset offset) in partitions)
            {
                answer.WriteInt32(partition);
                answer.WriteError(error == ErrorCode.None ? Check(catalog, topic, partition, offset) : error);
                answer.WriteTags();
            }

            answer.WriteTags();
        }
    }

    private static ErrorCode Check(TopicCatalog catalog, string topic, int partition, in CommittedOffset offset)
    {
        if (offset.Metadata.Length > Limits.OffsetMetadataCharsMax)
        {
            return ErrorCode.OffsetMetadataTooLarge;
        }

        return catalog.Find(topic, partition) is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.None;
    }
}
