using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Sets and deletes single configurations of topics; adds to and takes from lists.</summary>
internal sealed class IncrementalAlterConfigsApi(TopicCatalog catalog) : ApiHandler(ApiKey.IncrementalAlterConfigs, 0, 1, 1)
{
    private enum Operation : sbyte
    {
        Set = 0,
        Delete = 1,
        Append = 2,
        Subtract = 3,
    }

    private readonly record struct Change(string Key, Operation Operation, string? Value);

    public override ValueTask HandleAsync(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        List<(sbyte Type, string Name, List<Change> Changes)> resources = [];
        int count = reader.ReadArrayLength();
        for (int r = 0; r < count; r++)
        {
            sbyte type = reader.ReadInt8();
            string name = reader.ReadString();
            List<Change> changes = [];
            int changeCount = reader.ReadArrayLength();
            for (int c = 0; c < changeCount; c++)
            {
                changes.Add(new Change(reader.ReadString(), (Operation)reader.ReadInt8(), reader.ReadNullableString()));
                reader.SkipTags();
            }

            reader.SkipTags();
            resources.Add((type, name, changes));
        }

        bool validateOnly = reader.ReadBool();
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(resources.Count);
        foreach ((sbyte type, string name, List<Change> changes) in resources)
        {
            (ErrorCode error, string? message) = type == (sbyte)ConfigResource.Topic
                ? catalog.Configure(name, current => Apply(current, changes), validateOnly)
                : (ErrorCode.InvalidRequest, $"configurations of resource type {type} can't be altered");
            AlterConfigsApi.WriteResult(answer, error, message, type, name);
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static Dictionary<string, string> Apply(IReadOnlyDictionary<string, string> current, List<Change> changes)
    {
        Dictionary<string, string> configs = new(current);
        foreach (Change change in changes)
        {
            string[] list = configs.GetValueOrDefault(change.Key, "").Split(',', StringSplitOptions.RemoveEmptyEntries);
            string[] named = (change.Value ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries);
            switch (change.Operation)
            {
                case Operation.Delete:
                    configs.Remove(change.Key);
                    break;
                case Operation.Append:
                    configs[change.Key] = string.Join(',', list.Union(named));
                    break;
                case Operation.Subtract:
                    configs[change.Key] = string.Join(',', list.Except(named));
                    break;
                default:
                    configs[change.Key] = change.Value ?? "";
                    break;
            }
        }

        return configs;
    }
}
