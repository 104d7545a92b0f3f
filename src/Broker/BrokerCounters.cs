namespace StreamObserve.Broker;

/// <summary>A counter that any thread may raise.</summary>
internal sealed class Counter
{
    private long _value;

    public long Value => Interlocked.Read(ref _value);

    public void Increment() => Interlocked.Increment(ref _value);

    public void Add(long count) => Interlocked.Add(ref _value, count);
}

/// <summary>The counters behind <see cref="BrokerMetrics"/>.</summary>
internal sealed class BrokerCounters
{
    public Counter ConnectionsOpen { get; } = new();

    public Counter ConnectionsRefused { get; } = new();

    public Counter StalledConnections { get; } = new();

    public Counter Requests { get; } = new();

    public Counter MalformedRequests { get; } = new();

    public Counter Faults { get; } = new();

    public Counter BytesIn { get; } = new();

    public Counter BytesOut { get; } = new();

    public Counter BatchesStored { get; } = new();

    public Counter RecordsStored { get; } = new();

    public Counter BatchesRefused { get; } = new();

    public Counter MaintenanceFailures { get; } = new();
}
