using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>What the partitions said: one reply each, or why there is none. Asked = Replies.Count + Failed.Count.</summary>
internal sealed record FanOutReplies<TReply>(IReadOnlyList<TReply> Replies, IReadOnlyList<FailedPartition> Failed);

/// <summary>
/// The replies of a fan-out, for the one who waits for them. Lets go of them when it is kept: of an actor that has ended the actor system holds the props, in timers that were cancelled,
/// until the last of them would have come, and half a minute of answers is more than a process has memory for. Set once; thread-safe.
/// </summary>
internal sealed class FanOutPromise<TReply>
{
    private TaskCompletionSource<FanOutReplies<TReply>>? _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The replies to come. To be asked for before the fan-out begins.</summary>
    public Task<FanOutReplies<TReply>> Task => _source?.Task ?? throw new InvalidOperationException("the promise was kept");

    /// <summary>Keeps the promise.</summary>
    public void Set(FanOutReplies<TReply> replies) => Interlocked.Exchange(ref _source, null)?.SetResult(replies);
}

/// <summary>
/// Asks partitions one question and collects their replies. An actor for one question: partitions answer in two steps (accepted, answered) or in one; what does
/// not come in time counts as missing. Those of two steps that are slow are asked again: whoever owns the partition by then answers, and the first answer counts.
/// One who insists on all of them waits longer: a partition that moves to another owner is away for a moment, and is asked until it is back.
/// </summary>
internal sealed class FanOut<TReply> : ReceiveActor, IWithTimers
    where TReply : class
{
    private readonly IActorRef _region;
    private readonly IReadOnlyList<IPartitionMessage> _questions;
    private readonly Func<TReply, int> _partitionOf;
    private readonly bool _accepts;
    private readonly bool _insists;
    private readonly FanOutPromise<TReply> _done;
    private readonly Dictionary<int, bool> _open = [];
    private readonly Dictionary<int, TReply> _refusals = [];
    private readonly List<TReply> _replies = [];
    private readonly List<FailedPartition> _failed = [];
    private bool _hasHedged;
    private bool _isLate;

    /// <summary>One question a partition; <paramref name="accepts"/> = they say at once that they have it; <paramref name="insists"/> = an answer without one of them is of no use.</summary>
    public FanOut(IActorRef region, IReadOnlyList<IPartitionMessage> questions, Func<TReply, int> partitionOf, bool accepts, bool insists, FanOutPromise<TReply> done)
    {
        _region = region;
        _questions = questions;
        _partitionOf = partitionOf;
        _accepts = accepts;
        _insists = insists;
        _done = done;
        Receive<LeafAccepted>(accepted =>
        {
            if (_open.ContainsKey(accepted.Partition))
            {
                _open[accepted.Partition] = true;
            }
        });
        Receive<TReply>(OnReply);
        Receive<Hedge>(_ => OnHedge());
        Receive<AskAgain>(again => AskOne(again.Partition));
        Receive<Late>(_ => OnLate());
        Receive<TooLate>(_ =>
        {
            CancelOpen();
            GiveUp(_open.Keys, "no answer in time");
        });
        Receive<FanOutCancelled>(_ => OnCancelled());
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan AcceptedWithin => _insists ? CoordinationLimits.BackWithin : CoordinationLimits.AcceptedWithin;

    /// <inheritdoc/>
    protected override void PreStart()
    {
        foreach (var question in _questions)
        {
            _open[question.Partition] = false;
            _region.Tell(question);
        }

        if (_accepts)
        {
            Timers.StartSingleTimer(nameof(Hedge), new Hedge(), CoordinationLimits.HedgedAfter);
        }

        Timers.StartSingleTimer(nameof(Late), new Late(), AcceptedWithin);
        Timers.StartSingleTimer(nameof(TooLate), new TooLate(), CoordinationLimits.AnsweredWithin);
        End();
    }

    /// <inheritdoc/>
    protected override void PostStop() => _done.Set(new(_replies, _failed));

    private void OnReply(TReply reply)
    {
        var partition = _partitionOf(reply);
        if (!_open.ContainsKey(partition))
        {
            return;
        }

        if (_insists && !_isLate && reply is LeafAnswer { Status: LeafStatus.Unavailable })
        {
            _open[partition] = false;
            _refusals[partition] = reply;
            Timers.StartSingleTimer((nameof(AskAgain), partition), new AskAgain(partition), CoordinationLimits.RefusedAskedAgainAfter);
            return;
        }

        _open.Remove(partition);
        _replies.Add(reply);
        End();
    }

    private void AskOne(int partition)
    {
        if (_open.ContainsKey(partition))
        {
            _region.Tell(_questions.First(question => question.Partition == partition));
        }
    }

    private void OnHedge()
    {
        foreach (var question in _questions)
        {
            // The first time only those that gave no sign of life; after that all that are still awaited.
            if (_open.TryGetValue(question.Partition, out var accepted) && (_hasHedged || !accepted))
            {
                _region.Tell(question);
            }
        }

        _hasHedged = true;
        Timers.StartSingleTimer(nameof(Hedge), new Hedge(), CoordinationLimits.HedgedEvery);
    }

    private void OnLate()
    {
        _isLate = true;
        foreach (var (partition, refusal) in _refusals)
        {
            // Its own words say more than that it is late.
            if (_open.TryGetValue(partition, out var accepted) && !accepted)
            {
                _open.Remove(partition);
                _replies.Add(refusal);
            }
        }

        GiveUp(
            _open.Where(partition => !_accepts || !partition.Value).Select(partition => partition.Key),
            $"no sign of life within {AcceptedWithin.TotalMilliseconds} ms: its owner is down, moving or overloaded");
    }

    private void GiveUp(IEnumerable<int> partitions, string reason)
    {
        foreach (var partition in partitions.ToList())
        {
            _open.Remove(partition);
            _failed.Add(new(partition, reason, true));
        }

        End();
    }

    private void OnCancelled()
    {
        CancelOpen();
        Context.Stop(Self);
    }

    private void CancelOpen()
    {
        foreach (var question in _questions)
        {
            var id = question switch { ILeafQuestion leaf => leaf.QueryId, ILogQuestion log => log.QueryId, _ => (long?)null };
            if (id is { } running && _open.ContainsKey(question.Partition))
            {
                _region.Tell(new CancelLeafQuery(question.Partition, running));
            }
        }
    }

    private void End()
    {
        if (_open.Count == 0)
        {
            Context.Stop(Self);
        }
    }

    private sealed record Hedge;

    private sealed record AskAgain(int Partition);

    private sealed record Late;

    private sealed record TooLate;
}

/// <summary>Tells a fan-out that nobody waits any more.</summary>
internal sealed record FanOutCancelled
{
    public static FanOutCancelled Instance { get; } = new();
}
