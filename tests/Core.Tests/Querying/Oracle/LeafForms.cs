using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Aggregation;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>
/// The same events in every form that a leaf holds them in, made once and asked often: batches (the recent window), a sealed block, blocks beside batches, three partitions, and
/// aggregates, some of them merged, with what is not folded yet beside them.
/// </summary>
internal sealed class LeafForms
{
    private readonly List<EventBatch> _batches;
    private readonly ColumnBlock _block;
    private readonly List<IRowSegment> _blocksAndBatches;
    private readonly List<List<EventBatch>> _threeLeaves;
    private readonly Folds _folds;
    private readonly Folds _mergedFolds;
    private readonly List<EventBatch> _unfolded;

    public LeafForms(IReadOnlyList<ModelEvent> events, int eventsPerRecord, int batchesPerFold, params string[] sketchFields)
    {
        Rows = [.. events.Select(OracleRow.Of)];
        _batches = Batches.Of(events, 1, eventsPerRecord)[0];
        _block = Batches.Seal(_batches);
        int third = _batches.Count / 3;
        _blocksAndBatches =
        [
            .. new[] { _batches.Take(third), _batches.Skip(third).Take(third) }.Where(part => part.Any()).Select(part => (IRowSegment)Batches.Seal([.. part])),
            .. _batches.Skip(2 * third),
        ];
        _threeLeaves = Batches.Of(events, 3, eventsPerRecord);
        var folded = _batches.Count == 1 ? 1 : _batches.Count * 4 / 5;
        _folds = Fold(_batches[..folded], batchesPerFold, sketchFields);
        _mergedFolds = Fold(_batches[..folded], batchesPerFold, sketchFields);
        _mergedFolds.MergeFirst((_mergedFolds.Directories.Count * 2 / 3) + 1);
        _unfolded = _batches[folded..];
    }

    /// <summary>The same for the oracle.</summary>
    public IReadOnlyList<OracleRow> Rows { get; }

    /// <summary>Answers a plan in every form, that of aggregates only where they can; a comparison's earlier range in the same form, or where aggregates can't, from batches.</summary>
    public IEnumerable<(string Form, QueryAnswer Answer)> Answer(LeafPlan plan)
    {
        var earlier = plan.Spec.CompareOffsetSeconds is { } offset ? new LeafPlan(plan.Dataset ?? LeafPlan.AllDatasets, plan.Spec, plan.Time.Earlier(offset)) : null;
        yield return ("batches", Answer(of => PartialResultState.Scan(of, _batches))!);
        yield return ("block", Answer(of => PartialResultState.Scan(of, [_block]))!);
        yield return ("blocks and batches", Answer(of => PartialResultState.Scan(of, _blocksAndBatches))!);
        yield return ("three leaves", Answer(ThreeLeaves)!);
        if (Answer(of => Aggregated(of, _folds)) is { } aggregated)
        {
            yield return ("aggregates", aggregated);
        }

        if (Answer(of => Aggregated(of, _mergedFolds)) is { } merged)
        {
            yield return ("merged aggregates", merged);
        }

        QueryAnswer? Answer(Func<LeafPlan, PartialResult?> of) =>
            of(plan) is { } result ? Finish(result, earlier is null ? null : of(earlier) ?? PartialResultState.Scan(earlier, _batches)) : null;
    }

    /// <summary>A finished answer, with a receipt that says nothing.</summary>
    private static QueryAnswer Finish(PartialResult result, PartialResult? earlier) =>
        AnswerBuilder.Build(result, new() { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] }, new() { TotalSeries = true }, earlier);

    private static Folds Fold(List<EventBatch> batches, int batchesPerFold, string[] sketchFields)
    {
        var folds = new Folds(sketchFields);
        foreach (var chunk in batches.Chunk(batchesPerFold))
        {
            folds.Fold(chunk);
        }

        return folds;
    }

    private PartialResult ThreeLeaves(LeafPlan plan)
    {
        var merged = new PartialResult(plan);
        foreach (var leaf in _threeLeaves)
        {
            var writer = new ByteWriter();
            PartialResultState.Scan(plan, leaf).Export(writer);
            merged.Import(writer.Written);
        }

        return merged;
    }

    /// <summary>Cells for the whole slots of the range, rows for the slots that an edge cuts and for what is not folded yet: what a leaf does.</summary>
    private PartialResult? Aggregated(LeafPlan plan, Folds folds)
    {
        var overlapping = folds.Directories.Where(f => f.MinTimeNs < plan.Time.EndNs && f.MaxTimeNs >= plan.Time.StartNs).ToList();
        if (AggregateScan.TryMake(plan, overlapping, out _) is not { } scan)
        {
            return null;
        }

        var width = scan.SlotSeconds * 1_000_000_000L;
        long from = (plan.Time.StartNs + width - 1) / width * width, to = plan.Time.EndNs / width * width;
        if (from >= to)
        {
            return null;
        }

        var result = new PartialResult(plan);
        foreach (var fold in overlapping)
        {
            scan.Add(fold, folds, result, from, to);
        }

        var rows = new RowScan(plan, result);
        foreach (var batch in _unfolded)
        {
            rows.Add(batch, from, to);
        }

        foreach (var batch in _batches)
        {
            rows.Add(batch, plan.Time.StartNs, from);
            rows.Add(batch, to, plan.Time.EndNs);
        }

        return result;
    }
}
