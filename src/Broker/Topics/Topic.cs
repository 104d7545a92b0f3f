using StreamObserve.Broker.Log;

namespace StreamObserve.Broker.Topics;

/// <summary>A topic that exists. The partitions only ever grow; a grown topic replaces the array.</summary>
internal sealed class Topic(string name, Guid id, TopicConfig config, PartitionLog[] partitions)
{
    private volatile TopicConfig _config = config;
    private volatile PartitionLog[] _partitions = partitions;

    public string Name { get; } = name;

    /// <summary>Tells a topic from another of the same name that was deleted.</summary>
    public Guid Id { get; } = id;

    /// <summary>The configuration in force; setting it reaches every partition.</summary>
    public TopicConfig Config
    {
        get => _config;
        set
        {
            _config = value;
            foreach (PartitionLog partition in _partitions)
            {
                partition.Settings = value.Log;
            }
        }
    }

    /// <summary>The logs by partition number.</summary>
    public IReadOnlyList<PartitionLog> Partitions => _partitions;

    /// <summary>The log of a partition, or null when there is none of that number.</summary>
    public PartitionLog? Find(int partition)
    {
        PartitionLog[] partitions = _partitions;
        return (uint)partition < (uint)partitions.Length ? partitions[partition] : null;
    }

    /// <summary>Adds partitions at the end.</summary>
    public void Grow(IEnumerable<PartitionLog> added) => _partitions = [.. _partitions, .. added];
}
