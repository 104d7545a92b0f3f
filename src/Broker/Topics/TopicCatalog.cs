using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using StreamObserve.Broker.Log;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Topics;

/// <summary>
/// Which topics exist: one file, replaced as a whole at each change, beside a folder per topic, topic id and partition.
/// Look-ups take no lock; changes take turns.
/// </summary>
internal sealed class TopicCatalog
{
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly string _topicsDirectory;
    private readonly BrokerOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly Func<Guid> _newId;
    private readonly Func<string, int, long, short, ErrorCode> _transactionCheck;
    private readonly ConcurrentDictionary<string, Topic> _topics = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, Topic> _topicsById = new();

    private TopicCatalog(
        BrokerOptions options,
        TimeProvider time,
        Action<string> log,
        Func<Guid> newId,
        Func<string, int, long, short, ErrorCode> transactionCheck)
    {
        _options = options;
        _time = time;
        _log = log;
        _newId = newId;
        _transactionCheck = transactionCheck;
        _path = Path.Combine(options.DataDirectory, "topic-catalog");
        _topicsDirectory = Path.Combine(options.DataDirectory, "topics");
    }

    /// <summary>Identifies this log to clients; made once.</summary>
    public string ClusterId { get; private set; } = string.Empty;

    /// <summary>All topics, in no order.</summary>
    public ICollection<Topic> Topics => _topics.Values;

    /// <summary>Reads the catalog and opens every partition.</summary>
    /// <exception cref="InvalidDataException">The catalog is damaged; starting again does not help.</exception>
    public static TopicCatalog Open(
        BrokerOptions options,
        TimeProvider time,
        Action<string> log,
        Func<Guid> newId,
        Func<string, int, long, short, ErrorCode> transactionCheck)
    {
        TopicCatalog catalog = new(options, time, log, newId, transactionCheck);
        catalog.Load();
        return catalog;
    }

    public bool TryGet(string name, [NotNullWhen(true)] out Topic? topic) => _topics.TryGetValue(name, out topic);

    /// <summary>The topic of an id, or null.</summary>
    public Topic? Find(Guid id) => _topicsById.GetValueOrDefault(id);

    /// <summary>The log of a partition, or null.</summary>
    public PartitionLog? Find(string topic, int partition) => _topics.TryGetValue(topic, out Topic? found) ? found.Find(partition) : null;

    /// <summary>Whether a client's asking for an unknown topic makes it.</summary>
    public bool MayAutoCreate(string name) =>
        _options.AutoCreateTopics && name is not ("__consumer_offsets" or "__transaction_state");

    /// <summary>Makes a topic, or only checks whether that could be done.</summary>
    public (ErrorCode Error, string? Message, Topic? Topic) Create(
        string name, int partitions, IReadOnlyDictionary<string, string> configs, bool validateOnly = false)
    {
        if (FindNameError(name) is { } nameError)
        {
            return (ErrorCode.InvalidTopic, nameError, null);
        }

        lock (_gate)
        {
            if (_topics.ContainsKey(name))
            {
                return (ErrorCode.TopicAlreadyExists, $"topic '{name}' already exists", null);
            }

            int count = partitions == -1 ? _options.DefaultPartitions : partitions;
            if (FindPartitionsError(count, count) is { } error)
            {
                return (error.Error, error.Message, null);
            }

            if (!TopicConfig.TryCreate(_options.DefaultTopicConfigs, configs, out TopicConfig? config, out string? configError))
            {
                return (ErrorCode.InvalidConfig, configError, null);
            }

            Guid id = _newId();
            if (validateOnly)
            {
                return (ErrorCode.None, null, new Topic(name, Guid.Empty, config, new PartitionLog[count]));
            }

            Topic topic = new(name, id, config, OpenPartitions(name, id, config, 0, count));
            _topics[name] = topic;
            _topicsById[id] = topic;
            Save();
            return (ErrorCode.None, null, topic);
        }
    }

    /// <summary>Deletes a topic with its records.</summary>
    public ErrorCode Delete(string name)
    {
        Topic? topic;
        lock (_gate)
        {
            if (!_topics.TryRemove(name, out topic))
            {
                return ErrorCode.UnknownTopicOrPartition;
            }

            _topicsById.TryRemove(topic.Id, out _);
            Save();
        }

        foreach (PartitionLog partition in topic.Partitions)
        {
            partition.Delete();
        }

        string directory = Path.Combine(_topicsDirectory, name);
        Directory.Delete(Path.Combine(directory, topic.Id.ToString("N")), recursive: true);
        lock (_gate)
        {
            if (!_topics.ContainsKey(name) && Directory.Exists(directory) && Directory.GetFileSystemEntries(directory).Length == 0)
            {
                Directory.Delete(directory);
            }
        }

        return ErrorCode.None;
    }

    /// <summary>Adds partitions until there are <paramref name="count"/>.</summary>
    public (ErrorCode Error, string? Message) Grow(string name, int count, bool validateOnly)
    {
        lock (_gate)
        {
            if (!_topics.TryGetValue(name, out Topic? topic))
            {
                return (ErrorCode.UnknownTopicOrPartition, $"topic '{name}' does not exist");
            }

            int current = topic.Partitions.Count;
            if (count <= current)
            {
                return (ErrorCode.InvalidPartitions, $"topic '{name}' has {current} partitions; {count} is not more");
            }

            if (FindPartitionsError(count, count - current) is { } error)
            {
                return (error.Error, error.Message);
            }

            if (!validateOnly)
            {
                topic.Grow(OpenPartitions(name, topic.Id, topic.Config, current, count));
                Save();
            }

            return (ErrorCode.None, null);
        }
    }

