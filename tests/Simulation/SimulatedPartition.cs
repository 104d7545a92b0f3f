using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;
using StreamObserve.Storage;

namespace StreamObserve.Simulation;

/// <summary>
/// One partition under simulation: its log, its folder, whoever owns it now. Each step does what the partition's actor would do; <see cref="Check"/> compares what
/// the owner holds with <see cref="ReferenceFold"/>.
/// </summary>
internal sealed class SimulatedPartition : IDisposable, IHeadListener
{
    private static readonly PartitionStoreOptions StoreOptions = new()
    {
        MemoryBudgetBytes = 8 << 20,
        AggregatesPageBytes = 128 << 10,
        AggregatesSegmentBytes = 512 << 10,
        BlocksPageBytes = 256 << 10,
        BlocksSegmentBytes = 1 << 20,
        SummariesPageBytes = 64 << 10,
        SummariesSegmentBytes = 256 << 10,
        IndexCheckpointLogBytes = 2 << 20,
        ForceToDisk = false,
    };

    private readonly int _partition;
    private readonly Random _random;
    private readonly PartitionSettings _settings;
    private readonly CutScheduler _scheduler;
    private readonly string _folder;
    private PartitionState? _state;
    private PendingCut? _pending;
    private FoldMerge? _merge;
    private long _listenedTo = -1;

    public SimulatedPartition(int partition, Random random, PartitionSettings settings, CutScheduler scheduler)
    {
        _partition = partition;
        _random = random;
        _settings = settings;
        _scheduler = scheduler;
        _folder = Directory.CreateTempSubdirectory("simulation-").FullName;
        Log = new(random);
        _state = Open();
    }

    public SimulatedLog Log { get; }

    /// <summary>Sealed blocks and folds so far: whether the simulation gets that far.</summary>
    public (int Blocks, int Folds) Reached => _state!.Snapshot() is var snapshot ? (snapshot.Blocks.Count, snapshot.Folds.Count) : default;

    /// <summary>Reads on: all there is, or only some bursts.</summary>
    public void Pump(bool all)
    {
        for (var bursts = all ? int.MaxValue : _random.Next(1, 4); bursts > 0 && _state!.Head.Offset < Log.End; bursts--)
        {
            _state.Apply(Log.Read(_state.Head.Offset, _random.Next(1, 30)), this);
            Reread();
            MergeOn();
        }
    }

    /// <summary>A merge begins as soon as it is due and ends some steps later.</summary>
    private void MergeOn()
    {
        if (_merge is null)
        {
            _merge = _state!.TakeMerge();
        }
        else if (_random.Next(3) == 0)
        {
            _merge.Run(CancellationToken.None);
            _state!.Complete(_merge);
            _merge = null;
        }
    }

    /// <summary>Begins a cut; waits for it or leaves it under way.</summary>
    public void Cut(bool wait)
    {
        if (_pending is { Completed.IsCompleted: false } && !wait)
        {
            return;
        }

        _pending?.Completed.GetAwaiter().GetResult();
        if (_state!.IsReplaying)
        {
            return;
        }

        _pending = _state.BeginCut();
        if (wait)
        {
            _pending.Completed.GetAwaiter().GetResult();
        }
    }

    /// <summary>The process is gone, with all that no cut holds; perhaps while a cut is under way.</summary>
    public void Crash()
    {
        _state!.Dispose();
        _state = null;
        _pending = null;
        _merge = null;
        _listenedTo = -1;
    }

    public void Restart() => _state = Open();

    /// <summary>Another owner opens the partition while this one still lives and works on: it must notice and do no harm.</summary>
    public void Move()
    {
        var former = _state!;
        var pending = _pending;
        _pending = null;
        _merge = null;
        _listenedTo = -1;
        _state = Open();
        if (former.Head.Offset < Log.End)
        {
            Exception? fenced = Record.Exception(() => former.Apply(Log.Read(former.Head.Offset, 20), new Nobody()));
            Assert.True(fenced is null or FencedException, fenced?.ToString());
        }

        if (pending is not null)
        {
            // Under way while the other opened: either it still counted or it was refused.
            Exception? refused = Record.Exception(() => pending.Completed.GetAwaiter().GetResult());
            Assert.True(refused is null or FencedException, refused?.ToString());
        }

        if (!former.IsReplaying)
        {
            Assert.Throws<FencedException>(() => former.BeginCut().Completed.GetAwaiter().GetResult());
        }

        former.Dispose();
    }

