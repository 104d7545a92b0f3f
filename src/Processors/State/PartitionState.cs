using Microsoft.Extensions.Logging;
using StreamObserve.Contracts.Log;
using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Processors.Queries;
using StreamObserve.Storage;

namespace StreamObserve.Processors.State;

/// <summary>Takes each batch that passes the head cursor for the first time in this process's life of the partition: live tails.</summary>
public interface IHeadListener
{
    /// <summary>A batch, in log order. The record's offset says where it stands.</summary>
    void OnBatch(long offset, EventBatch batch);
}

/// <summary>
/// All state of one partition, and what the two cursors do to it. A function of the log: nothing here reads a clock or knows how fast it runs. Plain code, no
/// actor: whoever owns it calls it from one thread at a time, between two batches. Calls may block on the stores' files.
/// </summary>
/// <remarks>
/// <code>
///   log    ....[sealed ........ trailing ............... folded ...... head ) ......
///   state       column blocks | head block |  recent window                )
///               folds                                   | unfolded batches )
///               trace summaries                                            )
/// </code>
/// Recovery goes on at min(sealed, folded) of the cut: batches below the cut's head only refill the recent window and what is not folded yet.
/// </remarks>
public sealed class PartitionState : IDisposable
{
    /// <summary>
    /// Partitions fill alike: folded at the same rows they would all fold at the same moment. The first fold of each comes after another part of the rows, spread evenly however many
    /// partitions there are (multiples of the golden ratio).
    /// </summary>
    private const double FoldPhase = 0.6180339887498949;

    private readonly int _partition;
    private readonly long _firstFoldRows;
    private readonly PartitionStore<TraceSummary> _store;
    private readonly PartitionSettings _settings;
    private readonly ILogger _log;
    private readonly EventBatchReader _batchReader;
    private readonly AggregateFolder _folder;
    private readonly TraceTracker _tracker;
    private readonly TraceKeys _keys;
    private readonly PendingEpochs _pending;
    private readonly StringDictionary _datasets;
    private readonly DecisionClock _clock;
    private readonly PolicyTimeline _policies;
    private readonly List<PolicyPlace> _policyPlaces = [];
    private readonly List<(long LogTimeMs, long Address)> _summaryMarks = [];
    private readonly List<FoldDirectory> _folds = [];
    private readonly Queue<(long LogTimeMs, long StoreMark)> _replacedFolds = [];
    private readonly List<BlockInfo> _blocks = [];
    private readonly List<LostOffsets> _lost = [];
    private readonly List<EventBatch> _unfolded = [];
    private readonly RowKeeper _keeper = new();
    private readonly List<EventBatch> _headBlock = [];
    private readonly List<BlockInfo> _promoted = [];
    private readonly Catalog _catalog = new();
    private readonly RecentWindow _recent;
    private readonly BlockReader _blocksReader;
    private readonly AggregateReader _aggregatesReader;
    private readonly long _replayUntil;
    private LogPlace _head;
    private LogPlace _sealed;
    private LogPlace _headUpTo;         // every kept row below is in a sealed block or in the head block
    private LogPlace _folded;
    private long _trailingOffset;
    private long _nextFold;
    private bool _isMerging;
    private long _nextBlock;
    private long _unfoldedRows;
    private long _unfoldedBytes;
    private long _unfoldedSinceMs;
    private long _foldedAtMs;
    private long _headRows;
    private long _headBytes;
    private long _droppedWhenSealed;
    private bool _hadRules;
    private bool _hasUncountedDrops;
    private (long FromNs, long ToNs)? _sampledTimes;
    private PartitionSnapshot? _snapshot;
    private FoldDirectory[] _foldsNow = [];
    private BlockInfo[] _blocksNow = [];

