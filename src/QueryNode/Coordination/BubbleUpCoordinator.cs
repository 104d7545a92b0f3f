using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>Compares over all partitions: resolves the time, asks each leaf for its counts, merges, ranks.</summary>
internal sealed class BubbleUpCoordinator(Partitions partitions, ICatalogService catalog, TimeProvider time) : IBubbleUpService
{
    /// <inheritdoc/>
    public async Task<BubbleUpOutcome> CompareAsync(BubbleUpRequest request, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        var asked = new QuerySpec
        {
            Where = request.Spec.Where,
            StartTimeNs = request.Spec.StartTimeNs,
            EndTimeNs = request.Spec.EndTimeNs,
            TimeRangeSeconds = request.Spec.TimeRangeSeconds,
            GranularitySeconds = request.Spec.GranularitySeconds,
            UsageMode = request.Spec.UsageMode,
        };
        if (Unsupported(request) is { Count: > 0 } unsupported)
        {
            return new BubbleUpOutcome.Refused(unsupported);
        }

        if (!QueryTime.Resolve(asked, time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000).TryGet(out var resolved, out var errors))
        {
            return new BubbleUpOutcome.Refused([.. errors.Select(error => error with { Field = "query." + error.Field })]);
        }

        var id = partitions.NextId();
        var replies = await partitions.AskAllAsync<LeafAnswer>(
            partition => new LeafBubbleUp(partition, id, request.Dataset, asked, resolved.StartNs, resolved.EndNs, request.Selection), answer => answer.Partition, true, cancellation,
            insists: !request.PartialAllowed)
            .ConfigureAwait(false);

        var result = new BubbleUpResult();
        var failed = new List<FailedPartition>(replies.Failed);
        var covered = new List<(int, LeafCoverage)>();
        foreach (var answer in replies.Replies)
        {
            cancellation.ThrowIfCancellationRequested();
            if (answer.Status == LeafStatus.Answered)
            {
                answer.Result!.AddTo(result);
                covered.Add((answer.Partition, answer.Coverage!));
            }
            else
            {
                failed.Add(answer.AsFailed());
            }
        }

        if (result.Selection.Rows + result.Baseline.Rows == 0 && failed.Count == 0 && await IsUnknownAsync(request.Dataset, cancellation).ConfigureAwait(false))
        {
            return new BubbleUpOutcome.UnknownDataset();
        }

        var compared = BubbleUpRanking.Rank(result, request.Selection);
        var receipt = Receipts.Of(partitions.Count, covered, failed, result.RowsRead, Used(result), time, started);
        return new BubbleUpOutcome.Answered(compared, Count(result, result.Selection), Count(result, result.Baseline), result.HasMoreFields, resolved, receipt);
    }

    // Of the query only filter and time are used, so nothing else of it can stand in the way.
    private static List<QueryError> Unsupported(BubbleUpRequest request) =>
    [
        .. QuerySupport.CheckComparison(new() { Where = request.Spec.Where, CalculatedFields = request.Spec.CalculatedFields }).Select(error => error with { Field = "query." + error.Field }),
        .. QuerySupport.CheckComparison(new() { Where = request.Selection.Where }).Select(error => error with { Field = "selection" }),
    ];

    private async Task<bool> IsUnknownAsync(string dataset, CancellationToken cancellation) =>
        dataset != DatasetNames.All
        && await catalog.GetDatasetsAsync(cancellation).ConfigureAwait(false) is CatalogOutcome<DatasetEntry>.Found { Receipt.Failed.Count: 0 } found
        && !found.Entries.Any(entry => entry.Name == dataset);

    private static BubbleUpCount Count(BubbleUpResult result, BubbleUpSide side) => new(
        side.Rows, side.Events,
        result.HasUncountedDrops ? new(LabelKind.AtLeast) : result.IsSampled ? new(LabelKind.Estimated) : NumberLabel.Exact);

    private static List<string> Used(BubbleUpResult result)
    {
        var used = new List<string>();
        if (result.UsedRecent)
        {
            used.Add("recent");
        }

        if (result.UsedBlocks)
        {
            used.Add("blocks");
        }

        return used;
    }
}
