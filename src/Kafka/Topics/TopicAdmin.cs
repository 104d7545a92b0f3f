using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Kafka.Topics;

/// <summary>
/// Makes and inspects topics. Every call throws <see cref="KafkaOperationException"/> when the brokers refuse or do not answer within <see cref="Limits.RequestTimeoutMs"/>;
/// only <see cref="WaitForBrokerAsync"/> and <see cref="EnsureAsync"/> go on trying. Thread-safe.
/// </summary>
public sealed class TopicAdmin : IDisposable
{
    private readonly IAdminClient _admin;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _bootstrap;

    /// <summary>Makes one. A broker need not be there.</summary>
    public TopicAdmin(KafkaSettings settings, TimeProvider time, ILogger logger)
    {
        _time = time;
        _logger = logger;
        _bootstrap = settings.Bootstrap;
        _admin = new AdminClientBuilder(settings.Apply(new AdminClientConfig(), "admin"))
            .SetLogHandler((_, message) => ClientLog.Write(logger, message))
            .SetErrorHandler((_, error) => ClientLog.Write(logger, error))
            .Build();
    }

    /// <summary>Waits until a broker answers; returns the cluster's id (null from brokers that have none). Goes on until <paramref name="cancellation"/>.</summary>
    public Task<string?> WaitForBrokerAsync(CancellationToken cancellation) =>
        RetryAsync($"waiting for kafka at {_bootstrap}", ClusterIdAsync, cancellation);

    /// <summary>The cluster's id; null from brokers that have none.</summary>
    public Task<string?> ClusterIdAsync() => AskAsync("the cluster's id", async () =>
    {
        var cluster = await _admin.DescribeClusterAsync(new DescribeClusterOptions { RequestTimeout = RequestTimeout }).ConfigureAwait(false);
        return string.IsNullOrEmpty(cluster.ClusterId) ? null : cluster.ClusterId;
    });

    /// <summary>
    /// Makes the topic unless it is there, waits until it can be used and describes it. Goes on while no broker answers, until <paramref name="cancellation"/>.
    /// A topic that is there but cannot be worked with is a <see cref="TopicMismatchException"/>.
    /// </summary>
    public async Task<TopicDescription> EnsureAsync(TopicSpec spec, CancellationToken cancellation)
    {
        var topic = await RetryAsync($"topic {spec.Name}", () => MakeAndDescribeAsync(spec), cancellation).ConfigureAwait(false);
        if (spec.PartitionsMustMatch && topic.Partitions != spec.Partitions)
        {
            throw new TopicMismatchException(
                $"topic {spec.Name} has {topic.Partitions} partitions, not {spec.Partitions}: their count is fixed when the topic is made; set --partitions {topic.Partitions}, or name another topic");
        }

        if (spec.RequiredConfiguration.Count > 0)
        {
            await RetryAsync($"topic {spec.Name}: its configuration", () => CheckConfigurationAsync(spec), cancellation).ConfigureAwait(false);
        }

        return topic;
    }

    /// <summary>The topic as it is; null when there is none of that name.</summary>
    public Task<TopicDescription?> DescribeAsync(string name) => AskAsync($"topic {name}", () => DescribeNowAsync(name));

    /// <summary>The offsets that a partition holds, of committed records.</summary>
    public Task<OffsetRange> RangeAsync(LogPartition partition) => AskAsync($"{partition}: its offsets", async () =>
    {
        var start = await OffsetAsync(partition, OffsetSpec.Earliest()).ConfigureAwait(false);
        var end = await OffsetAsync(partition, OffsetSpec.Latest()).ConfigureAwait(false);
        return new OffsetRange(start, end);
    });

    /// <summary>Frees the connection. Again: nothing.</summary>
    public void Dispose() => _admin.Dispose();

    private static TimeSpan RequestTimeout => TimeSpan.FromMilliseconds(Limits.RequestTimeoutMs);

    private async Task<long> OffsetAsync(LogPartition partition, OffsetSpec spec)
    {
        var result = await _admin.ListOffsetsAsync(
            [new TopicPartitionOffsetSpec { TopicPartition = new TopicPartition(partition.Topic, partition.Partition), OffsetSpec = spec }],
            new ListOffsetsOptions { RequestTimeout = RequestTimeout, IsolationLevel = IsolationLevel.ReadCommitted }).ConfigureAwait(false);
        return result.ResultInfos[0].TopicPartitionOffsetError.Offset.Value;
    }