    /// <summary>Takes over what a store was recovered to (or starts at the log's beginning). The store is closed with the state.</summary>
    public PartitionState(int partition, PartitionStore<TraceSummary> store, PartitionSettings settings, ILogger log)
    {
        _partition = partition;
        _store = store;
        _settings = settings;
        _log = log;
        _folder = new(settings.SketchDimensions);
        _firstFoldRows = FirstFoldRows(partition, settings.FoldRows);
        _recent = new(settings.RecentBytes);
        _blocksReader = new(store.Blocks, settings.ColumnCacheBytes, settings.TextNumberBytes);
        _batchReader = new(_blocksReader.Numbering);
        _aggregatesReader = new(store.Aggregates, store.Blocks, settings.AggregateCacheBytes);
        _keys = new(log);
        _pending = new(store.Blocks, settings.PendingTracesHeld, log);
        if (store.Recovered is { } recovered)
        {
            var cut = CutPayload.Decode(recovered.Payload.Span);
            _head = cut.Head;
            _sealed = _headUpTo = cut.Sealed;
            _folded = cut.Folded;
            _nextFold = cut.NextFold;
            _nextBlock = cut.NextBlock;
            _hadRules = cut.HadRules;
            _hasUncountedDrops = cut.HasUncountedDrops;
            _sampledTimes = cut.SampledTimes;
            KeptRows = cut.KeptRows;
            DroppedRows = _droppedWhenSealed = cut.DroppedRows;
            _policies = new(cut.Policies);
            _policyPlaces.AddRange(cut.PolicyPlaces);
            _clock = new(cut.Windows);
            _datasets = cut.Datasets;
            _folds.AddRange(cut.Folds);
            _blocks.AddRange(cut.Blocks);
            _promoted.AddRange(cut.Promoted);
            SealedBytes = _blocks.Sum(StoredBytes);
            _lost.AddRange(cut.Lost);
            _summaryMarks.AddRange(cut.SummaryMarks);
            var folder = new ByteReader(cut.Folder.Span);
            _folder.Read(ref folder);
            var catalog = new ByteReader(cut.Catalog.Span);
            _catalog.Read(ref catalog);
            var keySets = new ByteReader(cut.KeySets.Span);
            _keys.Read(ref keySets);
            var epochs = new ByteReader(cut.Epochs.Span);
            _pending.Read(ref epochs);
            _replayUntil = _head.Offset;
            _trailingOffset = _sealed.Offset;
            var start = _sealed.Offset <= _folded.Offset ? _sealed : _folded;
            _head = start;
        }
        else
        {
            _policies = new(SamplingPolicySet.Empty);
            _clock = new(settings.WindowMs);
            _datasets = new();
        }

        _tracker = new(partition, store.Summaries, _datasets, _keys, _pending);
    }

    /// <summary>Where to read on: the next offset.</summary>
    public LogPlace Head => _head;

    /// <summary>Next offset of the trailing cursor: every batch below was decided.</summary>
    public long TrailingOffset => _trailingOffset;

    /// <summary>The lowest offset that a recovery from this moment's cut would read: the log must keep it.</summary>
    public long LowestNeededOffset => Math.Min(_sealed.Offset, _folded.Offset);

    /// <summary>Rows that the trailing cursor kept.</summary>
    public long KeptRows { get; private set; }

    /// <summary>Kept rows that are in sealed blocks; the others wait in the head block.</summary>
    public long SealedRows => KeptRows - _headRows;

    /// <summary>Rows that the trailing cursor dropped.</summary>
    public long DroppedRows { get; private set; }

    /// <summary>CPU nanoseconds that the head cursor took: decoding, folding, summaries.</summary>
    public long HeadCpuNs { get; private set; }

    /// <summary>CPU nanoseconds that samplers and limits took to decide epochs.</summary>
    public long DecideCpuNs { get; private set; }

    /// <summary>CPU nanoseconds that the trailing cursor took: reading once more, looking decisions up, picking what is kept out; without deciding epochs and sealing what was kept.</summary>
    public long TrailCpuNs { get; private set; }

    /// <summary>CPU nanoseconds that sealing blocks took.</summary>
    public long SealCpuNs { get; private set; }

    /// <summary>True while batches below the recovered cut's head are read again.</summary>
    public bool IsReplaying => _head.Offset < _replayUntil;

    /// <summary>The policy version in force at the head.</summary>
    public int PolicyVersion => _policies.Current.Version;

