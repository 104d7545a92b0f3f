using Akka.Actor;
using Microsoft.Extensions.Logging;
using StreamObserve.Contracts.Messages;
using StreamObserve.Kafka;
using StreamObserve.Processors.LogPasses;
using StreamObserve.Processors.Queries;
using StreamObserve.Storage;

namespace StreamObserve.Processors;

/// <summary>What a partition actor is made of; the same for all partitions of a node.</summary>
public sealed record PartitionActorServices(
    ProcessorSettings Settings, KafkaSettings Kafka, CutScheduler Cuts, ProcessorMetrics Metrics, PartitionBoard Board, TimeProvider Time, ILoggerFactory Logs);

/// <summary>
/// A partition as the cluster reaches it. Answers queries over what its child, the <see cref="PartitionWriter"/>, published last: they never wait behind a burst that is
/// being folded or sealed. Everything else goes to the writer. Ends when the writer does.
/// </summary>
public sealed class PartitionActor : ReceiveActor
{
    private readonly int _partition;
    private readonly PartitionActorServices _services;
    private readonly ILogger _log;
    private readonly PublishedView _view = new();
    private readonly Dictionary<long, CancellationTokenSource> _running = [];
    private readonly LinkedList<(ILeafQuestion Question, IActorRef Asker)> _waiting = new();
    private IActorRef _writer = ActorRefs.Nobody;
    private RunningLogQuestion? _logQuestion;
    private long _lastLogQuestion = -1;

    /// <summary>For one partition.</summary>
    public PartitionActor(int partition, PartitionActorServices services)
    {
        _partition = partition;
        _services = services;
        _log = services.Logs.CreateLogger<PartitionActor>();

        Receive<ILeafQuestion>(OnLeafQuestion);
        Receive<LeafDone>(OnLeafDone);
        Receive<CancelLeafQuery>(cancel => Cancel(cancel.QueryId));
        Receive<TraceLookup>(OnTraceLookup);
        Receive<ILogQuestion>(OnLogQuestion);
        Receive<LogQuestionDone>(OnLogQuestionDone);
        Receive<PromotionStored>(stored => EndLogQuestion(stored.Failure is { } failure ? stored.Answer with { Promoted = 0, Reach = LogReach.Failed(failure) } : stored.Answer));
        Receive<PartitionStatusQuery>(_ => Sender.Tell(Status()));
        Receive<Terminated>(_ => Context.Stop(Self));
        ReceiveAny(message => _writer.Forward(message));
    }

    /// <summary>How to make the actor of a partition.</summary>
    public static Props Props(int partition, PartitionActorServices services) => Akka.Actor.Props.Create(() => new PartitionActor(partition, services));

    /// <inheritdoc/>
    protected override void PreStart() => _writer = Context.Watch(Context.ActorOf(PartitionWriter.Props(_partition, _services, _view), "writer"));

    /// <inheritdoc/>
    protected override void PostStop()
    {
        foreach (var cancellation in _running.Values)
        {
            cancellation.Cancel();
        }

        _logQuestion?.Cancellation.Cancel();
    }

    private void OnLeafQuestion(ILeafQuestion question)
    {
        if (_view.Current is not { IsReplaying: false } view)
        {
            // Rows that are being read again are missing from what is held: no answer is better than one that looks whole.
            Refuse(question, Sender, LeafStatus.Unavailable, _view.Current is null ? "the partition is being opened" : "the partition reads its log again after a restart");
            return;
        }

        Sender.Tell(new LeafAccepted(_partition, question.QueryId));
        if (_running.ContainsKey(question.QueryId) || _waiting.Any(waiting => waiting.Question.QueryId == question.QueryId))
        {
            return;     // asked again by somebody who has waited long: it is under way
        }

        if (_running.Count < Limits.LeafQueriesAtOnce)
        {
            Start(question, Sender, view);
        }
        else if (_waiting.Count < Limits.LeafQueriesWaitingMax)
        {
            _waiting.AddLast((question, Sender));
        }
        else
        {
            Refuse(question, Sender, LeafStatus.Overloaded, $"{Limits.LeafQueriesWaitingMax} queries wait already");
        }
    }

    private void Refuse(ILeafQuestion question, IActorRef asker, LeafStatus status, string reason) =>
        asker.Tell(new LeafAnswer(_partition, question.QueryId, status, reason, null, null));

    private void Start(ILeafQuestion question, IActorRef asker, PartitionView view)
    {
        var cancellation = CancellationTokenSource.CreateLinkedTokenSource(view.Closed);
        _running[question.QueryId] = cancellation;
        var started = _services.Time.GetTimestamp();
        Task.Run(() => Leaf.AnswerAsync(question, view.Snapshot, _services.Settings.Scans, cancellation.Token), CancellationToken.None)
            .PipeTo(Self, Self, answer => new LeafDone(question.QueryId, asker, answer, started), cause => new LeafDone(question.QueryId, asker, Leaf.Failed(question, cause), started));
    }

