namespace StreamObserve.Contracts.Log;

/// <summary>The first byte of every record of the batches log. A reader that meets a kind it does not know refuses the log: it is older than the writer.</summary>
public enum LogRecordKind : byte
{
    /// <summary>A columnar batch of events.</summary>
    EventBatch = 1,

    /// <summary>The pacemaker's sign of life: <see cref="TickRecord"/>.</summary>
    Tick = 2,

    /// <summary>A version of the whole policy set: <see cref="PoliciesRecord"/>.</summary>
    Policies = 3,
}
