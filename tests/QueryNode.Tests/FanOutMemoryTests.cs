using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.QueryNode.Coordination;

namespace StreamObserve.QueryNode.Tests;

/// <summary>What the actor system keeps of a fan-out that has ended.</summary>
public sealed class FanOutMemoryTests() : global::Akka.TestKit.Xunit.TestKit("", "fan-out-memory")
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task AnswersAreNobodysOnceTheAskerHasThem()
    {
        // The timer of the last deadline is cancelled, but stays in the scheduler's wheel, with the actor's props, until it would have come.
        Assert.True(CoordinationLimits.AnsweredWithin > Patience);
        var answer = await AskAsync();
        for (var until = TimeProvider.System.GetTimestamp(); answer.IsAlive && TimeProvider.System.GetElapsedTime(until) < Patience;)
        {
            GC.Collect();
            await Task.Yield();
        }

        Assert.False(answer.IsAlive);
    }

    private async Task<WeakReference> AskAsync()
    {
        var promise = new FanOutPromise<LeafAnswer>();
        var done = promise.Task;
        var question = new LeafQuery(0, 7, LeafPlan.AllDatasets, new QuerySpec { Calculations = [Calculation.Count] }, new ResolvedTime(0, 1_000_000_000, 1), QuerySource.Auto);
        var region = Sys.ActorOf(Props.Create(() => new Answering()));
        var asker = Sys.ActorOf(Props.Create(() => new FanOut<LeafAnswer>(region, new List<IPartitionMessage> { question }, answer => answer.Partition, true, false, promise)));
        await WatchAsync(asker);
        var answer = new WeakReference(Assert.Single((await done.WaitAsync(Patience)).Replies));
        await ExpectTerminatedAsync(asker);
        return answer;
    }

    private sealed class Answering : ReceiveActor
    {
        public Answering() => Receive<LeafQuery>(query => Sender.Tell(new LeafAnswer(query.Partition, query.QueryId, LeafStatus.Answered, "", null, null)));
    }
}
