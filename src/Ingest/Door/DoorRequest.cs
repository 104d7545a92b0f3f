using StreamObserve.Core.Events;

namespace StreamObserve.Ingest.Door;

/// <summary>One event of a request that was refused: where it is and why.</summary>
/// <param name="Index">Its index among the request's events.</param>
/// <param name="Reason">A stable reason (<see cref="RefusalReasons"/>).</param>
/// <param name="Detail">A text for people.</param>
public readonly record struct RefusedEvent(int Index, string Reason, string Detail);

/// <summary>What became of a request.</summary>
public enum DoorOutcome : byte
{
    /// <summary>Its good events are committed.</summary>
    Committed,

    /// <summary>Nothing of it is stored: the queue was full.</summary>
    Overloaded,

    /// <summary>It is not known to be stored: the brokers do not answer, or refused the transaction.</summary>
    Unavailable,
}

/// <summary>The answer to a request. <paramref name="Accepted"/> and <paramref name="Refused"/> are meaningful when committed; <paramref name="Reason"/> when not.</summary>
public sealed record DoorAnswer(DoorOutcome Outcome, int Accepted, IReadOnlyList<RefusedEvent> Refused, string Reason)
{
    internal static DoorAnswer Unavailable(string reason) => new(DoorOutcome.Unavailable, 0, [], reason);

    internal static DoorAnswer Overloaded(string reason) => new(DoorOutcome.Overloaded, 0, [], reason);
}

/// <summary>A request on its way through the door. Its body is decoded when a transaction takes it, unless the client's wait was over before.</summary>
internal sealed class DoorRequest(ReadOnlyMemory<byte> body, PayloadEncoding encoding, RecordSource source) : IRefusalSink
{
    private const int Waiting = 0;
    private const int Taken = 1;
    private const int GivenUp = 2;

    private readonly TaskCompletionSource<DoorAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<RefusedEvent> _refused = [];
    private int _accepted;
    private int _state;

    public ReadOnlyMemory<byte> Body => body;

    public PayloadEncoding Encoding => encoding;

    public RecordSource Source => source;

    public Task<DoorAnswer> Answer => _answer.Task;

    /// <summary>A transaction takes the request; false when its client no longer waits.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Waiting) == Waiting;

    /// <summary>The client no longer waits; false when a transaction has taken the request already.</summary>
    public bool TryGiveUp() => Interlocked.CompareExchange(ref _state, GivenUp, Waiting) == Waiting;

    public void Accepted(int events) => _accepted = events;

    public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => _refused.Add(new RefusedEvent(index, reason, detail));

    public void Committed() => _answer.TrySetResult(new DoorAnswer(DoorOutcome.Committed, _accepted, _refused, ""));

    public void Failed(DoorAnswer answer) => _answer.TrySetResult(answer);

    /// <summary>Events committed.</summary>
    public int AcceptedCount => _accepted;

    /// <summary>Events refused.</summary>
    public IReadOnlyList<RefusedEvent> RefusedEvents => _refused;
}