    /// <summary>The catalog; owner's thread only.</summary>
    public Catalog Catalog => _catalog;

    /// <summary>Summaries, for look-ups by any thread.</summary>
    public TraceTracker Traces => _tracker;

    /// <summary>The store, for its figures.</summary>
    public PartitionStore<TraceSummary> Store => _store;

    /// <summary>Bytes of compressed batches between the cursors.</summary>
    public long RecentBytes => _recent.HeldBytes;

    /// <summary>Bytes of decoded columns of sealed blocks that are held for queries.</summary>
    public long ColumnBytes => _blocksReader.HeldBytes;

    /// <summary>Bytes of the sealed blocks as they are stored, each chunk with what its record takes; what the store's pages leave empty is not in it.</summary>
    public long SealedBytes { get; private set; }

    /// <summary>True when the next batch that the trailing cursor wants is not in memory: read the log from this offset and call <see cref="Refill"/>.</summary>
    public bool NeedsReread(out long offset)
    {
        offset = _recent.Oldest is { IsHeld: false } oldest && oldest.LogTimeMs < _clock.TrailingLimit(_head.LogTimeMs) ? oldest.Offset : -1;
        return offset >= 0;
    }

    /// <summary>True when the trailing cursor stopped before a full block that it may not seal yet: call <see cref="GoOn"/> soon.</summary>
    public bool TrailWaits { get; private set; }

    /// <summary>Moves the trailing cursor on after it had to wait.</summary>
    public void GoOn()
    {
        Trail();
        _snapshot = null;
    }

    /// <summary>Gives back records that were let go of. False when no more should be read now.</summary>
    public bool Refill(LogBurst burst)
    {
        if (burst.Lost is { } lost && _recent.RemoveUnheldBelow(lost.To) > 0)
        {
            Lose(lost.From, lost.To);
        }

        var more = true;
        foreach (var record in burst.Records)
        {
            if (more && EventBatchReader.IsEventBatch(record.Value.Span))
            {
                more = _recent.Refill(record.Offset, record.Value);
            }
        }

        Trail();
        _snapshot = null;
        return more;
    }

    /// <summary>Takes the next records of the log.</summary>
    public void Apply(LogBurst burst, IHeadListener listener)
    {
        if (burst.Lost is { } lost)
        {
            Lose(Math.Max(lost.From, _head.Offset), lost.To);
        }

        var started = ThreadCpu.NowNs();
        foreach (var record in burst.Records)
        {
            Apply(record, listener);
        }

        if (burst.NextOffset > _head.Offset)
        {
            _head = _head with { Offset = burst.NextOffset };
        }

        HeadCpuNs += ThreadCpu.NowNs() - started;
        Trail();
        if (_unfoldedRows > 0 && _head.LogTimeMs - _unfoldedSinceMs >= Limits.FoldAgeMs)
        {
            Fold();
        }

        _snapshot = null;
    }

    /// <summary>What a query sees now.</summary>
    public PartitionSnapshot Snapshot() => _snapshot ??= MakeSnapshot();

    /// <summary>
    /// Begins a cut of everything up to now. Throws <see cref="FencedException"/> when another owner took the partition. Not while replaying: the summaries are those of
    /// the recovered cut's head then (<see cref="InvalidOperationException"/>).
    /// </summary>
    public PendingCut BeginCut()
    {
        if (IsReplaying)
        {
            throw new InvalidOperationException($"the head is at {_head.Offset}, the recovered cut's was at {_replayUntil}: no cut before it is reached again");
        }

        ExpireSummaries();
        DropMergedFolds();
        var folder = new ByteWriter();
        _folder.Write(folder);
        var catalog = new ByteWriter();
        _catalog.Write(catalog);
        var keySets = new ByteWriter();
        _keys.Write(keySets);
        var epochs = new ByteWriter();
        _pending.Write(epochs);
        var payload = new CutPayload
        {
            Head = _head,
            Sealed = _sealed,
            Folded = _folded,
            NextFold = _nextFold,
            NextBlock = _nextBlock,
            HadRules = _hadRules,
            HasUncountedDrops = _hasUncountedDrops,
            SampledTimes = _sampledTimes,
            KeptRows = SealedRows,
            DroppedRows = _droppedWhenSealed,
            Policies = _policies.Versions,
            PolicyPlaces = _policyPlaces,
            Windows = _clock.Changes,
            Datasets = _datasets,
            Folds = _folds,
            Blocks = _blocks,
            Promoted = _promoted,
            Lost = _lost,
            SummaryMarks = _summaryMarks,
            Folder = folder.WrittenMemory,
            Catalog = catalog.WrittenMemory,
            KeySets = keySets.WrittenMemory,
            Epochs = epochs.WrittenMemory,
        };
        return _store.BeginCut(payload.Encode());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _batchReader.Dispose();
        _store.Dispose();
    }

