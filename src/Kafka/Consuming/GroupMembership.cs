using Confluent.Kafka;

namespace StreamObserve.Kafka.Consuming;

/// <summary>
/// A consumer's membership of its group at one moment (member id, generation). Offsets sent within a transaction carry it, so that the brokers refuse those of a member
/// that has been replaced. Immutable.
/// </summary>
public sealed class GroupMembership
{
    internal GroupMembership(IConsumerGroupMetadata metadata) => Metadata = metadata;

    internal IConsumerGroupMetadata Metadata { get; }
}
