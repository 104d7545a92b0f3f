using StreamObserve.Broker.Coordination;
using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Deletes committed offsets of a group without members. This request has no flexible version.</summary>
internal sealed class OffsetDeleteApi(GroupCoordinator groups) : ApiHandler(ApiKey.OffsetDelete, 0, 0, short.MaxValue)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        (string groupId, List<(string Topic, int[] Partitions)> topics) = Parse(request);
        TopicPartition[] partitions = [.. topics.SelectMany(topic => topic.Partitions.Select(partition => new TopicPartition(topic.Topic, partition)))];
        ErrorCode error = await groups.DeleteOffsetsAsync(groupId, partitions).ConfigureAwait(false);
        ProtocolWriter answer = request.BeginAnswer();
        bool subscribed = error == ErrorCode.GroupSubscribedToTopic;
        answer.WriteError(subscribed ? ErrorCode.None : error);
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(error == ErrorCode.None || subscribed ? topics.Count : 0);
        if (error != ErrorCode.None && !subscribed)
        {
            return;
        }

        foreach ((string topic, int[] numbers) in topics)
        {
            answer.WriteString(topic);
            answer.WriteArrayLength(numbers.Length);
            foreach (int partition in numbers)
            {
                answer.WriteInt32(partition);
                answer.WriteError(error);
            }
        }
    }

    private static (string GroupId, List<(string Topic, int[] Partitions)> Topics) Parse(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        string groupId = reader.ReadString();
        List<(string, int[])> topics = [];
        int count = reader.ReadArrayLength();
        for (int t = 0; t < count; t++)
        {
            string topic = reader.ReadString();
            int[] partitions = new int[Math.Max(0, reader.ReadArrayLength())];
            for (int p = 0; p < partitions.Length; p++)
            {
                partitions[p] = reader.ReadInt32();
            }

            topics.Add((topic, partitions));
        }

        return (groupId, topics);
    }
}
