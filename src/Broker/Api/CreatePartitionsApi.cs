using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Adds partitions to topics.</summary>
internal sealed class CreatePartitionsApi(TopicCatalog catalog) : ApiHandler(ApiKey.CreatePartitions, 0, 3, 2)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        List<(string Topic, int Count)> wanted = [];
        int topics = reader.ReadArrayLength();
        for (int t = 0; t < topics; t++)
        {
            wanted.Add((reader.ReadString(), reader.ReadInt32()));
            int assignments = reader.ReadArrayLength();
            for (int a = 0; a < assignments; a++)
            {
                int brokers = reader.ReadArrayLength();
                for (int b = 0; b < brokers; b++)
                {
                    reader.ReadInt32(); // there is one node to assign to
                }

                reader.SkipTags();
            }

            reader.SkipTags();
        }

        reader.ReadInt32(); // timeout
        bool validateOnly = reader.ReadBool();
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(wanted.Count);
        foreach ((string topic, int count) in wanted)
        {
            (ErrorCode error, string? message) = catalog.Grow(topic, count, validateOnly);
            answer.WriteString(topic);
            answer.WriteError(error);
            answer.WriteString(message);
            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
