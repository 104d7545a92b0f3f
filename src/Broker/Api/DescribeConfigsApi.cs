using System.Globalization;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Kafka's number for what a configuration belongs to.</summary>
internal enum ConfigResource : sbyte
{
    Topic = 2,
    Broker = 4,
}

/// <summary>Kafka's number for where a configuration's value comes from.</summary>
internal enum ConfigSource : sbyte
{
    Topic = 1,
    StaticBroker = 4,
    Default = 5,
}

/// <summary>Describes the configuration of topics and of the broker.</summary>
internal sealed class DescribeConfigsApi(TopicCatalog catalog, BrokerOptions options) : ApiHandler(ApiKey.DescribeConfigs, 0, 4, 4)
{
    private readonly record struct Config(string Name, string Value, ConfigType Type, ConfigSource Source, bool ReadOnly);

    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        List<(sbyte Type, string Name, HashSet<string>? Keys)> resources = [];
        int count = reader.ReadArrayLength();
        for (int r = 0; r < count; r++)
        {
            sbyte type = reader.ReadInt8();
            string name = reader.ReadString();
            int keyCount = reader.ReadArrayLength();
            HashSet<string>? keys = keyCount < 0 ? null : [];
            for (int k = 0; k < keyCount; k++)
            {
                keys!.Add(reader.ReadString());
            }

            reader.SkipTags();
            resources.Add((type, name, keys is { Count: 0 } ? null : keys));
        }

        bool synonyms = version >= 1 && reader.ReadBool();
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(resources.Count);
        foreach ((sbyte type, string name, HashSet<string>? keys) in resources)
        {
            (ErrorCode error, string? message, List<Config> configs) = Describe(type, name);
            configs.RemoveAll(config => keys is not null && !keys.Contains(config.Name));
            answer.WriteError(error);
            answer.WriteString(message);
            answer.WriteInt8(type);
            answer.WriteString(name);
            answer.WriteArrayLength(configs.Count);
            foreach (Config config in configs)
            {
                WriteConfig(answer, version, config, synonyms);
            }

            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    /// <summary>Where a topic's value comes from.</summary>
    public static ConfigSource SourceOf(TopicConfig config, string name) =>
        config.Overrides.ContainsKey(name) ? ConfigSource.Topic
        : config.BrokerDefaults.ContainsKey(name) ? ConfigSource.StaticBroker
        : ConfigSource.Default;

    private static void WriteConfig(ProtocolWriter answer, short version, in Config config, bool synonyms)
    {
        answer.WriteString(config.Name);
        answer.WriteString(config.Value);
        answer.WriteBool(config.ReadOnly);
        if (version == 0)
        {
            answer.WriteBool(config.Source == ConfigSource.Default);
        }
        else
        {
            answer.WriteInt8((sbyte)config.Source);
        }

        answer.WriteBool(false); // sensitive
        if (version >= 1)
        {
            answer.WriteArrayLength(synonyms ? 1 : 0);
            if (synonyms)
            {
                answer.WriteString(config.Name);
                answer.WriteString(config.Value);
                answer.WriteInt8((sbyte)config.Source);
                answer.WriteTags();
            }
        }

        if (version >= 3)
        {
            answer.WriteInt8((sbyte)config.Type);
            answer.WriteString(null); // documentation
        }

        answer.WriteTags();
    }

    private (ErrorCode Error, string? Message, List<Config> Configs) Describe(sbyte type, string name)
    {
        switch ((ConfigResource)type)
        {
            case ConfigResource.Topic when catalog.TryGet(name, out Topic? topic):
                return (ErrorCode.None, null, [.. TopicConfig.Keys.Select(key =>
                    new Config(key.Name, topic.Config.Value(key.Name), key.Type, SourceOf(topic.Config, key.Name), ReadOnly: false))]);
            case ConfigResource.Topic:
                return (ErrorCode.UnknownTopicOrPartition, $"topic '{name}' does not exist", []);
            case ConfigResource.Broker when name.Length == 0 || name == BrokerNode.Id.ToString(CultureInfo.InvariantCulture):
                return (ErrorCode.None, null,
                [
                    new("auto.create.topics.enable", options.AutoCreateTopics ? "true" : "false", ConfigType.Boolean, ConfigSource.StaticBroker, ReadOnly: true),
                    new("num.partitions", options.DefaultPartitions.ToString(CultureInfo.InvariantCulture), ConfigType.Int, ConfigSource.StaticBroker, ReadOnly: true),
                    new("default.replication.factor", "1", ConfigType.Int, ConfigSource.StaticBroker, ReadOnly: true),
                    new("socket.request.max.bytes", options.RequestBytesMax.ToString(CultureInfo.InvariantCulture), ConfigType.Int, ConfigSource.StaticBroker, ReadOnly: true),
                ]);
            default:
                return (ErrorCode.InvalidRequest, $"configurations of resource type {type}, name '{name}' are not known", []);
        }
    }
}
