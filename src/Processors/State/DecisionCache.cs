using StreamObserve.Core.Events;

namespace StreamObserve.Processors.State;

/// <summary>
/// Decisions on traces that the trailing cursor has looked up of late: a trace's rows come in several batches, most of them soon after each other. Of fixed size; a newer trace takes an older
/// one's place. Single-threaded.
/// </summary>
internal sealed class DecisionCache
{
    private readonly Entry[] _entries = new Entry[Limits.DecisionsHeld];

    /// <summary>The decision that rows of a trace follow at a log time, if it is held. Late rows ask the store: what it still knows decides.</summary>
    public bool TryGet(TraceKey trace, long logTimeMs, out RowDecision decision)
    {
        ref readonly var entry = ref _entries[Place(trace)];
        decision = entry.Decision;
        return entry.UntilMs >= logTimeMs && entry.Trace == trace;
    }

    /// <summary>Holds a decision for rows up to a log time.</summary>
    public void Put(TraceKey trace, long untilMs, in RowDecision decision) => _entries[Place(trace)] = new(trace, untilMs, decision);

    private int Place(TraceKey trace) => (int)(((trace.High ^ (trace.Low * 0x9E3779B97F4A7C15UL)) * 0xC2B2AE3D27D4EB4FUL) >> 32) & (_entries.Length - 1);

    private readonly record struct Entry(TraceKey Trace, long UntilMs, RowDecision Decision);
}
