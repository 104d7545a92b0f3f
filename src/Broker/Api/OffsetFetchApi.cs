using StreamObserve.Broker.Coordination;
using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Tells a group's committed offsets; those of several groups from version 8 on.</summary>
internal sealed class OffsetFetchApi(GroupCoordinator groups) : ApiHandler(ApiKey.OffsetFetch, 0, 8, 6)
{
    private readonly record struct Asked(string GroupId, List<(string Topic, int[] Partitions)> Topics);

    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        List<Asked> asked = [];
        int groupCount = version >= 8 ? reader.ReadArrayLength() : 1;
        for (int i = 0; i < groupCount; i++)
        {
            string groupId = reader.ReadString();
            asked.Add(new Asked(groupId, ReadTopics(ref reader) ?? EveryPartition(groupId)));
            if (version >= 8)
            {
                reader.SkipTags();
            }
        }

        bool requireStable = version >= 7 && reader.ReadBool();
        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 3)
        {
            answer.WriteInt32(0); // throttle time
        }

        if (version >= 8)
        {
            answer.WriteArrayLength(asked.Count);
            foreach (Asked group in asked)
            {
                answer.WriteString(group.GroupId);
                WriteTopics(answer, version, group, requireStable);
                answer.WriteError(ErrorCode.None);
                answer.WriteTags();
            }
        }
        else
        {
            WriteTopics(answer, version, asked[0], requireStable);
            if (version >= 2)
            {
                answer.WriteError(ErrorCode.None);
            }
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    // Null asks for all.
    private static List<(string, int[])>? ReadTopics(ref ProtocolReader reader)
    {
        int count = reader.ReadArrayLength();
        if (count < 0)
        {
            return null;
        }

        List<(string, int[])> topics = [];
        for (int t = 0; t < count; t++)
        {
            string topic = reader.ReadString();
            int[] partitions = new int[Math.Max(0, reader.ReadArrayLength())];
            for (int p = 0; p < partitions.Length; p++)
            {
                partitions[p] = reader.ReadInt32();
            }

            reader.SkipTags();
            topics.Add((topic, partitions));
        }

        return topics;
    }

    private List<(string Topic, int[] Partitions)> EveryPartition(string groupId) =>
        [.. groups.CommittedPartitions(groupId)
            .GroupBy(partition => partition.Topic)
            .Select(topic => (topic.Key, topic.Select(partition => partition.Partition).ToArray()))];

    private void WriteTopics(ProtocolWriter answer, short version, Asked asked, bool requireStable)
    {
        answer.WriteArrayLength(asked.Topics.Count);
        foreach ((string topic, int[] partitions) in asked.Topics)
        {
            answer.WriteString(topic);
            answer.WriteArrayLength(partitions.Length);
            foreach (int partition in partitions)
            {
                (CommittedOffset? offset, bool unstable) = groups.Fetch(asked.GroupId, new TopicPartition(topic, partition));
                ErrorCode error = requireStable && unstable ? ErrorCode.UnstableOffsetCommit : ErrorCode.None;
                CommittedOffset shown = error == ErrorCode.None && offset is { } committed ? committed : new CommittedOffset(-1, -1, "", 0);
                answer.WriteInt32(partition);
                answer.WriteInt64(shown.Offset);
                if (version >= 5)
                {
                    answer.WriteInt32(shown.LeaderEpoch);
                }

                answer.WriteString(shown.Metadata);
                answer.WriteError(error);
                answer.WriteTags();
            }

            answer.WriteTags();
        }
    }
}
