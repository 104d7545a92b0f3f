using StreamObserve.Broker.Log;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Lists the node and topics, and makes topics that clients ask for.</summary>
internal sealed class MetadataApi(TopicCatalog catalog) : ApiHandler(ApiKey.Metadata, 0, 12, 9)
{
    private readonly record struct Entry(ErrorCode Error, string? Name, Guid Id, Topic? Topic);

    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        int count = reader.ReadArrayLength();
        List<(Guid Id, string? Name)> asked = [];
        for (int i = 0; i < count; i++)
        {
            Guid id = version >= 10 ? reader.ReadUuid() : Guid.Empty;
            asked.Add((id, version >= 10 ? reader.ReadNullableString() : reader.ReadString()));
            reader.SkipTags();
        }

        bool mayCreate = version < 4 || reader.ReadBool();
        bool all = count < 0 || (count == 0 && version == 0);
        Write(request, all ? [.. catalog.Topics.Select(topic => new Entry(ErrorCode.None, topic.Name, topic.Id, topic))] : Find(asked, mayCreate));
        return ValueTask.CompletedTask;
    }

    private List<Entry> Find(List<(Guid Id, string? Name)> asked, bool mayCreate)
    {
        List<Entry> entries = [];
        foreach ((Guid id, string? name) in asked)
        {
            if (name is null)
            {
                Topic? byId = catalog.Find(id);
                entries.Add(new Entry(byId is null ? ErrorCode.UnknownTopicId : ErrorCode.None, byId?.Name, id, byId));
            }
            else if (catalog.TryGet(name, out Topic? topic))
            {
                entries.Add(new Entry(ErrorCode.None, name, topic.Id, topic));
            }
            else if (mayCreate && catalog.MayAutoCreate(name))
            {
                (ErrorCode error, _, topic) = catalog.Create(name, -1, new Dictionary<string, string>());
                if (error == ErrorCode.TopicAlreadyExists)
                {
                    error = catalog.TryGet(name, out topic) ? ErrorCode.None : ErrorCode.UnknownTopicOrPartition; // another client was faster
                }

                entries.Add(new Entry(error, name, topic?.Id ?? Guid.Empty, topic));
            }
            else
            {
                entries.Add(new Entry(ErrorCode.UnknownTopicOrPartition, name, Guid.Empty, null));
            }
        }

        return entries;
    }

    private void Write(RequestContext request, List<Entry> entries)
    {
        short version = request.Version;
        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 3)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteArrayLength(1);
        answer.WriteInt32(BrokerNode.Id);
        answer.WriteString(BrokerNode.Host(request));
        answer.WriteInt32(request.Local.Port);
        if (version >= 1)
        {
            answer.WriteString(null); // rack
        }

        answer.WriteTags();
        if (version >= 2)
        {
            answer.WriteString(catalog.ClusterId);
        }

        if (version >= 1)
        {
            answer.WriteInt32(BrokerNode.Id); // controller
        }

        answer.WriteArrayLength(entries.Count);
        foreach (Entry entry in entries)
        {
            WriteTopic(answer, version, entry);
        }

        if (version is >= 8 and <= 10)
        {
            answer.WriteInt32(BrokerNode.UnknownOperations);
        }

        answer.WriteTags();
    }

    private static void WriteTopic(ProtocolWriter answer, short version, in Entry entry)
    {
        answer.WriteError(entry.Error);
        answer.WriteString(version >= 12 ? entry.Name : entry.Name ?? "");
        if (version >= 10)
        {
            answer.WriteUuid(entry.Id);
        }

        if (version >= 1)
        {
            answer.WriteBool(false); // internal
        }

        int partitions = entry.Topic?.Partitions.Count ?? 0;
        answer.WriteArrayLength(partitions);
        for (int partition = 0; partition < partitions; partition++)
        {
            answer.WriteError(ErrorCode.None);
            answer.WriteInt32(partition);
            answer.WriteInt32(BrokerNode.Id); // leader
            if (version >= 7)
            {
                answer.WriteInt32(PartitionLog.LeaderEpoch);
            }

            answer.WriteArrayLength(1); // replicas
            answer.WriteInt32(BrokerNode.Id);
            answer.WriteArrayLength(1); // in-sync replicas
            answer.WriteInt32(BrokerNode.Id);
            if (version >= 5)
            {
                answer.WriteArrayLength(0); // offline replicas
            }

            answer.WriteTags();
        }

        if (version >= 8)
        {
            answer.WriteInt32(BrokerNode.UnknownOperations);
        }

        answer.WriteTags();
    }
}
