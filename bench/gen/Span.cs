namespace StreamObserve.Bench.Generator;

/// <summary>One event before it is written. Indices point into <see cref="Shop"/>.</summary>
internal struct Span
{
    public long StartMs;
    public double DurationMs;
    public ulong TraceHigh, TraceLow, SpanId, ParentId;
    public uint MessageSeed;
    public int Customer, User, PayloadBytes, Statement;
    public int Service, Work, Route, Release, Zone, Host, ClientSystem, QueuePartition, Status;
    public bool NewCheckout;

    public readonly bool IsError => Status >= 500;
}
