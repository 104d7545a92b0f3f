using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors;

/// <summary>
/// A partition's state between two steps of its writer, as queries see it. <paramref name="Traces"/> answers look-ups on any thread; <paramref name="Closed"/> fires when
/// the stores behind the view are closed.
/// </summary>
internal sealed record PartitionView(
    PartitionSnapshot Snapshot, TraceTracker Traces, bool IsReplaying, int PolicyVersion, long KeptRows, long DroppedRows, CancellationToken Closed);

/// <summary>Where a partition's writer puts the newest view and its actor finds it. One writer, any number of readers.</summary>
internal sealed class PublishedView
{
    private volatile PartitionView? _current;

    /// <summary>The newest view; null while the state is not open.</summary>
    public PartitionView? Current => _current;

    /// <summary>Shows a newer view.</summary>
    public void Publish(PartitionView view) => _current = view;

    /// <summary>Shows none: the state is being closed.</summary>
    public void Withdraw() => _current = null;
}
