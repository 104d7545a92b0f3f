using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Replaces all that is set for topics.</summary>
internal sealed class AlterConfigsApi(TopicCatalog catalog) : ApiHandler(ApiKey.AlterConfigs, 0, 2, 2)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        List<(sbyte Type, string Name, Dictionary<string, string> Configs)> resources = [];
        int count = reader.ReadArrayLength();
        for (int r = 0; r < count; r++)
        {
            sbyte type = reader.ReadInt8();
            string name = reader.ReadString();
            Dictionary<string, string> configs = [];
            int configCount = reader.ReadArrayLength();
            for (int c = 0; c < configCount; c++)
            {
                string key = reader.ReadString();
                if (reader.ReadNullableString() is { } value)
                {
                    configs[key] = value;
                }

                reader.SkipTags();
            }

            reader.SkipTags();
            resources.Add((type, name, configs));
        }

        bool validateOnly = reader.ReadBool();
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(resources.Count);
        foreach ((sbyte type, string name, Dictionary<string, string> configs) in resources)
        {
            (ErrorCode error, string? message) = type == (sbyte)ConfigResource.Topic
                ? catalog.Configure(name, _ => configs, validateOnly)
                : (ErrorCode.InvalidRequest, $"configurations of resource type {type} can't be altered");
            WriteResult(answer, error, message, type, name);
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    /// <summary>Writes the answer for one resource, which IncrementalAlterConfigs shares.</summary>
    public static void WriteResult(ProtocolWriter answer, ErrorCode error, string? message, sbyte type, string name)
    {
        answer.WriteError(error);
        answer.WriteString(message);
        answer.WriteInt8(type);
        answer.WriteString(name);
        answer.WriteTags();
    }
}
