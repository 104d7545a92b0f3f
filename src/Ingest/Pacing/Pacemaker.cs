using Akka.Actor;
using Akka.Event;
using StreamObserve.Contracts.Log;
using StreamObserve.Kafka.Topics;

namespace StreamObserve.Ingest.Pacing;

/// <summary>
/// Cluster singleton that moves log time: a tick to every partition of the batches log each second, and every version of the policy set, once known, to every partition.
/// Nothing is decided here, so two of them running for a moment, or none for some seconds, changes only how finely log time moves: partitions ignore policy versions
/// that they have.
/// </summary>
public sealed class Pacemaker : ReceiveActor, IWithTimers
{
    /// <summary>The meta topic's key of the policy set.</summary>
    public const string PoliciesKey = "policies";

    private readonly IControlLog _log;
    private readonly TimeProvider _time;
    private readonly IngestMetrics _metrics;
    private readonly Action<IActorRef> _subscribe;
    private readonly ILoggingAdapter _logger = Context.GetLogger();
    private readonly PartitionPace[] _partitions;
    private PoliciesRecord? _policies;
    private IDisposable? _subscription;

    /// <summary>
    /// Makes one. <paramref name="subscribe"/> has the newest <see cref="PoliciesFound"/> sent to the actor, once there is one and whenever it changes, and
    /// <see cref="PoliciesRead"/> once the first look is over: ticks begin then, so that they never name an older version than they must.
    /// </summary>
    public Pacemaker(IControlLog log, Func<IActorRef, IDisposable> subscribe, IngestMetrics metrics, TimeProvider time)
    {
        _log = log;
        _time = time;
        _metrics = metrics;
        _subscribe = self => _subscription = subscribe(self);
        _partitions = new PartitionPace[log.Partitions];
        for (var i = 0; i < _partitions.Length; i++)
        {
            _partitions[i] = new PartitionPace();
        }

        Receive<PoliciesRead>(_ => Timers.StartPeriodicTimer(Beat.Instance, Beat.Instance, TimeSpan.Zero, TimeSpan.FromMilliseconds(Limits.TickMs)));
        Receive<PoliciesFound>(OnPolicies);
        Receive<Beat>(_ => OnBeat());
        Receive<Written>(OnWritten);
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>Actor properties of a pacemaker that follows <paramref name="meta"/>.</summary>
    public static Props Props(IControlLog log, MetaTopic meta, IngestMetrics metrics, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new Pacemaker(log, self => Follow(meta, self), metrics, time));

    /// <inheritdoc/>
    protected override void PreStart() => _subscribe(Self);

    /// <inheritdoc/>
    protected override void PostStop() => _subscription?.Dispose();

    private static IDisposable Follow(MetaTopic meta, IActorRef self)
    {
        meta.Ready.PipeTo(self, success: () => PoliciesRead.Instance, failure: _ => PoliciesRead.Instance);
        return meta.Subscribe(PoliciesKey, entry =>
        {
            if (entry.Key == PoliciesKey && entry.Value is { } json)
            {
                self.Tell(new PoliciesFound(json));
            }
        });
    }

    private void OnPolicies(PoliciesFound found)
    {
        if (!PolicySetVersion.TryRead(found.Json.Span, out var version))
        {
            _logger.Error("meta key {0}: {1} bytes that are no policy set with a version of 1 or more: ignored", PoliciesKey, found.Json.Length);
            return;
        }

        if (_policies is null || version > _policies.Version)
        {
            _policies = new PoliciesRecord(version, found.Json);
            PumpAll();
        }
    }

    private void OnBeat()
    {
        foreach (var pace in _partitions)
        {
            pace.TickIsDue = true;
        }

        PumpAll();
    }

    private void OnWritten(Written written)
    {
        var pace = _partitions[written.Partition];
        pace.IsWriting = false;
        if (written.Failure is { } failure)
        {
            // A tick that failed is not written later: the next one says more. Policies are tried again with the next beat.
            _logger.Warning("pacemaker: partition {0}: {1}", written.Partition, failure);
            return;
        }

        _metrics.ControlRecordWritten();
        pace.PolicyVersion = Math.Max(pace.PolicyVersion, written.PolicyVersion);
        Pump(written.Partition);
    }

    private void PumpAll()
    {
        for (var partition = 0; partition < _partitions.Length; partition++)
        {
            Pump(partition);
        }
    }

    // One record at a time and partition, so that a tick never names a version that is not in the log before it.
    private void Pump(int partition)
    {
        var pace = _partitions[partition];
        if (pace.IsWriting)
        {
            return;
        }

        ControlRecord record;
        if (_policies is { } policies && policies.Version > pace.PolicyVersion)
        {
            record = policies;
        }
        else if (pace.TickIsDue)
        {
            pace.TickIsDue = false;
            record = new TickRecord(pace.PolicyVersion, _time.GetUtcNow().ToUnixTimeMilliseconds());
        }
        else
        {
            return;
        }

        pace.IsWriting = true;
        var version = record is PoliciesRecord written ? written.Version : pace.PolicyVersion;
        _log.WriteAsync(partition, record).PipeTo(
            Self,
            success: () => new Written(partition, version, null),
            failure: failure => new Written(partition, version, failure.Message));
    }

    /// <summary>A policy set was found in the meta topic.</summary>
    public sealed record PoliciesFound(ReadOnlyMemory<byte> Json) : INoSerializationVerificationNeeded;

    /// <summary>The meta topic has been read.</summary>
    public sealed class PoliciesRead : INoSerializationVerificationNeeded
    {
        private PoliciesRead()
        {
        }

        /// <summary>The only one.</summary>
        public static PoliciesRead Instance { get; } = new();
    }

    private sealed class Beat : INoSerializationVerificationNeeded
    {
        public static Beat Instance { get; } = new();
    }

    private sealed record Written(int Partition, long PolicyVersion, string? Failure) : INoSerializationVerificationNeeded;

    private sealed class PartitionPace
    {
        public long PolicyVersion { get; set; }

        public bool TickIsDue { get; set; }

        public bool IsWriting { get; set; }
    }
}