    private void OnLeafDone(LeafDone done)
    {
        if (_running.Remove(done.QueryId, out var cancellation))
        {
            cancellation.Dispose();
        }

        if (done.Answer.Status == LeafStatus.Failed)
        {
            _log.LogError("partition {Partition}: a leaf query failed: {Reason}", _partition, done.Answer.Text);
        }

        done.Asker.Tell(done.Answer);
        _services.Metrics.LeafQueryDone(done.Answer.Status.ToString(), _services.Time.GetElapsedTime(done.Started));
        while (_running.Count < Limits.LeafQueriesAtOnce && _waiting.First is { } next)
        {
            _waiting.RemoveFirst();
            if (_view.Current is { IsReplaying: false } view)
            {
                Start(next.Value.Question, next.Value.Asker, view);
            }
            else
            {
                Refuse(next.Value.Question, next.Value.Asker, LeafStatus.Unavailable, "the partition is being opened again");
            }
        }
    }

    /// <summary>Stops a question that runs; one that waits is forgotten. Nobody waits for its answer.</summary>
    private void Cancel(long queryId)
    {
        if (_logQuestion?.Question.QueryId == queryId)
        {
            _logQuestion.Cancellation.Cancel();
            return;
        }

        if (_running.TryGetValue(queryId, out var cancellation))
        {
            cancellation.Cancel();
            return;
        }

        for (var node = _waiting.First; node is not null; node = node.Next)
        {
            if (node.Value.Question.QueryId == queryId)
            {
                _waiting.Remove(node);
                return;
            }
        }
    }

    private void OnTraceLookup(TraceLookup lookup)
    {
        if (_view.Current is not { IsReplaying: false } view)
        {
            Sender.Tell(new TraceFound(_partition, lookup.QueryId, [], -1, null, "", "the partition is being opened", null));
            return;
        }

        Task.Run(() => TraceReader.FindAsync(lookup, view.Snapshot, view.Traces, _services.Settings.Scans))
            .PipeTo(Sender, Self, found => found, cause => new TraceFound(_partition, lookup.QueryId, [], -1, null, "", cause.Message, null));
    }

    /// <summary>Reads the log once more; one question at a time, since it costs what the head does.</summary>
    private void OnLogQuestion(ILogQuestion question)
    {
        if (_logQuestion?.Question.QueryId == question.QueryId || _lastLogQuestion == question.QueryId)
        {
            Sender.Tell(new LeafAccepted(_partition, question.QueryId));
            return;     // asked again by somebody who has waited long: it is under way, or its answer is
        }

        if (_view.Current is not { IsReplaying: false } view)
        {
            Sender.Tell(LogQuestions.Refused(question, "the partition is being opened"));
            return;
        }

        if (_logQuestion is not null)
        {
            Sender.Tell(LogQuestions.Refused(question, "another promotion or dry run is under way; ask again when it has ended"));
            return;
        }

        Sender.Tell(new LeafAccepted(_partition, question.QueryId));
        var running = new RunningLogQuestion(question, Sender, CancellationTokenSource.CreateLinkedTokenSource(view.Closed));
        _logQuestion = running;
        var log = new KafkaBatchLog(_services.Kafka, new(_services.Settings.BatchesTopic, _partition), _services.Settings.ReadAheadBytes, _log);
        var self = Self;
        LogQuestions.Start(question, view.Snapshot, log, _services, done => self.Tell(done, self), running.Cancellation.Token);
    }

    private void OnLogQuestionDone(LogQuestionDone done)
    {
        if (done.Promoted.Count == 0 || _logQuestion?.Question.QueryId != done.Answer.QueryId)
        {
            EndLogQuestion(done.Answer);
            return;
        }

        _writer.Tell(new StorePromotion(done.Promoted, (PromoteDone)done.Answer));
    }

    private void EndLogQuestion(ILogAnswer answer)
    {
        if (_logQuestion?.Question.QueryId != answer.QueryId)
        {
            return;     // of a question before this actor was started again
        }

        if (answer.Reach.Failure is not ("" or LogQuestions.Cancelled))
        {
            _log.LogError("partition {Partition}: reading the log once more failed: {Reason}", _partition, answer.Reach.Failure);
        }

        _logQuestion.Asker.Tell(answer);
        _logQuestion.Cancellation.Dispose();
        _lastLogQuestion = answer.QueryId;
        _logQuestion = null;
    }

    private PartitionStatus Status() => _view.Current is { } view
        ? new(_partition, !view.IsReplaying, view.PolicyVersion, view.KeptRows, view.DroppedRows, Leaf.Coverage(view.Snapshot))
        : new(_partition, false, 0, 0, 0, null);

    private sealed record RunningLogQuestion(ILogQuestion Question, IActorRef Asker, CancellationTokenSource Cancellation);

    private sealed record LeafDone(long QueryId, IActorRef Asker, LeafAnswer Answer, long Started);
}