    /// <summary>After a crash, retention takes some of the log that the restart needs. The restart reads all the rest and cuts.</summary>
    public void RestartWithLoss()
    {
        Log.TruncateBefore(_random.NextInt64(Log.Start, Log.End + 1));
        var store = OpenStore();
        long head = 0, folded = 0, sealedTo = 0;
        if (store.Recovered is { } recovered)
        {
            var cut = CutPayload.Decode(recovered.Payload.Span);
            (head, folded, sealedTo) = (cut.Head.Offset, cut.Folded.Offset, cut.Sealed.Offset);
        }

        foreach (var record in Log.Records)
        {
            if (record.Offset < Log.Start)
            {
                record.IsUnseen |= record.Offset >= head;
                record.IsLostToAggregates |= record.Offset >= folded;
                record.IsLostToRows |= record.Offset >= sealedTo;
            }
        }

        _state = new(_partition, store, _settings, NullLogger.Instance);
        Pump(all: true);
        Cut(wait: true);
    }

    /// <summary>State = fold of the log.</summary>
    public void Check()
    {
        var state = _state!;
        if (state.IsReplaying)
        {
            return;
        }

        var snapshot = state.Snapshot();
        var reference = new ReferenceFold(_partition, Log.Records, state.Head.Offset, _settings.WindowMs);
        CheckCursors(snapshot, reference, state.NeedsReread(out _));
        CheckRows(snapshot, reference, state);
        foreach (var field in (string[])["", "route", "error", EventBatch.DatasetField])
        {
            CheckAggregates(snapshot, reference, field);
        }

        foreach (var record in Log.Records)
        {
            if (record.Offset < state.Head.Offset && record.Events.Count > 0 && (record.IsLostToRows || record.IsLostToAggregates))
            {
                Assert.True(snapshot.Lost.Any(lost => lost.From <= record.Offset && record.Offset < lost.To), $"offset {record.Offset} was lost and no receipt says so");
            }
        }
    }

    void IHeadListener.OnBatch(long offset, EventBatch batch)
    {
        Assert.True(offset > _listenedTo, $"offset {offset} was shown to tails after {_listenedTo}");
        _listenedTo = offset;
    }

