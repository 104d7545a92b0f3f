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
/// </summary>
internal sealed class FanOut<TReply> : ReceiveActor, IWithTimers
    where TReply : class
{
    private readonly IActorRef _region;
    private readonly IReadOnlyList<IPartitionMessage> _questions;
    private readonly Func<TReply, int> _partitionOf;
    private readonly bool _accepts;
    private readonly FanOutPromise<TReply> _done;
    private readonly Dictionary<int, bool> _open = [];
    private readonly List<TReply> _replies = [];
    private readonly List<FailedPartition> _failed = [];
    private bool _hasHedged;

    /// <summary>One question a partition; <paramref name="accepts"/> = they say at once that they have it.</summary>
    public FanOut(IActorRef region, IReadOnlyList<IPartitionMessage> questions, Func<TReply, int> partitionOf, bool accepts, FanOutPromise<TReply> done)
    {
        _region = region;
        _questions = questions;
        _partitionOf = partitionOf;
        _accepts = accepts;
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
        Receive<Late>(_ => OnLate());
        Receive<TooLate>(_ => GiveUp(_open.Keys, "no answer in time"));
        Receive<FanOutCancelled>(_ => OnCancelled());
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

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

        Timers.StartSingleTimer(nameof(Late), new Late(), CoordinationLimits.AcceptedWithin);
        Timers.StartSingleTimer(nameof(TooLate), new TooLate(), CoordinationLimits.AnsweredWithin);
        End();
    }

    /// <inheritdoc/>
    protected override void PostStop() => _done.Set(new(_replies, _failed));

    private void OnReply(TReply reply)
    {
        if (_open.Remove(_partitionOf(reply)))
        {
            _replies.Add(reply);
            End();
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

    private void OnLate() => GiveUp(
        _open.Where(partition => !_accepts || !partition.Value).Select(partition => partition.Key),
        $"no sign of life within {CoordinationLimits.AcceptedWithin.TotalMilliseconds} ms: its owner is down, moving or overloaded");

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
        foreach (var question in _questions)
        {
            if (question is ILeafQuestion query && _open.ContainsKey(query.Partition))
            {
                _region.Tell(new CancelLeafQuery(query.Partition, query.QueryId));
            }
        }

        Context.Stop(Self);
    }

    private void End()
    {
        if (_open.Count == 0)
        {
            Context.Stop(Self);
        }
    }

    private sealed record Hedge;

    private sealed record Late;

    private sealed record TooLate;
}

/// <summary>Tells a fan-out that nobody waits any more.</summary>
internal sealed record FanOutCancelled
{
    public static FanOutCancelled Instance { get; } = new();
}