    private void Apply(in LogRecord record, IHeadListener listener)
    {
        if (record.Offset < _head.Offset)
        {
            return;     // a reader that started below: already here
        }

        var logTime = Math.Max(_head.LogTimeMs, record.AppendTimeMs);
        var isNew = record.Offset >= _replayUntil;
        if (EventBatchReader.IsEventBatch(record.Value.Span))
        {
            ApplyBatch(record, logTime, isNew, listener);
        }
        else if (isNew)
        {
            ApplyControl(record, logTime);
        }

        _head = new(record.Offset + 1, logTime);
    }

    private void ApplyBatch(in LogRecord record, long logTime, bool isNew, IHeadListener listener)
    {
        var batch = _batchReader.Read(record.Value);
        if (isNew)
        {
            MarkSummaries(logTime);
            _tracker.Fold(batch, logTime, _policies.Of(PolicyVersionAt(record.Offset)), _policies, _clock);
            _catalog.Add(batch, logTime);
            listener.OnBatch(record.Offset, batch);
        }

        if (record.Offset >= _folded.Offset)
        {
            if (_unfoldedRows == 0)
            {
                _unfoldedSinceMs = logTime;
            }

            _unfolded.Add(batch);
            _unfoldedRows += batch.Rows;
            _unfoldedBytes += batch.MemoryBytes;
        }

        if (record.Offset >= _sealed.Offset)
        {
            _recent.Add(new(record.Offset, logTime, PolicyVersionAt(record.Offset), batch, record.Value, _blocksReader.Numbering));
        }

        if (isNew && (_unfoldedRows >= (_folds.Count == 0 ? _firstFoldRows : _settings.FoldRows) || _unfoldedBytes >= _settings.FoldBytes))
        {
            _head = new(record.Offset + 1, logTime);
            Fold();
        }
    }

    private void ApplyControl(in LogRecord record, long logTime)
    {
        if (!ControlRecord.TryParse(record.Value.Span, out var control, out var reason))
        {
            _log.LogError("record {Offset} of partition {Partition} is none that this version knows: {Reason}", record.Offset, _partition, reason);
            return;
        }

        if (control is not PoliciesRecord policies)
        {
            return;
        }

        if (!SamplingPolicySet.TryParse(policies.Json, out var set, out var errors))
        {
            _log.LogError("policy version {Version} at {Offset} of partition {Partition} does not read: {Error}", policies.Version, record.Offset, _partition, errors[0]);
            return;
        }

        if (_policies.Apply(logTime, set))
        {
            _policyPlaces.Add(new(record.Offset, set.Version));
            _hadRules |= set.Policies.Values.Any(policy => policy.Rules.Count + policy.Policies.Count > 0);
            if ((set.Compiled.WindowMs ?? _settings.WindowMs) is var window && window != _clock.Changes[^1].WindowMs)
            {
                _clock.ChangeWindow(logTime, window);
            }
        }
    }

    private int PolicyVersionAt(long offset)
    {
        for (var i = _policyPlaces.Count - 1; i >= 0; i--)
        {
            if (_policyPlaces[i].Offset <= offset)
            {
                return _policyPlaces[i].Version;
            }
        }

        return _policies.Versions[0].Set.Version;
    }

