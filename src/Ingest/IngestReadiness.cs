using StreamObserve.Hosting;
using StreamObserve.Ingest.Bridge;
using StreamObserve.Ingest.Door;

namespace StreamObserve.Ingest;

/// <summary>Ready when the bridge has its partitions and the door takes requests.</summary>
public sealed class IngestReadiness(EventBridge bridge, IngestDoor door) : IReadinessSource
{
    /// <inheritdoc/>
    public string Name => "ingest";

    /// <inheritdoc/>
    public Readiness Check()
    {
        if (!bridge.IsConsuming)
        {
            return Readiness.No("the bridge has no input partitions assigned yet");
        }

        return door.UnavailableBecause is { } reason ? Readiness.No(reason) : Readiness.Yes;
    }
}
