using System.Globalization;
using System.Text;
using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Services;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>Starts live tails: an actor for each, subscribed at every partition.</summary>
internal sealed class TailHub(Partitions partitions, TimeProvider time) : ITailService
{
    /// <inheritdoc/>
    public Task<TailOutcome> SubscribeAsync(TailRequest request, CancellationToken cancellation)
    {
        if (QuerySupport.CheckTail(request.Filter, request.Calculations) is { Count: > 0 } unsupported)
        {
            return Task.FromResult<TailOutcome>(new TailOutcome.Refused(unsupported));
        }

        if (!ResumePlace.TryParse(request.ResumeToken, partitions.Count, out var offsets))
        {
            return Task.FromResult<TailOutcome>(new TailOutcome.Refused(
                [new("resume", request.ResumeToken!, "resume: not a token that a tail of this cluster gave out; leave it out to begin now")]));
        }

        IActorRef? session = null;
        var subscription = new TailSubscription(request, time, () =>
        {
            session?.Tell(PoisonPill.Instance);
            return ValueTask.CompletedTask;
        });
        session = partitions.System.ActorOf(Props.Create(() => new TailSession(partitions, partitions.NextId(), subscription, offsets)));
        return Task.FromResult<TailOutcome>(new TailOutcome.Started(subscription));
    }
}

/// <summary>Where a tail stands: the next offset of each partition, -1 = from now. As text: offsets joined by '.', in hexadecimal.</summary>
internal static class ResumePlace
{
    public static bool TryParse(string? token, int partitions, out long[] offsets)
    {
        offsets = new long[partitions];
        Array.Fill(offsets, -1);
        if (token is null)
        {
            return true;
        }

        var parts = token.Split('.');
        if (parts.Length != partitions)
        {
            return false;
        }

        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i] != "-" && (!long.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out offsets[i]) || offsets[i] < 0))
            {
                return false;
            }
        }

        return true;
    }

    public static string Format(long[] offsets)
    {
        var text = new StringBuilder();
        foreach (var offset in offsets)
        {
            text.Append(text.Length == 0 ? "" : ".").Append(offset < 0 ? "-" : offset.ToString("x", CultureInfo.InvariantCulture));
        }

        return text.ToString();
    }
}

/// <summary>
/// One tail: keeps its subscriptions at the partitions alive (again after they moved, from where it stood), offers rows to the bounded queue of its subscriber and
/// merges the running calculations.
/// </summary>
internal sealed class TailSession : ReceiveActor, IWithTimers
{
    private static readonly ResolvedTime Always = new(long.MinValue / 2, long.MaxValue / 2, int.MaxValue);

    private readonly Partitions _partitions;
    private readonly long _id;
    private readonly TailSubscription _subscription;
    private readonly long[] _offsets;
    private readonly bool[] _known;
    private readonly bool[] _heard;
    private readonly LeafPlan? _plan;
    private readonly PartialResult? _calculated;

    public TailSession(Partitions partitions, long id, TailSubscription subscription, long[] offsets)
    {
        _partitions = partitions;
        _id = id;
        _subscription = subscription;
        _offsets = offsets;
        _known = new bool[offsets.Length];
        _heard = new bool[offsets.Length];
        if (subscription.Request.Calculations.Count > 0)
        {
            _plan = new(subscription.Request.Dataset, new() { Calculations = subscription.Request.Calculations }, Always);
            _calculated = new(_plan);
        }

        Receive<TailStarted>(OnStarted);
        Receive<TailRows>(OnRows);
        Receive<Renew>(_ => OnRenew());
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Array.Fill(_heard, true);
        for (var partition = 0; partition < _offsets.Length; partition++)
        {
            Subscribe(partition);
        }

        Timers.StartPeriodicTimer(nameof(Renew), new Renew(), CoordinationLimits.TailRenewedEvery);
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        for (var partition = 0; partition < _offsets.Length; partition++)
        {
            _partitions.Region.Tell(new TailUnsubscribe(partition, _id));
        }

        _subscription.Complete("the tail was ended by the server");
    }

    private void Subscribe(int partition)
    {
        var request = _subscription.Request;
        _partitions.Region.Tell(new TailSubscribe(
            partition, _id, request.Dataset, request.Filter, request.RatePerSecond, request.Calculations, _offsets[partition] < 0 ? null : _offsets[partition]));
    }

    private void OnStarted(TailStarted started)
    {
        _heard[started.Partition] = true;
        if (started.Refusal.Length > 0)
        {
            _subscription.Complete(started.Refusal);
            return;
        }

        if (!started.Known)
        {
            _known[started.Partition] = false;
            Subscribe(started.Partition);
            return;
        }

        _known[started.Partition] = true;
        if (_offsets[started.Partition] < 0)
        {
            _offsets[started.Partition] = started.HeadOffset;
        }
    }

    private void OnRows(TailRows rows)
    {
        if (rows.Offset < _offsets[rows.Partition])
        {
            return;     // seen before a resubscription
        }

        _offsets[rows.Partition] = rows.Offset + 1;
        var token = ResumePlace.Format(_offsets);
        foreach (var (_, json) in rows.Rows)
        {
            _subscription.Offer(new(json, token));
        }

        _subscription.CountSkipped(rows.Matched - rows.Rows.Count);
        if (_calculated is not null && !rows.Calculated.IsEmpty)
        {
            _calculated.Import(rows.Calculated.Span);
            Publish();
        }
    }

    private void OnRenew()
    {
        for (var partition = 0; partition < _offsets.Length; partition++)
        {
            if (!_heard[partition])
            {
                _known[partition] = false;
            }

            _heard[partition] = false;
            if (_known[partition])
            {
                _partitions.Region.Tell(new TailRenew(partition, _id));
            }
            else
            {
                Subscribe(partition);
            }
        }

        Publish();
    }

    private void Publish()
    {
        var failed = new List<FailedPartition>();
        for (var partition = 0; partition < _known.Length; partition++)
        {
            if (!_known[partition])
            {
                failed.Add(new(partition, "not subscribed at the moment", true));
            }
        }

        _subscription.Progress = new(Finish(), failed);
    }

    private IReadOnlyList<AnswerCell> Finish()
    {
        if (_calculated is null)
        {
            return [];
        }

        var receipt = new Receipt { Asked = 0, Answered = 0, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] };
        return AnswerBuilder.Build(_calculated, receipt).Results is [var row] ? row.Cells : [];
    }

    private sealed record Renew;
}