    /// <summary>Rows after which a partition makes its first fold, from 1 to those of the others.</summary>
    internal static long FirstFoldRows(int partition, int foldRows) => Math.Max(1, (long)(foldRows * (1 - (partition * FoldPhase % 1))));

    /// <summary>Moves the trailing cursor as far as decisions go.</summary>
    private void Trail()
    {
        var (started, sealedBefore) = (ThreadCpu.NowNs(), SealCpuNs);
        var limit = _clock.TrailingLimit(_head.LogTimeMs);
        if (_tracker.DecideEpochs(limit, _policies, _clock, _settings.Partitions))
        {
            var decided = ThreadCpu.NowNs();
            DecideCpuNs += decided - started;
            started = decided;
        }

        MoveTrail(limit);
        TrailCpuNs += ThreadCpu.NowNs() - started - (SealCpuNs - sealedBefore);
    }

    private void MoveTrail(long limit)
    {
        TrailWaits = false;
        var sealedOne = false;
        while (true)
        {
            if (_headRows >= _settings.BlockRows || _headBytes >= _settings.BlockBytes || (_headRows > 0 && _pending.DecidedGroups > _settings.DecidedGroupsMax))
            {
                if (!TrySeal(ref sealedOne))
                {
                    TrailWaits = true;
                    break;
                }
            }
            else if (_headRows == 0)
            {
                _sealed = _headUpTo;        // nothing kept since: nothing to read again
                _droppedWhenSealed = DroppedRows;
            }

            if (_recent.Oldest is not { } entry || entry.LogTimeMs >= limit || !TryKeep(entry))
            {
                break;
            }

            _headUpTo = new(entry.Offset + 1, entry.LogTimeMs);
            _trailingOffset = entry.Offset + 1;
            _recent.RemoveOldest();
        }

        _batchReader.EndView();
        if (_recent.Count == 0 && !IsReplaying)
        {
            _trailingOffset = _head.Offset;
        }

        // A recovery reads from the sealed place on, so what its rows followed must still be known: of late ones as well, since a trace whose first rows the log lost
        // is not decided before one of them.
        var oldest = Math.Min(limit, Math.Min(_recent.Oldest?.LogTimeMs ?? limit, _sealed.LogTimeMs));
        _policies.Prune(oldest - _settings.LateSpanRetentionMs, _clock);
        _clock.Prune(_policies.Versions[0].FromLogTime);
        _keys.Prune(_policies.Versions[0].Set.Version);
        _pending.Forget(_sealed.LogTimeMs);
        while (_policyPlaces.Count > 1 && _policyPlaces[1].Offset <= Math.Min(_sealed.Offset, _recent.Oldest?.Offset ?? _head.Offset))
        {
            _policyPlaces.RemoveAt(0);
        }
    }

    /// <summary>Adds what is kept of a batch to the head block; false when it has to be read from the log first.</summary>
    private bool TryKeep(RecentEntry entry)
    {
        if (!_hadRules)
        {
            // Fast path: no policy has ever asked for anything but to keep.
            var all = entry.Batch(_batchReader);
            if (all is not null)
            {
                AddToHead(all);
            }

            return all is not null;
        }

        if (entry.Scan(_batchReader) is not { } rows)
        {
            return false;
        }

        var decisions = _tracker.Decide(rows, entry.Offset, entry.LogTimeMs, _policies.Of(entry.PolicyVersion), _policies);
        var kept = _keeper.KeptOf(rows, decisions);
        DroppedRows += decisions.Length - (kept.Rows?.Rows ?? 0);
        if (kept.Rows is not null)
        {
            AddToHead(kept.Rows);
        }

        // One in N is stood for by those kept; what a rule or no policy wanted is by nobody.
        _hasUncountedDrops |= kept.HasUncountedDrops;
        if (kept.SampledTimes is var (from, to))
        {
            _sampledTimes = _sampledTimes is var (first, last) ? (Math.Min(first, from), Math.Max(last, to)) : (from, to);
        }

        return true;
    }