    public void Dispose()
    {
        _state?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private PartitionState Open() => new(_partition, OpenStore(), _settings, NullLogger.Instance);

    private PartitionStore<TraceSummary> OpenStore()
    {
        var store = PartitionStore<TraceSummary>.Open(_folder, StoreOptions, PartitionSettings.Fingerprint(_partition, 1), _scheduler, TimeProvider.System, NullLogger.Instance);
        Assert.Empty(store.Damages);
        return store;
    }

    private void Reread()
    {
        // Batches that were let go of are still reachable by their decoded form until a collection.
        if (_settings.RecentBytes < 1 << 20)
        {
            GC.Collect(0);
        }

        for (var rereads = 0; _state!.NeedsReread(out var offset); rereads++)
        {
            Assert.True(rereads < 10_000, $"the trailing cursor does not get past offset {offset}");
            var next = offset;
            bool more;
            do
            {
                var burst = Log.Read(next, _random.Next(1, 10));
                more = _state.Refill(burst);
                next = burst.NextOffset;
            }
            while (more && _state.NeedsReread(out offset) && next <= offset);
        }
    }

    private static void CheckCursors(PartitionSnapshot snapshot, ReferenceFold reference, bool needsReread)
    {
        var decided = reference.Decided().Select(record => record.Offset).ToHashSet();
        Assert.All(snapshot.Recent, entry => Assert.True(entry.Offset >= snapshot.TrailingOffset));
        if (!needsReread)
        {
            Assert.DoesNotContain(snapshot.Recent, entry => decided.Contains(entry.Offset));
        }

        Assert.DoesNotContain(decided, offset => offset >= snapshot.TrailingOffset && !needsReread && snapshot.Recent.Count > 0);
    }

    private static void CheckRows(PartitionSnapshot snapshot, ReferenceFold reference, PartitionState state)
    {
        var kept = new Dictionary<long, double>();
        foreach (var segment in snapshot.Blocks.Select(info => (IRowSegment)snapshot.BlockReader.Open(info)).Concat(snapshot.HeadBlock))
        {
            foreach (var (number, weight) in SegmentRows.WeightsOf(segment))
            {
                Assert.True(kept.TryAdd(number, weight), $"row {number} is kept twice");
            }
        }

        var expected = reference.Kept(snapshot.TrailingOffset);
        foreach (var number in expected.Keys)
        {
            Assert.True(kept.ContainsKey(number), $"missing: {reference.Describe(number)}");
        }

        foreach (var (number, weight) in kept)
        {
            Assert.True(expected.TryGetValue(number, out var right), $"kept, and should not be: {reference.Describe(number)}");
            Assert.True(Math.Abs(weight - right) <= 1e-12 * right, $"weighs {weight}, not {right}: {reference.Describe(number)}");
        }

        Assert.Equal(expected.Count, state.KeptRows);
        var reader = new EventBatchReader();
        var recent = new List<long>();
        var unread = 0;
        foreach (var entry in snapshot.Recent)
        {
            if (entry.Batch(reader) is { } batch)
            {
                recent.AddRange(SegmentRows.NumbersOf(batch));
            }
            else
            {
                unread += entry.Rows;
            }
        }

        var expectedRecent = reference.Recent(snapshot.TrailingOffset).Select(e => e.Number).ToHashSet();
        Assert.Equal(expectedRecent.Count, recent.Count + unread);
        Assert.Equal(recent.Count, recent.Distinct().Count());
        Assert.Empty(recent.Except(expectedRecent));
    }

    private static void CheckAggregates(PartitionSnapshot snapshot, ReferenceFold reference, string field)
    {
        var times = reference.Counted().Select(e => e.TimeMs).DefaultIfEmpty(0).ToList();
        const int Hour = 3600;
        long start = times.Min() / 1000 / Hour * Hour, end = ((times.Max() / 1000 / Hour) + 1) * Hour;
        var spec = new QuerySpec
        {
            Breakdowns = field.Length == 0 ? [] : [field],
            Calculations = [Calculation.Count, new(CalculationOp.Sum, "duration_ms"), new(CalculationOp.Max, SimulatedEvent.NumberField)],
        };
        var plan = new LeafPlan(LeafPlan.AllDatasets, spec, new(start * 1_000_000_000, end * 1_000_000_000, (int)(end - start)));
        var outcome = LeafExecutor.Execute(plan, QuerySource.Aggregates, snapshot, CancellationToken.None);
        Assert.True(outcome.Result is not null, $"aggregates by '{field}' are refused: {outcome.Refusal}");
        var found = new Dictionary<string, (long Rows, double Weight, double Sum, double Max)>();
        for (var cell = 0; cell < outcome.Result.Cells; cell++)
        {
            var (group, _) = outcome.Result.CellOf(cell);
            var name = field.Length == 0 ? "" : outcome.Result.GroupValues(group)![0].ToString();
            var before = found.GetValueOrDefault(name);
            var measure = (MeasureAccumulator)outcome.Result.Accumulators[plan.AccumulatorOf[1]];
            var number = (MeasureAccumulator)outcome.Result.Accumulators[plan.AccumulatorOf[2]];
            found[name] = (
                before.Rows + outcome.Result.Count.Rows(cell), before.Weight + outcome.Result.Count.Weight(cell), before.Sum + measure.Sum(cell),
                Math.Max(before.Max, number.Max(cell)));
        }

        var expected = new Dictionary<string, (long Rows, double Weight, double Sum, double Max)>();
        foreach (var e in reference.Counted())
        {
            var value = field switch
            {
                "route" => Core.Events.FieldValue.Of(e.Route),
                "error" => e.IsError ? Core.Events.FieldValue.Of(true) : Core.Events.FieldValue.Absent,
                "dataset" => Core.Events.FieldValue.Of(e.Dataset),
                _ => default,
            };
            var name = field.Length == 0 ? "" : value.ToString();
            var before = expected.GetValueOrDefault(name);
            expected[name] = (before.Rows + 1, before.Weight + e.ClientRate, before.Sum + ((double)e.DurationMs * e.ClientRate), Math.Max(before.Max, e.Number));
        }

        Assert.Equal(expected.OrderBy(p => p.Key, StringComparer.Ordinal), found.OrderBy(p => p.Key, StringComparer.Ordinal));
    }

    private sealed class Nobody : IHeadListener
    {
        public void OnBatch(long offset, EventBatch batch)
        {
        }
    }
}
