using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Makes topics.</summary>
internal sealed class CreateTopicsApi(TopicCatalog catalog) : ApiHandler(ApiKey.CreateTopics, 0, 7, 5)
{
    private sealed record Wanted(string Name, int Partitions, short Replication, List<int[]> Assignments, Dictionary<string, string> Configs);

    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        List<Wanted> topics = Parse(request, out bool validateOnly);
        HashSet<string> repeated = [.. topics.GroupBy(topic => topic.Name).Where(group => group.Count() > 1).Select(group => group.Key)];
        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 2)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteArrayLength(topics.Count);
        foreach (Wanted wanted in topics)
        {
            (ErrorCode error, string? message, Topic? topic) = repeated.Contains(wanted.Name)
                ? (ErrorCode.InvalidRequest, $"topic '{wanted.Name}' is named twice", null)
                : Create(wanted, version, validateOnly);
            answer.WriteString(wanted.Name);
            if (version >= 7)
            {
                answer.WriteUuid(topic?.Id ?? Guid.Empty);
            }

            answer.WriteError(error);
            if (version >= 1)
            {
                answer.WriteString(message);
            }

            if (version >= 5)
            {
                WriteDetails(answer, topic);
            }

            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static List<Wanted> Parse(RequestContext request, out bool validateOnly)
    {
        ProtocolReader reader = request.ReadBody();
        List<Wanted> topics = [];
        int count = reader.ReadArrayLength();
        for (int t = 0; t < count; t++)
        {
            string name = reader.ReadString();
            int partitions = reader.ReadInt32();
            short replication = reader.ReadInt16();
            List<int[]> assignments = [];
            int assignmentCount = reader.ReadArrayLength();
            for (int a = 0; a < assignmentCount; a++)
            {
                reader.ReadInt32(); // partition
                int[] brokers = new int[Math.Max(0, reader.ReadArrayLength())];
                for (int b = 0; b < brokers.Length; b++)
                {
                    brokers[b] = reader.ReadInt32();
                }

                reader.SkipTags();
                assignments.Add(brokers);
            }

            Dictionary<string, string> configs = [];
            int configCount = reader.ReadArrayLength();
            for (int c = 0; c < configCount; c++)
            {
                string key = reader.ReadString();
                string? value = reader.ReadNullableString();
                reader.SkipTags();
                if (value is not null)
                {
                    configs[key] = value;
                }
            }

            reader.SkipTags();
            topics.Add(new Wanted(name, partitions, replication, assignments, configs));
        }

        reader.ReadInt32(); // timeout
        validateOnly = request.Version >= 1 && reader.ReadBool();
        return topics;
    }

    private static void WriteDetails(ProtocolWriter answer, Topic? topic)
    {
        answer.WriteInt32(topic?.Partitions.Count ?? -1);
        answer.WriteInt16(topic is null ? (short)-1 : (short)1); // replicas
        answer.WriteArrayLength(topic is null ? -1 : TopicConfig.Keys.Count);
        if (topic is null)
        {
            return;
        }

        foreach (ConfigKey key in TopicConfig.Keys)
        {
            answer.WriteString(key.Name);
            answer.WriteString(topic.Config.Value(key.Name));
            answer.WriteBool(false); // read only
            answer.WriteInt8((sbyte)DescribeConfigsApi.SourceOf(topic.Config, key.Name));
            answer.WriteBool(false); // sensitive
            answer.WriteTags();
        }
    }

    private (ErrorCode Error, string? Message, Topic? Topic) Create(Wanted wanted, short version, bool validateOnly)
    {
        if (wanted.Assignments.Count == 0 && wanted.Replication is not (1 or -1))
        {
            return (ErrorCode.InvalidReplicationFactor, $"replication factor {wanted.Replication} of topic '{wanted.Name}'; there is one node", null);
        }

        if (wanted.Assignments.Exists(brokers => brokers is not [BrokerNode.Id]))
        {
            return (ErrorCode.InvalidReplicaAssignment, $"topic '{wanted.Name}': the only broker is {BrokerNode.Id}", null);
        }

        if (wanted.Partitions == -1 && version < 4 && wanted.Assignments.Count == 0)
        {
            return (ErrorCode.InvalidPartitions, $"topic '{wanted.Name}': the number of partitions must be given", null);
        }

        int partitions = wanted.Assignments.Count > 0 ? wanted.Assignments.Count : wanted.Partitions;
        return catalog.Create(wanted.Name, partitions, wanted.Configs, validateOnly);
    }
}
