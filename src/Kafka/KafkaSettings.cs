using Confluent.Kafka;

namespace StreamObserve.Kafka;

/// <summary>How to reach the Kafka cluster. Immutable; shared by every client of a process.</summary>
public sealed record KafkaSettings
{
    /// <summary>Bootstrap brokers, <c>host:port[,host:port…]</c>.</summary>
    public required string Bootstrap { get; init; }

    /// <summary>Prefix of every client id that this process shows to the brokers.</summary>
    public string ClientId { get; init; } = "streamobserve";

    /// <summary>
    /// librdkafka properties laid over what each client sets itself, by their librdkafka names: security (<c>security.protocol</c>, <c>sasl.*</c>, <c>ssl.*</c>)
    /// and, in tests, fault injection. A property that librdkafka does not know is an <see cref="ArgumentException"/> when the first client is made.
    /// </summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();

    /// <summary>The part of a client's configuration that all clients share.</summary>
    internal TConfig Apply<TConfig>(TConfig config, string role)
        where TConfig : ClientConfig
    {
        config.BootstrapServers = Bootstrap;
        config.ClientId = $"{ClientId}-{role}";

        // Brokers come back within a second or two of a restart: waiting librdkafka's default of up to 10 s would be the longest part of every outage.
        config.ReconnectBackoffMs = 50;
        config.ReconnectBackoffMaxMs = 500;
        config.SocketNagleDisable = true;

        // When all brokers were away, librdkafka 2.16 by default throws its brokers away and starts from the bootstrap list: a transactional producer that was sending offsets
        // meanwhile then never returns from the call (docs/adr/0002-transactions-in-two-drafts.md). Keeping the brokers it knows and reconnecting to them, by name, works.
        config.MetadataRecoveryStrategy = MetadataRecoveryStrategy.None;
        config.AllowAutoCreateTopics = false;
        config.LogConnectionClose = false;
        foreach (var (name, value) in Properties)
        {
            config.Set(name, value);
        }

        return config;
    }
}
