using Akka.Actor;
using Akka.Hosting;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>The partitions as a query node reaches them. Any thread.</summary>
internal sealed class Partitions(ActorSystem system, IRequiredActor<PartitionRegion> region, NodeSettings settings)
{
    // The upper half is the node's own, so that two query nodes never use one id at a partition.
    private long _lastId = (long)Akka.Cluster.Cluster.Get(system).SelfUniqueAddress.Uid << 32;

    /// <summary>How many there are.</summary>
    public int Count => settings.Partitions;

    /// <summary>The actor system.</summary>
    public ActorSystem System => system;

    /// <summary>The region, or its proxy, that routes to them.</summary>
    public IActorRef Region => region.ActorRef;

    /// <summary>An id of this node's own.</summary>
    public long NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>Asks every partition.</summary>
    public Task<FanOutReplies<TReply>> AskAllAsync<TReply>(
        Func<int, IPartitionMessage> question, Func<TReply, int> partitionOf, bool accepts, CancellationToken cancellation, bool insists = false)
        where TReply : class =>
        AskAsync(Enumerable.Range(0, Count).Select(question).ToList(), partitionOf, accepts, cancellation, insists);

    /// <summary>Asks some partitions and waits for all that answer in time, longer when it <paramref name="insists"/> on all. Ends promptly when cancelled.</summary>
    public async Task<FanOutReplies<TReply>> AskAsync<TReply>(
        IReadOnlyList<IPartitionMessage> questions, Func<TReply, int> partitionOf, bool accepts, CancellationToken cancellation, bool insists = false)
        where TReply : class
    {
        var promise = new FanOutPromise<TReply>();
        var done = promise.Task;
        var region = Region;
        var actor = system.ActorOf(Props.Create(() => new FanOut<TReply>(region, questions, partitionOf, accepts, insists, promise)));
        await using var registration = cancellation.Register(() => actor.Tell(FanOutCancelled.Instance)).ConfigureAwait(false);
        return await done.WaitAsync(cancellation).ConfigureAwait(false);
    }
}

/// <summary>Makes receipts.</summary>
internal static class Receipts
{
    /// <summary>A receipt from what the partitions covered.</summary>
    public static Receipt Of(
        int asked, IReadOnlyList<(int Partition, LeafCoverage Coverage)> covered, IReadOnlyList<FailedPartition> failed, long rowsRead, IReadOnlyList<string> used,
        TimeProvider time, long started)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return new()
        {
            Asked = asked,
            Answered = asked - failed.Count,
            Failed = [.. failed.OrderBy(f => f.Partition)],
            Covered = [.. covered.OrderBy(c => c.Partition).Select(c => new CoveredPartition(c.Partition, c.Coverage.HeadOffset, c.Coverage.TrailingOffset, c.Coverage.FromNs, c.Coverage.ToNs))],
            LagMs = covered.Count == 0 ? 0 : Math.Max(0, now - covered.Min(c => c.Coverage.HeadLogTimeMs)),
            RowsRead = rowsRead,
            ElapsedMs = time.GetElapsedTime(started).TotalMilliseconds,
            Lost = [.. covered.SelectMany(c => c.Coverage.Lost)],
            Used = used,
        };
    }
}
