using Akka.Actor;
using Microsoft.Extensions.Logging;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Processors.LogPasses;
using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;
using StreamObserve.Processors.Tail;
using StreamObserve.Storage;

namespace StreamObserve.Processors;

/// <summary>
/// The single writer of one partition: reads its log, lets <see cref="PartitionState"/> do the work a burst at a time, cuts, serves live tails, and publishes what
/// queries see after each step. Runs on the storage dispatcher, since the stores may block. Anything unexpected closes the state; it is opened again from its cut a
/// little later.
/// </summary>
internal sealed class PartitionWriter : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan ReopenAfter = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TrailWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan TailForgottenAfter = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan FinalCutMax = TimeSpan.FromSeconds(3);

    private readonly int _partition;
    private readonly PartitionActorServices _services;
    private readonly ILogger _log;
    private readonly TailSubscriptions _tails;
    private readonly PublishedView _view;
    private CancellationTokenSource _reading = new();
    private PartitionState? _state;
    private BatchLogReader? _reader;
    private BatchLogReader? _rereader;
    private Thread? _merging;
    private readonly List<PromoteDone> _promotions = [];
    private readonly List<PromoteDone> _promotionsInCut = [];
    private bool _cutting;
    private long _cutHead = -1;
    private int _generation;

    /// <summary>For one partition.</summary>
    public PartitionWriter(int partition, PartitionActorServices services, PublishedView view)
    {
        _partition = partition;
        _services = services;
        _view = view;
        _log = services.Logs.CreateLogger<PartitionWriter>();
        _tails = new(partition, services.Time, TailForgottenAfter);

        Receive<Open>(_ => OpenState());
        Receive<Read>(OnRead);
        Receive<Reread>(OnReread);
        Receive<TrailTick>(_ => OnTrailTick());
        Receive<ReadFailed>(failed =>
        {
            if (failed.Generation == _generation)
            {
                Fail("log", failed.Cause);
            }
        });
        Receive<MergeDone>(OnMergeDone);
        Receive<CutTick>(_ => Guarded(BeginCut));
        Receive<CutDone>(done => OnCutDone(done));
        Receive<StorePromotion>(OnStorePromotion);
        Receive<CatalogQuery>(OnCatalogQuery);
        Receive<TailSubscribe>(subscribe => Guarded(() => OnTailSubscribe(subscribe)));
        Receive<TailRenew>(renew => Sender.Tell(new TailStarted(_partition, renew.SubscriptionId, _state is not null && _tails.Renew(renew.SubscriptionId), _state?.Head.Offset ?? -1, "")));
        Receive<TailUnsubscribe>(unsubscribe => _tails.Remove(unsubscribe.SubscriptionId));
        Receive<TailTick>(_ => _tails.Expire());
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to make the writer of a partition.</summary>
    public static Props Props(int partition, PartitionActorServices services, PublishedView view) =>
        Akka.Actor.Props.Create(() => new PartitionWriter(partition, services, view)).WithDispatcher(Hosting.ClusterHosting.StorageDispatcher);

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Timers.StartPeriodicTimer(CutTick.Instance, CutTick.Instance, _services.Settings.CutInterval);
        Timers.StartPeriodicTimer(TailTick.Instance, TailTick.Instance, TimeSpan.FromSeconds(5));
        Self.Tell(Open.Instance);
    }

    /// <inheritdoc/>
    protected override void PostStop()
    {
        if (_state is { } state)
        {
            FinalCut(state);
        }

        CloseState();
    }

    private void OpenState()
    {
        if (_state is not null)
        {
            return;
        }

        var settings = _services.Settings;
        try
        {
            if (_generation == 0 && Directory.Exists(settings.DryRunFolderOf(_partition)))
            {
                Directory.Delete(settings.DryRunFolderOf(_partition), recursive: true);      // of one that a crash ended
            }

            var store = PartitionStore<TraceSummary>.Open(
                settings.FolderOf(_partition), settings.StoreOptions, PartitionSettings.Fingerprint(_partition, settings.Partitions), _services.Cuts, _services.Time, _log);
            foreach (var damage in store.Damages)
            {
                _log.LogError("partition {Partition}: {Damage}", _partition, damage);
            }

            try
            {
                _state = new(_partition, store, settings.Partition, _log);
            }
            catch
            {
                store.Dispose();
                throw;
            }
        }
        catch (SettingsMismatchException mismatch)
        {
            // Trying again changes nothing: a person has to choose.
            _log.LogCritical("partition {Partition} is not opened: {Reason}", _partition, mismatch.Message);
            _services.Board.Fail(_partition, mismatch.Message);
            return;
        }
        catch (StorageException failure)
        {
            _log.LogError(failure, "partition {Partition} can't be opened; trying again in {After}", _partition, ReopenAfter);
            _services.Board.Fail(_partition, failure.Message);
            Timers.StartSingleTimer(Open.Instance, Open.Instance, ReopenAfter);
            return;
        }

        _generation++;
        _cutHead = _state.Head.Offset;
        _reading = new();
        _reader = new(_services.Kafka, new(settings.BatchesTopic, _partition), _state.Head.Offset, _log, "head", _services.Settings.ReadAheadBytes);
        Publish();
        _services.Board.Open(_partition, _state);
        _log.LogInformation(
            "partition {Partition} opened: epoch {Epoch}, reading from {Offset}{Replay}", _partition, _state.Store.Epoch, _state.Head.Offset, _state.IsReplaying ? " (replaying)" : "");
        ReadOn();
    }

    /// <summary>Shows queries the state as it is now, between two steps.</summary>
    private void Publish() => _view.Publish(new(
        _state!.Snapshot(), _state.Traces, _state.IsReplaying, _state.PolicyVersion, _state.KeptRows, _state.DroppedRows, _reading.Token));

    private void ReadOn()
    {
        var generation = _generation;
        var reader = _reader!;
        var token = _reading.Token;
        Pipe(reader.ReadAsync(token), burst => new Read(generation, burst), generation);
    }

    private void Pipe(ValueTask<LogBurst> read, Func<LogBurst, object> wrap, int generation) =>
        read.AsTask().PipeTo(Self, Self, wrap, cause => new ReadFailed(generation, cause));

    private void OnRead(Read read)
    {
        if (read.Generation != _generation || _state is null)
        {
            return;
        }

        Guarded(() =>
        {
            _state.Apply(read.Burst, _tails);
            Publish();
            _services.Board.Advance(_partition, _state, read.Burst.EndOffset, read.Burst.AtEnd);
            RereadIfNeeded();
            TrailOnIfWaiting();
            ReadOn();
            MergeIfDue();
        });
    }

    /// <summary>Folds are merged on a thread beside: the head goes on meanwhile.</summary>
    private void MergeIfDue()
    {
        if (_state!.TakeMerge() is not { } merge)
        {
            return;
        }

        var (writer, generation, token) = (Self, _generation, _reading.Token);
        _merging = new(() => writer.Tell(new MergeDone(generation, merge, Merge(merge, token)), writer)) { IsBackground = true, Name = $"merge {_partition}" };
        try
        {
            _merging.Start();
        }
        catch
        {
            merge.Abandon();
            throw;
        }
    }

    /// <summary>Merges on this thread, which does nothing else; what went wrong. It tells the writer itself: a task's end could make the pool start a thread here, which would step back as well.</summary>
    private static Exception? Merge(FoldMerge merge, CancellationToken cancellation)
    {
        ThreadPriorities.StepBack();
        try
        {
            merge.Run(cancellation);
            return null;
        }
        catch (Exception cause)
        {
            return cause;
        }
    }

    private void OnMergeDone(MergeDone done)
    {
        if (done.Generation != _generation || _state is null)
        {
            return;
        }

        if (done.Cause is not null)
        {
            Fail("merge", done.Cause);
            return;
        }

        Guarded(() =>
        {
            _state.Complete(done.Merge);
            Publish();
            MergeIfDue();
        });
    }

    private void OnTrailTick()
    {
        if (_state is null)
        {
            return;
        }

        Guarded(() =>
        {
            _state.GoOn();
            Publish();
            RereadIfNeeded();
            TrailOnIfWaiting();
        });
    }

    /// <summary>The trailing cursor seals a block at a time, so that the head's batches, and the live tails that wait for them, come in between.</summary>
    private void TrailOnIfWaiting()
    {
        if (_state!.TrailWaits)
        {
            Timers.StartSingleTimer(TrailTick.Instance, TrailTick.Instance, TrailWait);
        }
    }

    private void RereadIfNeeded()
    {
        if (_rereader is null && _state!.NeedsReread(out var offset))
        {
            _rereader = new(_services.Kafka, new(_services.Settings.BatchesTopic, _partition), offset, _log, "trailing", _services.Settings.ReadAheadBytes);
            var generation = _generation;
            Pipe(_rereader.ReadAsync(_reading.Token), burst => new Reread(generation, burst), generation);
        }
    }

    private void OnReread(Reread reread)
    {
        if (reread.Generation != _generation || _state is null || _rereader is null)
        {
            return;
        }

        Guarded(() =>
        {
            var more = _state.Refill(reread.Burst);
            Publish();
            if (more && _state.NeedsReread(out var offset) && reread.Burst.NextOffset <= offset)
            {
                var generation = _generation;
                Pipe(_rereader.ReadAsync(_reading.Token), burst => new Reread(generation, burst), generation);
                return;
            }

            _rereader.Dispose();
            _rereader = null;
            RereadIfNeeded();
            TrailOnIfWaiting();
        });
    }

    /// <summary>Stores what was brought back, and cuts at once: it is told when it is durable.</summary>
    private void OnStorePromotion(StorePromotion promotion)
    {
        if (_state is null)
        {
            Context.Parent.Tell(new PromotionStored(promotion.Answer, "the partition is being opened"));
            return;
        }

        _promotions.Add(promotion.Answer);
        Guarded(() =>
        {
            _state.Promote(promotion.Rows);
            Publish();
            BeginCut();
        });
    }

    private void BeginCut()
    {
        if (_state is null || _cutting || _state.IsReplaying || (_state.Head.Offset == _cutHead && _promotions.Count == 0))
        {
            return;
        }

        var pending = _state.BeginCut();
        _cutHead = _state.Head.Offset;
        _cutting = true;
        _promotionsInCut.AddRange(_promotions);
        _promotions.Clear();
        var generation = _generation;
        pending.Completed.PipeTo(Self, Self, done => new CutDone(generation, done.TotalTime, null), cause => new CutDone(generation, default, cause));
    }

    private void OnCutDone(CutDone done)
    {
        if (done.Generation != _generation)
        {
            return;
        }

        _cutting = false;
        if (done.Cause is null)
        {
            _services.Metrics.CutDone(done.Took);
            _services.Board.CutSucceeded(_partition);
            Tell(_promotionsInCut, null);
            if (_promotions.Count > 0)
            {
                Guarded(BeginCut);
            }
        }
        else
        {
            // The state in memory is sound and queries go on; the next cut tries again, fenced owners stop there.
            _services.Metrics.PartitionFailed("cut");
            _services.Board.CutFailed(_partition, done.Cause.Message);
            _log.LogError(done.Cause, "partition {Partition}: a cut failed", _partition);
            _cutHead = -1;
            Tell(_promotionsInCut, $"what was brought back may not outlive a restart: {done.Cause.Message}");
            if (done.Cause is FencedException)
            {
                Fenced(done.Cause);
            }
        }
    }

    /// <summary>Runs a step of the single writer; whatever goes wrong in it closes the state, which is then opened again from its cut.</summary>
    private void Guarded(Action step)
    {
        try
        {
            step();
        }
        catch (FencedException fenced)
        {
            Fenced(fenced);
        }
        catch (Exception failure)
        {
            Fail("state", failure);
        }
    }

    private void Fenced(Exception fenced)
    {
        _log.LogWarning("partition {Partition} has another owner now: {Reason}", _partition, fenced.Message);
        CloseState();
        Context.Stop(Self);
    }

    private void Fail(string where, Exception cause)
    {
        if (cause is OperationCanceledException or ObjectDisposedException && _state is null)
        {
            return;
        }

        _log.LogError(cause, "partition {Partition} failed ({Where}); opening it again from its cut in {After}", _partition, where, ReopenAfter);
        _services.Metrics.PartitionFailed(where);
        _services.Board.Fail(_partition, cause.Message);
        CloseState();
        Timers.StartSingleTimer(Open.Instance, Open.Instance, ReopenAfter);
    }

    private void CloseState()
    {
        _generation++;
        _view.Withdraw();
        _reading.Cancel();
        _reader?.Dispose();
        _rereader?.Dispose();
        _reader = _rereader = null;
        _cutting = false;
        Tell(_promotionsInCut, "the partition is opened again");
        Tell(_promotions, "the partition is opened again");
        _merging?.Join();       // cancelled: it reads the stores
        _merging = null;
        if (_state is { } state)
        {
            _state = null;
            _services.Board.Close(_partition);
            state.Dispose();
        }
    }

    private static void Tell(List<PromoteDone> promotions, string? failure)
    {
        foreach (var answer in promotions)
        {
            Context.Parent.Tell(new PromotionStored(answer, failure));
        }

        promotions.Clear();
    }

    private void FinalCut(PartitionState state)
    {
        try
        {
            if (!_cutting && !state.IsReplaying && state.Head.Offset != _cutHead)
            {
                // So that the next owner has little to read again; without it nothing is lost.
                state.BeginCut().Completed.Wait(FinalCutMax);
            }
        }
        catch (Exception failure) when (failure is StorageException or AggregateException)
        {
            _log.LogWarning("partition {Partition}: no last cut: {Reason}", _partition, failure.Message);
        }
    }

    private void OnCatalogQuery(CatalogQuery query)
    {
        if (_state is null)
        {
            return;     // the asker counts it as missing
        }

        var datasets = _state.Catalog.Datasets
            .Select(d => (d.Key, (IReadOnlyList<CatalogPartField>)[.. d.Value.Select(f => new CatalogPartField(f.Key, f.Value.LastWrittenMs, [.. f.Value.Counts]))])).ToList();
        Sender.Tell(new CatalogPart(_partition, query.QueryId, datasets, Leaf.Coverage(_state.Snapshot())));
    }

    private void OnTailSubscribe(TailSubscribe subscribe)
    {
        if (_state is null)
        {
            return;     // the subscriber asks again
        }

        var refusal = _tails.Add(subscribe, Sender);
        Sender.Tell(new TailStarted(_partition, subscribe.SubscriptionId, refusal is null, _state.Head.Offset, refusal ?? ""));
        if (refusal is null && subscribe.FromOffset is { } from)
        {
            using var reader = new EventBatchReader();
            foreach (var entry in _state.Snapshot().Recent)
            {
                if (entry.Offset >= from && entry.Batch(reader) is { } batch)
                {
                    _tails.Replay(subscribe.SubscriptionId, entry.Offset, batch);
                }
            }
        }
    }

    private sealed record Open
    {
        public static Open Instance { get; } = new();
    }

    private sealed record CutTick
    {
        public static CutTick Instance { get; } = new();
    }

    private sealed record TrailTick
    {
        public static TrailTick Instance { get; } = new();
    }

    private sealed record TailTick
    {
        public static TailTick Instance { get; } = new();
    }

    private sealed record Read(int Generation, LogBurst Burst);

    private sealed record Reread(int Generation, LogBurst Burst);

    private sealed record ReadFailed(int Generation, Exception Cause);

    private sealed record MergeDone(int Generation, FoldMerge Merge, Exception? Cause);

    private sealed record CutDone(int Generation, TimeSpan Took, Exception? Cause);
}
