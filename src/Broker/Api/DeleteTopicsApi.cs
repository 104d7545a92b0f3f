using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Deletes topics, by name or, from version 6 on, by id.</summary>
internal sealed class DeleteTopicsApi(TopicCatalog catalog, GroupCoordinator groups) : ApiHandler(ApiKey.DeleteTopics, 0, 6, 4)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        List<(string? Name, Guid Id, ErrorCode Error)> results = [];
        foreach ((string? name, Guid id) in Parse(request))
        {
            Topic? topic = name is null ? catalog.Find(id) : catalog.TryGet(name, out Topic? found) ? found : null;
            ErrorCode error = topic is not null ? catalog.Delete(topic.Name)
                : name is null ? ErrorCode.UnknownTopicId
                : ErrorCode.UnknownTopicOrPartition;
            if (error == ErrorCode.None)
            {
                await groups.RemoveTopicAsync(topic!.Name).ConfigureAwait(false);
            }

            results.Add((topic?.Name ?? name, topic?.Id ?? id, error));
        }

        ProtocolWriter answer = request.BeginAnswer();
        if (version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteArrayLength(results.Count);
        foreach ((string? name, Guid id, ErrorCode error) in results)
        {
            answer.WriteString(version >= 6 ? name : name ?? "");
            if (version >= 6)
            {
                answer.WriteUuid(id);
            }

            answer.WriteError(error);
            if (version >= 5)
            {
                answer.WriteString(null);
            }

            answer.WriteTags();
        }

        answer.WriteTags();
    }

    private static List<(string? Name, Guid Id)> Parse(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        List<(string?, Guid)> topics = [];
        int count = reader.ReadArrayLength();
        for (int i = 0; i < count; i++)
        {
            if (request.Version >= 6)
            {
                topics.Add((reader.ReadNullableString(), reader.ReadUuid()));
                reader.SkipTags();
            }
            else
            {
                topics.Add((reader.ReadString(), Guid.Empty));
            }
        }

        return topics;
    }
}