    private async Task<TopicDescription> MakeAndDescribeAsync(TopicSpec spec)
    {
        if (await DescribeNowAsync(spec.Name).ConfigureAwait(false) is { } existing)
        {
            return existing;
        }

        var specification = new TopicSpecification
        {
            Name = spec.Name,
            NumPartitions = spec.Partitions,
            ReplicationFactor = spec.Replicas,
            Configs = new Dictionary<string, string>(spec.Configuration),
        };
        try
        {
            await _admin.CreateTopicsAsync([specification], new CreateTopicsOptions { RequestTimeout = RequestTimeout, OperationTimeout = RequestTimeout }).ConfigureAwait(false);
        }
        catch (CreateTopicsException failure) when (failure.Results[0].Error.Code == ErrorCode.TopicAlreadyExists)
        {
            // Another node made it between the two requests.
        }
        catch (CreateTopicsException failure)
        {
            throw new KafkaException(failure.Results[0].Error);
        }

        return await DescribeNowAsync(spec.Name).ConfigureAwait(false)
            ?? throw new KafkaOperationException($"topic {spec.Name}: made, but not known to all brokers yet", isTransient: true);
    }

    private async Task<TopicDescription?> DescribeNowAsync(string name)
    {
        List<Confluent.Kafka.Admin.TopicDescription> topics;
        try
        {
            var result = await _admin.DescribeTopicsAsync(TopicCollection.OfTopicNames([name]), new DescribeTopicsOptions { RequestTimeout = RequestTimeout }).ConfigureAwait(false);
            topics = result.TopicDescriptions;
        }
        catch (DescribeTopicsException failure)
        {
            topics = failure.Results.TopicDescriptions;
        }

        var topic = topics[0];
        if (topic.Error.Code == ErrorCode.UnknownTopicOrPart)
        {
            return null;
        }

        if (topic.Error.IsError)
        {
            throw new KafkaException(topic.Error);
        }

        foreach (var partition in topic.Partitions)
        {
            if (partition.Leader is null || partition.Leader.Id < 0)
            {
                throw new KafkaOperationException($"topic {name}: partition {partition.Partition} has no leader yet", isTransient: true);
            }
        }

        var id = topic.TopicId?.ToString();
        return new TopicDescription(name, string.IsNullOrEmpty(id) || id.TrimStart('A').Length == 0 ? null : id, topic.Partitions.Count);
    }

    private async Task<bool> CheckConfigurationAsync(TopicSpec spec)
    {
        var resource = new ConfigResource { Type = ResourceType.Topic, Name = spec.Name };
        var results = await _admin.DescribeConfigsAsync([resource], new DescribeConfigsOptions { RequestTimeout = RequestTimeout }).ConfigureAwait(false);
        foreach (var key in spec.RequiredConfiguration)
        {
            var wanted = spec.Configuration[key];
            var value = results[0].Entries.TryGetValue(key, out var entry) ? entry.Value : "(not set)";
            if (value != wanted)
            {
                throw new TopicMismatchException($"topic {spec.Name} has {key}={value}, not {wanted}: alter the topic's configuration, or name another topic");
            }
        }

        return true;
    }

    private async Task<T> RetryAsync<T>(string what, Func<Task<T>> ask, CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return await AskAsync(what, ask).ConfigureAwait(false);
            }
            catch (KafkaOperationException failure) when (failure.IsTransient)
            {
                ClientLog.Retrying(_logger, what, failure.Message);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(Limits.RetryPauseMs), _time, cancellation).ConfigureAwait(false);
        }
    }

    private static async Task<T> AskAsync<T>(string what, Func<Task<T>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (KafkaException failure)
        {
            throw new KafkaOperationException($"{what}: {failure.Error.Reason}", IsTransient(failure.Error), failure);
        }
    }

    // Brokers that are away or busy electing get better by themselves; a refused name, configuration or authorisation does not.
    private static bool IsTransient(Error error) => error.IsLocalError || error.Code is ErrorCode.RequestTimedOut or ErrorCode.LeaderNotAvailable
        or ErrorCode.NotController or ErrorCode.NotLeaderForPartition or ErrorCode.NetworkException or ErrorCode.UnknownTopicOrPart or ErrorCode.OffsetNotAvailable
        or ErrorCode.BrokerNotAvailable or ErrorCode.KafkaStorageError or ErrorCode.GroupLoadInProgress or ErrorCode.GroupCoordinatorNotAvailable;
}