    private void AddToHead(EventBatch batch)
    {
        _headBlock.Add(batch);
        _headRows += batch.Rows;
        _headBytes += batch.MemoryBytes;
        KeptRows += batch.Rows;
    }

    /// <summary>Seals the head block, unless the step has sealed one or no place is free.</summary>
    private bool TrySeal(ref bool sealedOne)
    {
        if (_settings.Seals is not { } gate)
        {
            Seal();
            return true;
        }

        if (sealedOne || !gate.TryEnter())
        {
            return false;
        }

        try
        {
            Seal();
        }
        finally
        {
            gate.Leave();
        }

        sealedOne = true;
        return true;
    }

    /// <summary>Stores dropped rows that were found in the log, for reading; part of the next cut.</summary>
    public void Promote(IReadOnlyList<EventBatch> rows)
    {
        _promoted.Add(StoreBlock(rows));
        _snapshot = null;
    }

    private BlockInfo StoreBlock(IReadOnlyList<EventBatch> batches)
    {
        var id = _nextBlock++;
        var sealedColumns = ColumnBlockWriterPool.Seal(batches);
        for (var chunk = 0; chunk < sealedColumns.Chunks.Count; chunk++)
        {
            LargeValues.Write(_store.Blocks, BlockReader.Key(id, chunk), sealedColumns.Chunks[chunk]);
        }

        return new(id, sealedColumns.Rows, sealedColumns.MinTimeNs, sealedColumns.MaxTimeNs, sealedColumns.IsSampled, sealedColumns.Chunks.Count, sealedColumns.Bytes);
    }

    private void Seal()
    {
        var started = ThreadCpu.NowNs();
        _blocks.Add(StoreBlock(_headBlock));
        SealCpuNs += ThreadCpu.NowNs() - started;
        SealedBytes += StoredBytes(_blocks[^1]);
        _blocksNow = [.. _blocks];
        _headBlock.Clear();
        _headRows = 0;
        _headBytes = 0;
        _sealed = _headUpTo;
        _droppedWhenSealed = DroppedRows;
        _pending.Forget(_sealed.LogTimeMs);
    }

    private static long StoredBytes(BlockInfo block) => block.Bytes + (block.Chunks * (long)Storage.Limits.RecordOverheadBytes);

    private void Fold()
    {
        var fold = _folder.Fold(_nextFold++, _unfolded);
        var directory = fold.Directory with { StoreMark = _store.Aggregates.TailMark() };
        for (var block = 0; block < fold.Blocks.Count; block++)
        {
            LargeValues.Write(_store.Aggregates, AggregateReader.Key(directory, block), fold.Blocks[block]);
        }

        _folds.Add(directory);
        _foldsNow = [.. _folds];
        _unfolded.Clear();
        _unfoldedRows = 0;
        _unfoldedBytes = 0;
        _folded = _head;
        _foldedAtMs = _head.LogTimeMs;
    }

    /// <summary>
    /// The merge of all folds that are not merged, once there are enough of them, or no more come, and a place to do so is free; else, or while one is under way, null.
    /// It must be run, and completed unless it failed.
    /// </summary>
    public FoldMerge? TakeMerge()
    {
        if (_isMerging)
        {
            return null;
        }

        var first = _folds.Count;
        var rows = 0L;
        while (first > 0 && !_folds[first - 1].IsMerged)
        {
            rows += _folds[--first].Rows;
        }

        var count = _folds.Count - first;
        var isQuiet = count > 1 && rows >= _settings.FoldRows && _unfoldedRows == 0 && _head.LogTimeMs - _foldedAtMs >= Limits.QuietMs;
        if (rows < _settings.MergeRows && count < _settings.MergeFolds && !isQuiet)
        {
            return null;
        }

        var merge = new FoldMerge(_nextFold, _folds.GetRange(first, count), new AggregateReader(_store.Aggregates, _store.Blocks, 0), _store.Aggregates.TailMark(), _settings.Merges);
        if (_settings.Merges?.TryEnter() == false)
        {
            return null;
        }

        _nextFold++;
        _isMerging = true;
        return merge;
    }

