using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>The catalog from all partitions' catalogs; a column's values from a query over all that they hold.</summary>
internal sealed class CatalogMerger(Partitions partitions, TimeProvider time) : ICatalogService
{
    /// <inheritdoc/>
    public async Task<CatalogOutcome<DatasetEntry>> GetDatasetsAsync(CancellationToken cancellation)
    {
        var (parts, receipt) = await AskAsync(cancellation).ConfigureAwait(false);
        var datasets = parts.SelectMany(part => part.Datasets)
            .GroupBy(d => d.Dataset, d => d.Fields.Count == 0 ? 0 : d.Fields.Max(f => f.LastWrittenMs))
            .Select(g => new DatasetEntry(g.Key, g.Max() * 1_000_000)).OrderBy(entry => entry.Name, StringComparer.Ordinal).ToList();
        return new CatalogOutcome<DatasetEntry>.Found(datasets, false, receipt);
    }

    /// <inheritdoc/>
    public async Task<CatalogOutcome<ColumnEntry>> GetColumnsAsync(string dataset, CancellationToken cancellation)
    {
        var (parts, receipt) = await AskAsync(cancellation).ConfigureAwait(false);
        var fields = FieldsOf(parts, dataset);
        return fields is null
            ? new CatalogOutcome<ColumnEntry>.UnknownDataset()
            : new CatalogOutcome<ColumnEntry>.Found(
                [.. fields.Select(f => new ColumnEntry(f.Key, KindOf(f.Value), f.Value.LastWrittenMs * 1_000_000)).OrderBy(c => c.Name, StringComparer.Ordinal)], false, receipt);
    }

    /// <inheritdoc/>
    public async Task<CatalogOutcome<ValueEntry>> GetValuesAsync(string dataset, string column, int limit, CancellationToken cancellation)
    {
        var (parts, _) = await AskAsync(cancellation).ConfigureAwait(false);
        var fields = FieldsOf(parts, dataset);
        if (fields is null)
        {
            return new CatalogOutcome<ValueEntry>.UnknownDataset();
        }

        if (!fields.ContainsKey(column))
        {
            return new CatalogOutcome<ValueEntry>.UnknownColumn();
        }

        // All time that is held, in one step: whole minutes, so that aggregates may answer.
        const long Minute = 60_000_000_000;
        var from = parts.Min(part => part.Coverage.FromNs ?? 0) / Minute * Minute;
        var to = ((parts.Max(part => part.Coverage.ToNs ?? 0) / Minute) + 1) * Minute;
        var spec = new QuerySpec { Breakdowns = [column], Where = new Condition.Match(column, FilterOp.Exists, []), Limit = limit + 1 };
        var seconds = (int)Math.Min(int.MaxValue / 60, ((to - from) / 1_000_000_000) + 60) / 60 * 60;
        var resolved = new ResolvedTime(from, to, Math.Max(60, seconds));
        var plan = new LeafPlan(dataset, spec, resolved);
        var id = partitions.NextId();
        var started = time.GetTimestamp();
        var replies = await partitions.AskAllAsync<LeafAnswer>(
            partition => new LeafQuery(partition, id, dataset, spec, resolved, QuerySource.Auto), answer => answer.Partition, true, cancellation).ConfigureAwait(false);
        var result = new PartialResult(plan);
        var failed = new List<FailedPartition>(replies.Failed);
        var covered = new List<(int, LeafCoverage)>();
        foreach (var answer in replies.Replies)
        {
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

        var receipt = Receipts.Of(partitions.Count, covered, failed, result.RowsRead, [], time, started);
        var values = AnswerBuilder.Build(result, receipt).Results
            .Select(row => new ValueEntry(row.Group[0], row.Cells[0].Value.AsDouble, row.Cells[0].Label)).ToList();
        return new CatalogOutcome<ValueEntry>.Found(values.Count > limit ? values.GetRange(0, limit) : values, values.Count > limit, receipt);
    }

    private async Task<(IReadOnlyList<CatalogPart> Parts, Receipt Receipt)> AskAsync(CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        var id = partitions.NextId();
        var replies = await partitions.AskAllAsync<CatalogPart>(partition => new CatalogQuery(partition, id), part => part.Partition, false, cancellation).ConfigureAwait(false);
        return (replies.Replies, Receipts.Of(partitions.Count, [.. replies.Replies.Select(part => (part.Partition, part.Coverage))], replies.Failed, 0, [], time, started));
    }

    private static Dictionary<string, CatalogPartField>? FieldsOf(IReadOnlyList<CatalogPart> parts, string dataset)
    {
        Dictionary<string, CatalogPartField>? merged = null;
        foreach (var (name, fields) in parts.SelectMany(part => part.Datasets))
        {
            if (dataset != DatasetNames.All && name != dataset)
            {
                continue;
            }

            merged ??= [];
            foreach (var field in fields)
            {
                merged[field.Name] = !merged.TryGetValue(field.Name, out var known)
                    ? field
                    : new(field.Name, Math.Max(known.LastWrittenMs, field.LastWrittenMs), [.. known.Counts.Zip(field.Counts, (a, b) => a + b)]);
            }
        }

        return dataset == DatasetNames.All ? merged ?? [] : merged;
    }

    private static FieldKind KindOf(CatalogPartField field)
    {
        var best = FieldKind.String;
        for (var kind = 1; kind < field.Counts.Count; kind++)
        {
            if (field.Counts[kind] > field.Counts[(int)best])
            {
                best = (FieldKind)kind;
            }
        }

        return best;
    }
}