    /// <summary>Replaces what is set for a topic by what <paramref name="change"/> makes of it.</summary>
    public (ErrorCode Error, string? Message) Configure(
        string name, Func<IReadOnlyDictionary<string, string>, Dictionary<string, string>> change, bool validateOnly)
    {
        lock (_gate)
        {
            if (!_topics.TryGetValue(name, out Topic? topic))
            {
                return (ErrorCode.UnknownTopicOrPartition, $"topic '{name}' does not exist");
            }

            if (!TopicConfig.TryCreate(_options.DefaultTopicConfigs, change(topic.Config.Overrides), out TopicConfig? config, out string? error))
            {
                return (ErrorCode.InvalidConfig, error);
            }

            if (!validateOnly)
            {
                topic.Config = config;
                Save();
            }

            return (ErrorCode.None, null);
        }
    }

    /// <summary>Flushes and closes every partition.</summary>
    public void Close() =>
        Parallel.ForEach(
            _topics.Values.SelectMany(topic => topic.Partitions),
            partition =>
            {
                try
                {
                    partition.Dispose();
                }
                catch (IOException e)
                {
                    _log($"a partition was not flushed at the end: {e.Message}");
                }
            });

    private static string? FindNameError(string name)
    {
        if (name.Length is 0 or > Limits.TopicNameCharsMax || name is "." or "..")
        {
            return $"invalid topic name '{name}'; expected 1 to {Limits.TopicNameCharsMax} characters, not . or ..";
        }

        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
            {
                return $"invalid topic name '{name}'; expected only ASCII letters, digits, '.', '_' and '-'";
            }
        }

        return null;
    }

    private (ErrorCode Error, string Message)? FindPartitionsError(int count, int added)
    {
        if (count is < 1 or > Limits.PartitionsPerTopicMax)
        {
            return (ErrorCode.InvalidPartitions, $"invalid number of partitions {count}; expected 1 to {Limits.PartitionsPerTopicMax}");
        }

        int total = _topics.Values.Sum(topic => topic.Partitions.Count);
        return total + added > Limits.PartitionsMax
            ? (ErrorCode.PolicyViolation, $"{total} partitions exist, {added} more would pass the broker's limit of {Limits.PartitionsMax}")
            : null;
    }

    private PartitionLog[] OpenPartitions(string name, Guid id, TopicConfig config, int from, int end)
    {
        PartitionLog[] opened = new PartitionLog[end - from];
        Parallel.For(from, end, partition =>
        {
            string directory = Path.Combine(_topicsDirectory, name, id.ToString("N"), partition.ToString(System.Globalization.CultureInfo.InvariantCulture));
            PartitionLog log = PartitionLog.Open(directory, config.Log, _options.Fsync == FsyncMode.Always, _time, _log);
            log.TransactionCheck = (producerId, epoch) => _transactionCheck(name, partition, producerId, epoch);
            opened[partition - from] = log;
        });
        return opened;
    }

    private void Load()
    {
        Directory.CreateDirectory(_topicsDirectory);
        if (!File.Exists(_path))
        {
            ClusterId = Convert.ToBase64String(_newId().ToByteArray()).TrimEnd('=').Replace('+', '-').Replace('/', '_');
            Save();
            return;
        }

        byte[] bytes = DurableFile.TryRead(_path)
            ?? throw new InvalidDataException($"the topic catalog {_path} is damaged: its checksum does not match");
        CatalogFile file = JsonSerializer.Deserialize(bytes, CatalogJson.Default.CatalogFile)
            ?? throw new InvalidDataException($"the topic catalog {_path} is empty");
        ClusterId = file.ClusterId;
        Parallel.ForEach(file.Topics, entry =>
        {
            // Broker defaults may have changed since; what the topic itself sets was valid when it was set.
            if (!TopicConfig.TryCreate(_options.DefaultTopicConfigs, entry.Configs, out TopicConfig? config, out string? error))
            {
                throw new InvalidDataException($"topic '{entry.Name}': {error}");
            }

            Topic topic = new(entry.Name, entry.Id, config, OpenPartitions(entry.Name, entry.Id, config, 0, entry.Partitions));
            _topics[entry.Name] = topic;
            _topicsById[entry.Id] = topic;
        });
        DeleteOrphans();
    }

    // Folders of topics whose deletion, or creation, a crash interrupted.
    private void DeleteOrphans()
    {
        foreach (string named in Directory.GetDirectories(_topicsDirectory))
        {
            string name = Path.GetFileName(named);
            foreach (string directory in Directory.GetDirectories(named))
            {
                if (!_topics.TryGetValue(name, out Topic? topic) || Path.GetFileName(directory) != topic.Id.ToString("N"))
                {
                    Directory.Delete(directory, recursive: true);
                }
            }
        }
    }

    private void Save()
    {
        CatalogFile file = new(
            ClusterId,
            [.. _topics.Values
                .OrderBy(topic => topic.Name, StringComparer.Ordinal)
                .Select(topic => new CatalogTopic(topic.Name, topic.Id, topic.Partitions.Count, new Dictionary<string, string>(topic.Config.Overrides)))]);
        DurableFile.Replace(_path, JsonSerializer.SerializeToUtf8Bytes(file, CatalogJson.Default.CatalogFile));
    }
}
