namespace StreamObserve.Broker;

/// <summary>What the broker has done since its start, and what it holds: one consistent enough moment for a metrics page.</summary>
public sealed record BrokerMetrics
{
    /// <summary>Connections open now.</summary>
    public required long ConnectionsOpen { get; init; }

    /// <summary>Connections closed at once because of <see cref="BrokerOptions.ConnectionsMax"/>.</summary>
    public required long ConnectionsRefused { get; init; }

    /// <summary>Connections closed because a request or an answer stood still.</summary>
    public required long StalledConnections { get; init; }

    /// <summary>Requests of all kinds.</summary>
    public required long Requests { get; init; }

    /// <summary>Requests that did not follow their schema; each ended its connection.</summary>
    public required long MalformedRequests { get; init; }

    /// <summary>Requests that ran into a fault of the broker's own; each ended its connection.</summary>
    public required long Faults { get; init; }

    /// <summary>Bytes of requests.</summary>
    public required long BytesIn { get; init; }

    /// <summary>Bytes of answers.</summary>
    public required long BytesOut { get; init; }

    /// <summary>Record batches stored for clients.</summary>
    public required long BatchesStored { get; init; }

    /// <summary>Records stored for clients.</summary>
    public required long RecordsStored { get; init; }

    /// <summary>Record batches refused, for any reason.</summary>
    public required long BatchesRefused { get; init; }

    /// <summary>Failed fsyncs and retention or compaction runs.</summary>
    public required long MaintenanceFailures { get; init; }

    /// <summary>Topics.</summary>
    public required int Topics { get; init; }

    /// <summary>Partitions of all topics.</summary>
    public required int Partitions { get; init; }

    /// <summary>Bytes of all segments of all topics.</summary>
    public required long LogBytes { get; init; }
}