    /// <summary>Puts the merged fold in the place of its parts.</summary>
    public void Complete(FoldMerge merge)
    {
        var fold = merge.Result ?? throw new InvalidOperationException("the merge has not been run");
        for (var block = 0; block < fold.Blocks.Count; block++)
        {
            LargeValues.Write(_store.Blocks, AggregateReader.Key(fold.Directory, block), fold.Blocks[block]);
        }

        var first = _folds.IndexOf(merge.Parts[0]);
        _folds.RemoveRange(first, merge.Parts.Count);
        _folds.Insert(first, fold.Directory);
        _foldsNow = [.. _folds];
        _replacedFolds.Enqueue((_head.LogTimeMs, merge.StoreMark));
        _isMerging = false;
        _snapshot = null;
    }

    /// <summary>Lets the store drop folds that were merged so long ago that no query reads them any more.</summary>
    private void DropMergedFolds()
    {
        long mark = -1;
        while (_replacedFolds.TryPeek(out var oldest) && _head.LogTimeMs - oldest.LogTimeMs >= Limits.ReplacedFoldsKeptMs)
        {
            mark = _replacedFolds.Dequeue().StoreMark;
        }

        if (mark >= 0)
        {
            _store.Aggregates.ShiftBegin(mark);
        }
    }

    /// <summary>
    /// Notes offsets that can't be read any more, joined with those known: what a recovery misses again is one loss. Below a recovered cut's head they are missing from
    /// rows or aggregates only, which is a loss too.
    /// </summary>
    private void Lose(long from, long to)
    {
        if (from >= to)
        {
            return;
        }

        _log.LogError(
            "partition {Partition}: offsets {From} to {To} were gone from the log before they could be read; raise the retention of the batches topic", _partition, from, to);
        for (var i = _lost.Count - 1; i >= 0; i--)
        {
            if (_lost[i].From <= to && _lost[i].To >= from)
            {
                (from, to) = (Math.Min(from, _lost[i].From), Math.Max(to, _lost[i].To));
                _lost.RemoveAt(i);
            }
        }

        _lost.Add(new(from, to));
    }

    private void MarkSummaries(long logTime)
    {
        // One mark a minute of log time: what lies below an old one is older than it.
        if (_summaryMarks.Count == 0 || logTime - _summaryMarks[^1].LogTimeMs >= 60_000)
        {
            _summaryMarks.Add((logTime, _store.Summaries.TailMark()));
        }
    }

    private void ExpireSummaries()
    {
        // A recovery decides the rows from the sealed place on once more: what they were decided by must still be there, however far behind that is.
        // Late ones follow a trace for the retention after its window.
        var before = Math.Min(_clock.TrailingLimit(_head.LogTimeMs), _sealed.LogTimeMs) - _settings.LateSpanRetentionMs;
        long mark = -1;
        while (_summaryMarks.Count > 1 && _clock.LastFoldableLogTime(_summaryMarks[0].LogTimeMs, _summaryMarks[1].LogTimeMs) < before)
        {
            mark = _summaryMarks[1].Address;
            _summaryMarks.RemoveAt(0);
        }

        if (mark >= 0)
        {
            _store.Summaries.ShiftBegin(mark);
        }
    }

    private PartitionSnapshot MakeSnapshot() => new()
    {
        Partition = _partition,
        Head = _head,
        TrailingOffset = _trailingOffset,
        TrailingLimitMs = _clock.TrailingLimit(_head.LogTimeMs),
        Folds = _foldsNow.Length == _folds.Count ? _foldsNow : _foldsNow = [.. _folds],
        Unfolded = [.. _unfolded],
        Blocks = _blocksNow.Length == _blocks.Count ? _blocksNow : _blocksNow = [.. _blocks],
        Promoted = [.. _promoted],
        HeadBlock = [.. _headBlock],
        Recent = _recent.Snapshot(),
        HasUncountedDrops = _hasUncountedDrops,
        SampledTimes = _sampledTimes,
        Lost = [.. _lost],
        BlockReader = _blocksReader,
        AggregateReader = _aggregatesReader,
    };
}
