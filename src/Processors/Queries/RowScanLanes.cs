using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Relations;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.Queries;

/// <summary>
/// Scans a snapshot's rows, block by block through the gate, on as many lanes as there are places that nobody else wants: the first begins alone, and whenever a lane
/// has finished a piece while cores idle, another one joins. Each lane has a result of its own; they are merged at the end.
/// </summary>
internal sealed class RowScanLanes
{
    /// <summary>Rows of the recent window that make a piece: as many as a block has, or it is the gate that costs.</summary>
    private const int RecentRowsPerPiece = Limits.BlockRows;

    private readonly LeafPlan _plan;
    private readonly PartitionSnapshot _snapshot;
    private readonly ScanGate _gate;
    private readonly CancellationToken _cancellation;
    private readonly long _startNs;
    private readonly long _endNs;
    private readonly long _reachNs;
    private readonly List<Piece> _pieces = [];
    private readonly List<Task> _tasks = [];
    private readonly List<(PartialResult Result, ScanExplanation Explanation)> _lanes = [];
    private RelationIndex? _relations;
    private QueryMemoryLease? _memory;
    private int _next = -1;

    public RowScanLanes(LeafPlan plan, PartitionSnapshot snapshot, ScanGate gate, long startNs, long endNs, CancellationToken cancellation)
    {
        _plan = plan;
        _snapshot = snapshot;
        _gate = gate;
        _startNs = startNs;
        _endNs = endNs;
        _reachNs = startNs == plan.Time.StartNs ? plan.ReachNs : startNs;
        _cancellation = cancellation;
    }

    private enum PieceKind : byte
    {
        Block, Head, Recent,
    }

