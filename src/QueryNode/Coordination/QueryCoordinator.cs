using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>Answers a query over all partitions: resolves its time, asks each leaf, merges their partial results, finishes.</summary>
internal sealed class QueryCoordinator(Partitions partitions, ICatalogService catalog, QueryMemory memory, TimeProvider time) : IQueryService
{
    /// <summary>The step of an answer without points: so wide that a range of our times is one bucket, or two where it spans 1970 or 2038; a multiple of all cells.</summary>
    private const int OnePointSeconds = 2_147_483_640;

    /// <inheritdoc/>
    public async Task<QueryOutcome> ExecuteAsync(QueryRequest request, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        if (!QueryTime.Resolve(request.Spec, time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000).TryGet(out var resolved, out var errors))
        {
            return new QueryOutcome.Refused(errors);
        }

        var asked = NeedsPoints(request) ? resolved : resolved with { GranularitySeconds = OnePointSeconds };
        var id = partitions.NextId();
        var replies = await partitions.AskAllAsync<LeafAnswer>(
            partition => new LeafQuery(partition, id, request.Dataset, request.Spec, asked, request.Source), answer => answer.Partition, true, cancellation,
            insists: !request.PartialAllowed).ConfigureAwait(false);

        try
        {
            return await FinishAsync(request, resolved, asked, replies, started, cancellation).ConfigureAwait(false);
        }
        catch (QueryLimitException limit)
        {
            return new QueryOutcome.Refused([new("", "", limit.Message)]);
        }
    }

    private async Task<QueryOutcome> FinishAsync(
        QueryRequest request, ResolvedTime resolved, ResolvedTime asked, FanOutReplies<LeafAnswer> replies, long started, CancellationToken cancellation)
    {
        using var held = memory.Lease();
        using var heldEarlier = memory.Lease();
        var result = new PartialResult(new LeafPlan(request.Dataset, request.Spec, asked)) { Memory = held };
        var earlier = request.Spec.CompareOffsetSeconds is { } offset
            ? new PartialResult(new LeafPlan(request.Dataset, request.Spec, asked.Earlier(offset))) { Memory = heldEarlier }
            : null;
        var failed = new List<FailedPartition>(replies.Failed);
        var covered = new List<(int, LeafCoverage)>();
        var explanation = new ScanExplanation();
        foreach (var answer in replies.Replies)
        {
            switch (answer.Status)
            {
                case LeafStatus.Answered:
                    answer.Result!.AddTo(result);
                    explanation.Add(answer.Explanation!);
                    if (earlier is not null)
                    {
                        answer.Earlier!.AddTo(earlier);
                    }

                    covered.Add((answer.Partition, answer.Coverage!));
                    break;
                case LeafStatus.Refused:
                    return new QueryOutcome.Refused([request.Source == QuerySource.Aggregates
                        ? new("source", Name(request.Source), $"{Name(request.Source)} cannot answer this: {answer.Text}")
                        : new("filters", "", answer.Text)]);
                default:
                    failed.Add(answer.AsFailed());
                    break;
            }
        }

        if (result.Cells == 0 && earlier is not { Cells: > 0 } && failed.Count == 0 && request.Dataset != DatasetNames.All && await IsUnknownAsync(request.Dataset, cancellation).ConfigureAwait(false))
        {
            return new QueryOutcome.UnknownDataset();
        }

        var receipt = Receipts.Of(partitions.Count, covered, failed, result.RowsRead + (earlier?.RowsRead ?? 0), Used(result, earlier), time, started);
        result.HoldMemory(isToBeFinished: true);
        earlier?.HoldMemory(isToBeFinished: true);
        var answerNow = AnswerBuilder.Build(result, receipt, request.Parts, earlier);
        result.Release();
        earlier?.Release();
        return new QueryOutcome.Answered(answerNow with
        {
            Time = resolved,
            Receipt = answerNow.Receipt with { ElapsedMs = time.GetElapsedTime(started).TotalMilliseconds, Explanation = request.Explain ? explanation : null },
        });
    }

