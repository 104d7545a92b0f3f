using System.Globalization;
using Akka.Cluster.Sharding;

namespace StreamObserve.Contracts.Messages;

/// <summary>Where the actors of the partitions are found: sharding by partition number, so that a query addresses each. Also the region's key in the actor registry.</summary>
public sealed class PartitionRegion : IMessageExtractor
{
    /// <summary>The sharding type's name.</summary>
    public const string TypeName = "partition";

    /// <inheritdoc/>
    public string? EntityId(object message) => message switch
    {
        IPartitionMessage partition => partition.Partition.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    /// <inheritdoc/>
    public object EntityMessage(object message) => message;

    /// <inheritdoc/>
    public string? ShardId(object message) => EntityId(message);

    /// <inheritdoc/>
    public string ShardId(string entityId, object? messageHint = null) => entityId;
}
