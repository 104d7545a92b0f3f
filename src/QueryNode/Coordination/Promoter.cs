using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>Asks the partitions to bring rows back: the one in which a trace lives, or all.</summary>
internal sealed class Promoter(Partitions partitions, TimeProvider time) : IPromotionService
{
    /// <inheritdoc/>
    public async Task<PromotionAnswer> PromoteAsync(PromotionRequest request, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        var id = partitions.NextId();
        var spec = new QuerySpec { Where = request.Where };
        var among = request.TraceId is { } trace ? [TraceKey.Of(trace).PartitionOf(partitions.Count)] : Enumerable.Range(0, partitions.Count);
        var replies = await partitions.AskAsync<PromoteDone>(
            [.. among.Select(partition => new Promote(partition, id, request.TraceId ?? "", request.Dataset, spec, request.StartNs, request.EndNs))],
            done => done.Partition,
            accepts: true,
            cancellation).ConfigureAwait(false);
        var gaps = LogGaps.Of(replies, request.StartNs);
        return new()
        {
            Promoted = replies.Replies.Sum(reply => reply.Promoted),
            Already = replies.Replies.Sum(reply => reply.Already),
            Kept = replies.Replies.Sum(reply => reply.Kept),
            Traces = replies.Replies.Sum(reply => reply.Traces),
            TraceIds = [.. replies.Replies.SelectMany(reply => reply.TraceIds)],
            Missing = gaps,
            Receipt = LogGaps.ReceiptOf(replies, time, started),
        };
    }
}

/// <summary>What answers from the log say of their own limits.</summary>
internal static class LogGaps
{
    /// <summary>Why an answer is not whole.</summary>
    /// <param name="replies">The partitions' answers.</param>
    /// <param name="fromNs">From which time on it was to be, unix nanoseconds.</param>
    public static IReadOnlyList<TraceGap> Of<TReply>(FanOutReplies<TReply> replies, long fromNs)
        where TReply : ILogAnswer
    {
        var gaps = replies.Failed.Select(failed => new TraceGap("partition", $"partition {failed.Partition} did not answer: {failed.Reason}")).ToList();
        foreach (var reply in replies.Replies)
        {
            var reach = reply.Reach;
            if (reach.Failure.Length > 0)
            {
                gaps.Add(new("partition", $"partition {reply.Partition}: {reach.Failure}"));
            }

            if (reach.IsTruncated && (reach.FromMs == 0 ? reach.Stopped.Length == 0 : reach.FromMs > fromNs / 1_000_000))
            {
                gaps.Add(new(
                    "expired",
                    reach.FromMs == 0
                        ? $"the log of partition {reply.Partition} holds none of that time any more"
                        : $"the log of partition {reply.Partition} begins at {EventTime.Format(reach.FromMs * 1_000_000)}: what came before is gone"));
            }

            if (reach.Stopped.Length > 0)
            {
                gaps.Add(new("stopped", $"partition {reply.Partition}: {reach.Stopped}"));
            }
        }

        return gaps;
    }

    /// <summary>The receipt.</summary>
    public static Receipt ReceiptOf<TReply>(FanOutReplies<TReply> replies, TimeProvider time, long started)
        where TReply : ILogAnswer
    {
        List<FailedPartition> failed =
        [
            .. replies.Failed,
            .. replies.Replies.Where(reply => reply.Reach.Failure.Length > 0).Select(reply => new FailedPartition(reply.Partition, reply.Reach.Failure, reply.Reach.IsRetryable)),
        ];
        return Receipts.Of(replies.Replies.Count + replies.Failed.Count, [], failed, replies.Replies.Sum(reply => reply.Reach.Rows), ["log"], time, started);
    }
}