    // A rate's summary is made of its points.
    private static bool NeedsPoints(QueryRequest request) =>
        request.Parts.Series || request.Parts.TotalSeries || request.Spec.Calculations.Any(calculation => calculation.Op.RateOf() is not null);

    private async Task<bool> IsUnknownAsync(string dataset, CancellationToken cancellation) =>
        await catalog.GetDatasetsAsync(cancellation).ConfigureAwait(false) is CatalogOutcome<DatasetEntry>.Found { Receipt.Failed.Count: 0 } found
        && !found.Entries.Any(entry => entry.Name == dataset);

    private static List<string> Used(PartialResult result, PartialResult? earlier)
    {
        var used = new List<string>();
        if (result.UsedAggregates || earlier is { UsedAggregates: true })
        {
            used.Add("aggregates");
        }

        if (result.UsedRecent || earlier is { UsedRecent: true })
        {
            used.Add("recent");
        }

        if (result.UsedBlocks || earlier is { UsedBlocks: true })
        {
            used.Add("blocks");
        }

        return used;
    }

    private static string Name(QuerySource source) => source.ToString().ToLowerInvariant();
}

/// <summary>A trace from the one partition in which it lives, events with another value in common from all of them.</summary>
internal sealed class TraceFinder(Partitions partitions, TimeProvider time) : ITraceService
{
    /// <inheritdoc/>
    public Task<TraceAnswer> GetAsync(string traceId, CancellationToken cancellation) =>
        FindAsync(ColumnBlockWriter.TraceIdField, traceId, [TraceKey.Of(traceId).PartitionOf(partitions.Count)], cancellation);

    /// <inheritdoc/>
    public Task<TraceAnswer> GetByAsync(string field, string value, CancellationToken cancellation) =>
        field == ColumnBlockWriter.TraceIdField ? GetAsync(value, cancellation) : FindAsync(field, value, Enumerable.Range(0, partitions.Count), cancellation);

    private async Task<TraceAnswer> FindAsync(string field, string value, IEnumerable<int> among, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        var id = partitions.NextId();
        var replies = await partitions.AskAsync<TraceFound>(
            [.. among.Select(partition => new TraceLookup(partition, id, field, value))], found => found.Partition, false, cancellation).ConfigureAwait(false);
        var gaps = new List<TraceGap>();
        foreach (var missing in replies.Failed)
        {
            gaps.Add(new("partition", $"partition {missing.Partition} did not answer: {missing.Reason}"));
        }

        foreach (var found in replies.Replies)
        {
            AddGaps(found, gaps);
        }

        var rows = replies.Replies.SelectMany(found => found.Rows.Select(row => new TraceRow(row.TimeNs, row.Json))).ToList();
        if (replies.Replies.Any(found => found.MayLackDropped))
        {
            gaps.Add(new("sampled", "sampling has dropped events, perhaps some of these: only by trace is it known which"));
        }

        if (field == ColumnBlockWriter.TraceIdField)
        {
            gaps.AddRange(TraceShape.GapsOf(rows));
        }

        var covered = replies.Replies.Where(found => found.Coverage is not null).Select(found => (found.Partition, found.Coverage!)).ToList();
        return new()
        {
            Complete = gaps.All(gap => gap.Reason == TraceGap.ClockSkew),
            Missing = gaps,
            Rows = rows,
            Receipt = Receipts.Of(replies.Replies.Count + replies.Failed.Count, covered, replies.Failed, rows.Count, replies.Replies.Count == 0 ? [] : ["recent", "blocks"], time, started),
        };
    }

    private static void AddGaps(TraceFound found, List<TraceGap> gaps)
    {
        if (found.Failure is { } failure)
        {
            gaps.Add(new("partition", failure));
        }

        if (found.IsInWindow)
        {
            gaps.Add(new("window", "the trace is in its window still: more of it may come"));
        }

        if (found.Arrived > found.Rows.Count)
        {
            var missing = found.Arrived - found.Rows.Count;
            gaps.Add(found.Kept == false
                ? new("sampled", $"the sampling policy dropped this trace ({found.Reason}); POST /api/v1/promote brings it back while the log has it", missing)
                : new("sampled", "rows arrived that are not stored", missing));
        }
    }
}
