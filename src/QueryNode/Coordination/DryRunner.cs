using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>Lets every partition try policies on its log, and adds up what they say.</summary>
internal sealed class DryRunner(Partitions partitions, ISamplingService sampling, TimeProvider time) : IDryRunService
{
    /// <inheritdoc/>
    public async Task<DryRunOutcome> TryAsync(DryRunRequest request, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        var current = await sampling.GetSetAsync(cancellation).ConfigureAwait(false);
        if (!current.TryWith(request.Dataset, request.Policy, out var policies, out var error))
        {
            return new DryRunOutcome.Refused(error);
        }

        var id = partitions.NextId();
        var dataset = request.Dataset == DatasetNames.Default ? "" : request.Dataset;
        var replies = await partitions.AskAllAsync<DryRunDone>(
            partition => new DryRun(partition, id, dataset, policies, 0, partitions.Count, request.FromMs, request.ToMs, request.Fields), done => done.Partition, accepts: true, cancellation)
            .ConfigureAwait(false);
        return new DryRunOutcome.Tried(Sum(request, replies, started));
    }

    private DryRunAnswer Sum(DryRunRequest request, FanOutReplies<DryRunDone> replies, long started)
    {
        var read = replies.Replies.Where(reply => reply.Reach.ToMs > 0).ToList();
        return new()
        {
            All = Sum(replies.Replies.Select(reply => reply.All)),
            Bytes = (replies.Replies.Sum(reply => reply.Bytes), replies.Replies.Sum(reply => reply.KeptBytes)),
            Estimate = replies.Replies.Sum(reply => reply.Weight),
            Seconds = read.Count == 0 ? 0 : (read.Max(reply => reply.Reach.ToMs) - read.Min(reply => reply.Reach.FromMs)) / 1000d,
            UntilMs = read.Count == 0 ? 0 : read.Max(reply => reply.Reach.ToMs),
            Groups =
            [
                .. replies.Replies.SelectMany(reply => reply.Groups).GroupBy(group => (group.Reason, group.Key))
                    .Select(group => new DryRunGroup(group.Key.Reason, group.Key.Key, Sum(group.Select(part => part.Count))))
                    .OrderByDescending(group => group.Count.Rows).ThenBy(group => group.Reason, StringComparer.Ordinal).ThenBy(group => group.Key, StringComparer.Ordinal),
            ],
            Fields = [.. request.Fields.Select((field, i) => (field, Sum([.. replies.Replies.Where(reply => reply.Fields.Count > i).Select(reply => reply.Fields[i])])))],
            Missing = LogGaps.Of(replies, request.FromMs * 1_000_000),
            Receipt = LogGaps.ReceiptOf(replies, time, started),
        };
    }

    private static DryRunField Sum(List<DryRunField> parts) => new(
        [
            .. parts.SelectMany(part => part.Values).GroupBy(value => value.Value, StringComparer.Ordinal)
                .Select(value => new DryRunValue(value.Key, Sum(value.Select(part => part.Count))))
                .OrderByDescending(value => value.Count.Rows).ThenBy(value => value.Value, StringComparer.Ordinal),
        ],
        Sum(parts.Select(part => part.Others)));

    private static DryRunCount Sum(IEnumerable<DryRunCount> counts) => counts.Aggregate(default(DryRunCount), (sum, count) => sum + count);
}
