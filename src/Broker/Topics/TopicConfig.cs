using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using StreamObserve.Broker.Log;

namespace StreamObserve.Broker.Topics;

/// <summary>Kafka's number for the type of a configuration value in DescribeConfigs.</summary>
internal enum ConfigType : sbyte
{
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// <summary>One configuration a topic may have, under Kafka's name.</summary>
internal sealed record ConfigKey(string Name, ConfigType Type, string Default, Func<string, bool> IsValid, string Expected);

/// <summary>A topic's configuration: what was set, over the broker's defaults, over Kafka's. Immutable.</summary>
internal sealed class TopicConfig
{
    private static readonly ConfigKey[] AllKeys =
    [
        new("cleanup.policy", ConfigType.List, "delete", IsCleanupPolicy, "delete, compact or both"),
        new("retention.ms", ConfigType.Long, "604800000", IsLongFrom(-1), "milliseconds, -1 for ever"),
        new("retention.bytes", ConfigType.Long, "-1", IsLongFrom(-1), "bytes, -1 without end"),
        new("segment.bytes", ConfigType.Int, "134217728", IsLongFrom(1024, int.MaxValue), "bytes, 1024 to 2147483647"),
        new("segment.ms", ConfigType.Long, "604800000", IsLongFrom(1), "milliseconds, at least 1"),
        new("max.message.bytes", ConfigType.Int, "10485760", IsLongFrom(0, 1 << 30), "bytes, 0 to 1073741824"),
        new("message.timestamp.type", ConfigType.String, "CreateTime", value => value is "CreateTime" or "LogAppendTime", "CreateTime or LogAppendTime"),
        new("delete.retention.ms", ConfigType.Long, "86400000", IsLongFrom(0), "milliseconds, at least 0"),
        new("min.cleanable.dirty.ratio", ConfigType.Double, "0.5", IsRatio, "a number from 0 to 1"),
        new("compression.type", ConfigType.String, "producer", value => value == "producer", "producer: the broker keeps batches as they come"),
        new("min.insync.replicas", ConfigType.Int, "1", value => value == "1", "1: there is one node"),
        new("unclean.leader.election.enable", ConfigType.Boolean, "false", value => value == "false", "false: there is one node"),
    ];

    private static readonly Dictionary<string, ConfigKey> KeysByName = AllKeys.ToDictionary(key => key.Name);

    private TopicConfig(IReadOnlyDictionary<string, string> brokerDefaults, IReadOnlyDictionary<string, string> overrides)
    {
        BrokerDefaults = brokerDefaults;
        Overrides = overrides;
        string[] policies = Value("cleanup.policy").Split(',', StringSplitOptions.TrimEntries);
        Log = new LogSettings
        {
            SegmentBytes = Number("segment.bytes"),
            SegmentMs = Number("segment.ms"),
            RetentionBytes = Number("retention.bytes"),
            RetentionMs = Number("retention.ms"),
            BatchBytesMax = (int)Number("max.message.bytes"),
            LogAppendTime = Value("message.timestamp.type") == "LogAppendTime",
            Delete = policies.Contains("delete"),
            Compact = policies.Contains("compact"),
            TombstoneMs = Number("delete.retention.ms"),
        };
        DirtyRatio = double.Parse(Value("min.cleanable.dirty.ratio"), CultureInfo.InvariantCulture);
    }

    /// <summary>Every configuration there is, in the order in which they are described.</summary>
    public static IReadOnlyList<ConfigKey> Keys => AllKeys;

    /// <summary>What was set for this topic.</summary>
    public IReadOnlyDictionary<string, string> Overrides { get; }

    /// <summary>What the broker sets for every topic.</summary>
    public IReadOnlyDictionary<string, string> BrokerDefaults { get; }

    /// <summary>The part that concerns the log.</summary>
    public LogSettings Log { get; }

    /// <summary>The share of new bytes at which compaction runs.</summary>
    public double DirtyRatio { get; }

    /// <summary>Checks names and values; the error names the offending one and what it may be.</summary>
    public static bool TryCreate(
        IReadOnlyDictionary<string, string> brokerDefaults,
        IReadOnlyDictionary<string, string> overrides,
        [NotNullWhen(true)] out TopicConfig? config,
        [NotNullWhen(false)] out string? error)
    {
        config = null;
        error = FindError(brokerDefaults) ?? FindError(overrides);
        if (error is null)
        {
            config = new TopicConfig(brokerDefaults, overrides);
        }

        return error is null;
    }

    /// <summary>The configuration in force under a name of <see cref="Keys"/>.</summary>
    public string Value(string name) =>
        Overrides.TryGetValue(name, out string? value) || BrokerDefaults.TryGetValue(name, out value) ? value : KeysByName[name].Default;

    private static string? FindError(IReadOnlyDictionary<string, string> values)
    {
        foreach ((string name, string value) in values)
        {
            if (!KeysByName.TryGetValue(name, out ConfigKey? key))
            {
                return $"unknown topic configuration '{name}'; known are {string.Join(", ", AllKeys.Select(known => known.Name))}";
            }

            if (!key.IsValid(value))
            {
                return $"invalid value '{value}' for topic configuration '{name}'; expected {key.Expected}";
            }
        }

        return null;
    }

    private static Func<string, bool> IsLongFrom(long min, long max = long.MaxValue) =>
        value => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) && number >= min && number <= max;

    private static bool IsRatio(string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number is >= 0 and <= 1;

    private static bool IsCleanupPolicy(string value)
    {
        string[] policies = value.Split(',', StringSplitOptions.TrimEntries);
        return policies.Length > 0 && policies.All(policy => policy is "delete" or "compact");
    }

    private long Number(string name) => long.Parse(Value(name), CultureInfo.InvariantCulture);
}