    /// <summary>Scans blocks with the head block, the recent window, or both, into the result.</summary>
    public async Task ScanAsync(PartialResult result, ScanExplanation explanation, bool blocks, bool recent)
    {
        if (blocks)
        {
            AddBlocks(explanation);
        }

        if (recent)
        {
            AddRecent();
        }

        if (_plan.Relations is not null)
        {
            await FindRelatedAsync(result, blocks, recent).ConfigureAwait(false);
        }

        _memory = result.Memory;
        var first = ScanAsync(result, explanation);
        lock (_tasks)
        {
            _tasks.Add(first);
        }

        // Lanes that have joined may let others join: until there is none left to wait for.
        for (var i = 0; TaskAt(i) is { } task; i++)
        {
            await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        foreach (var task in _tasks)
        {
            await task.ConfigureAwait(false);
        }

        foreach (var (laneResult, laneExplanation) in _lanes)
        {
            laneResult.Memory?.Dispose();
            result.Merge(laneResult, takeOver: true);
            explanation.Add(laneExplanation);
        }

        // A block may hold only rows that a rule kept at rate 1 while others of its time were dropped: it can't know, the partition does.
        if (blocks && _snapshot.SampledTimes is var (from, to))
        {
            var isInRange = from < _endNs && to >= _startNs;
            result.AddSampledTimes(Math.Max(from, _startNs), Math.Min(to, _endNs - 1));
            result.IsSampled |= isInRange;
            result.HasUncountedDrops |= _snapshot.HasUncountedDrops && isInRange;
        }
    }

    /// <summary>The first pass of a question about related spans, as one piece: the index has one writer.</summary>
    private async Task FindRelatedAsync(PartialResult result, bool blocks, bool recent)
    {
        await _gate.RunAsync(() => _relations = RelationPass.Run(_plan, _snapshot, result, blocks, recent, _cancellation), _cancellation).ConfigureAwait(false);
    }

    private Task? TaskAt(int i)
    {
        lock (_tasks)
        {
            return i < _tasks.Count ? _tasks[i] : null;
        }
    }

    private void AddBlocks(ScanExplanation explanation)
    {
        explanation.BlocksConsidered += _snapshot.Blocks.Count;
        for (var i = 0; i < _snapshot.Blocks.Count; i++)
        {
            var info = _snapshot.Blocks[i];
            if (info.MinTimeNs < _endNs && info.MaxTimeNs >= _reachNs)
            {
                _pieces.Add(new(PieceKind.Block, i, 1));
            }
            else
            {
                explanation.Count(SegmentOutcome.SkippedByTime, 0);
            }
        }

        if (_snapshot.HeadBlock.Count > 0)
        {
            _pieces.Add(new(PieceKind.Head, 0, _snapshot.HeadBlock.Count));
        }
    }

    private void AddRecent()
    {
        int first = 0, rows = 0;
        for (var i = 0; i < _snapshot.Recent.Count; i++)
        {
            rows += _snapshot.Recent[i].Rows;
            if (rows >= RecentRowsPerPiece || i + 1 == _snapshot.Recent.Count)
            {
                _pieces.Add(new(PieceKind.Recent, first, i + 1 - first));
                (first, rows) = (i + 1, 0);
            }
        }
    }

    private async Task ScanAsync(PartialResult result, ScanExplanation explanation)
    {
        EventBatchReader? reader = null;
        try
        {
            using var scan = new RowScan(_plan, result, _relations);
            for (var at = Interlocked.Increment(ref _next); at < _pieces.Count; at = Interlocked.Increment(ref _next))
            {
                var piece = _pieces[at];
                LetAnotherJoin();
                await _gate.RunAsync(() => Scan(piece, scan, result, explanation, ref reader), _cancellation).ConfigureAwait(false);
            }
        }
        catch
        {
            // Nobody wants the rest.
            Volatile.Write(ref _next, _pieces.Count);
            throw;
        }
        finally
        {
            reader?.Dispose();
        }
    }

    private void LetAnotherJoin()
    {
        // At least two pieces left, one for each: a result more to merge for less is not worth it. A thread each as well, this lane is between two pieces.
        if (Volatile.Read(ref _next) is > 0 and var next && next + 2 < _pieces.Count && _gate.IdleThreads >= 2)
        {
            lock (_tasks)
            {
                if (_lanes.Count + 1 >= _gate.Threads)
                {
                    return;
                }

                var lane = (Result: new PartialResult(_plan) { Memory = _memory?.Another() }, Explanation: new ScanExplanation());
                _lanes.Add(lane);
                _tasks.Add(Task.Run(() => ScanAsync(lane.Result, lane.Explanation), CancellationToken.None));
            }
        }
    }

    private void Scan(Piece piece, RowScan scan, PartialResult result, ScanExplanation explanation, ref EventBatchReader? reader)
    {
        var before = result.RowsRead;
        switch (piece.Kind)
        {
            case PieceKind.Block:
                var info = _snapshot.Blocks[piece.First];
                var block = _snapshot.BlockReader.Open(info);
                var decoded = block.Decoded;
                explanation.Count(scan.Add(block, _startNs, _endNs), info.Rows);
                explanation.ColumnsDecoded += block.Decoded.Columns - decoded.Columns;
                explanation.BytesDecoded += block.Decoded.Bytes - decoded.Bytes;
                _snapshot.BlockReader.Release(info);
                result.UsedBlocks = true;
                break;
            case PieceKind.Head:
                foreach (var batch in _snapshot.HeadBlock)
                {
                    scan.Add(batch, _startNs, _endNs);
                }

                explanation.HeadRows += result.RowsRead - before;
                result.UsedBlocks = true;
                break;
            default:
                for (var i = piece.First; i < piece.First + piece.Count; i++)
                {
                    ScanRecent(_snapshot.Recent[i], scan, result, ref reader);
                }

                explanation.RecentRows += result.RowsRead - before;
                break;
        }
    }

    private void ScanRecent(RecentEntry entry, RowScan scan, PartialResult result, ref EventBatchReader? reader)
    {
        if (entry.MinTimeNs >= _endNs || entry.MaxTimeNs < _reachNs)
        {
            return;
        }

        result.UsedRecent = true;
        if (entry.Scan(reader ??= new()) is { } batch)
        {
            scan.Add(batch, _startNs, _endNs);
        }
        else
        {
            // Only in the log, past the memory budget: what was read is less than there is, and the labels say so.
            result.HasUnreadRows = true;
        }
    }

    private readonly record struct Piece(PieceKind Kind, int First, int Count);
}
