using Akka.Actor;
using Akka.TestKit;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.QueryNode.Coordination;

namespace StreamObserve.QueryNode.Tests;

/// <summary>Asking the partitions, with a probe as their region and a clock that the test moves.</summary>
public sealed class FanOutTests() : global::Akka.TestKit.Xunit.TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"", "fan-out")
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly FanOutPromise<LeafAnswer> _done = new();

    private TestScheduler Clock => (TestScheduler)Sys.Scheduler;

    [Fact]
    public async Task APartitionThatFellSilentIsAskedAgainAndItsFirstAnswerCounts()
    {
        var region = CreateTestProbe();
        var done = _done.Task;
        var asker = Ask(region, 2);
        await region.ExpectMsgAsync<LeafQuery>(query => query.Partition == 0);
        var second = await region.ExpectMsgAsync<LeafQuery>(query => query.Partition == 1);
        asker.Tell(new LeafAccepted(0, second.QueryId), region);
        asker.Tell(new LeafAccepted(1, second.QueryId), region);
        asker.Tell(Answer(0, second.QueryId), region);
        await ProcessedAsync(asker);

        Clock.Advance(CoordinationLimits.HedgedAfter);
        await region.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        Clock.Advance(CoordinationLimits.HedgedEvery);
        var again = await region.ExpectMsgAsync<LeafQuery>();
        Assert.Equal(second, again);

        asker.Tell(Answer(1, second.QueryId), region);
        asker.Tell(Answer(1, second.QueryId), region);
        var replies = await done.WaitAsync(Patience);
        Assert.Equal([0, 1], replies.Replies.Select(reply => reply.Partition));
        Assert.Empty(replies.Failed);
    }

    [Fact]
    public async Task OneThatStaysSilentIsAskedAgainBeforeItCountsAsMissing()
    {
        var region = CreateTestProbe();
        var done = _done.Task;
        var asker = Ask(region, 1);
        var first = await region.ExpectMsgAsync<LeafQuery>();
        await ProcessedAsync(asker);
        Clock.Advance(CoordinationLimits.HedgedAfter);
        Assert.Equal(first, await region.ExpectMsgAsync<LeafQuery>());
        await ProcessedAsync(asker);
        Clock.Advance(CoordinationLimits.AcceptedWithin - CoordinationLimits.HedgedAfter);
        var failed = Assert.Single((await done.WaitAsync(Patience)).Failed);
        Assert.True(failed is { Partition: 0, Retryable: true });
        await region.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task WhoInsistsAsksAPartitionThatMovesUntilItIsBack()
    {
        var region = CreateTestProbe();
        var done = _done.Task;
        var asker = Ask(region, 1, insists: true);
        var first = await region.ExpectMsgAsync<LeafQuery>();
        await ProcessedAsync(asker);
        for (var i = 0; i < 3; i++)
        {
            // Also one that had accepted: its partition went away in the middle.
            asker.Tell(new LeafAccepted(0, first.QueryId), region);
            asker.Tell(Answer(0, first.QueryId) with { Status = LeafStatus.Unavailable, Text = "opening" }, region);
            await ProcessedAsync(asker);
            Clock.Advance(CoordinationLimits.RefusedAskedAgainAfter);
            Assert.Equal(first, await region.ExpectMsgAsync<LeafQuery>());
        }

        asker.Tell(new LeafAccepted(0, first.QueryId), region);
        asker.Tell(Answer(0, first.QueryId), region);
        var replies = await done.WaitAsync(Patience);
        Assert.Equal(LeafStatus.Answered, Assert.Single(replies.Replies).Status);
        Assert.Empty(replies.Failed);
    }

    [Fact]
    public async Task WhoInsistsGivesUpOnAPartitionThatStaysAwayAndPassesItsWordsOn()
    {
        var region = CreateTestProbe();
        var done = _done.Task;
        var asker = Ask(region, 2, insists: true);
        var first = await region.ExpectMsgAsync<LeafQuery>();
        await ProcessedAsync(asker);
        asker.Tell(Answer(0, first.QueryId) with { Status = LeafStatus.Unavailable, Text = "opening" }, region);
        await ProcessedAsync(asker);
        Clock.Advance(CoordinationLimits.AcceptedWithin);
        await ProcessedAsync(asker);
        Assert.False(done.IsCompleted);
        Clock.Advance(CoordinationLimits.BackWithin - CoordinationLimits.AcceptedWithin);
        var replies = await done.WaitAsync(Patience);
        Assert.True(Assert.Single(replies.Replies) is { Partition: 0, Status: LeafStatus.Unavailable, Text: "opening" });
        Assert.True(Assert.Single(replies.Failed) is { Partition: 1, Retryable: true });
    }

    [Theory]
    [InlineData(false, LeafStatus.Unavailable)]
    [InlineData(true, LeafStatus.Overloaded)]
    public async Task APartitionIsNotAwaitedByWhoTakesPartsNorWhenItIsOverloaded(bool insists, LeafStatus status)
    {
        var region = CreateTestProbe();
        var done = _done.Task;
        var asker = Ask(region, 1, insists);
        var first = await region.ExpectMsgAsync<LeafQuery>();
        asker.Tell(Answer(0, first.QueryId) with { Status = status, Text = "not now" }, region);
        Assert.Equal(status, Assert.Single((await done.WaitAsync(Patience)).Replies).Status);
    }

    private static LeafAnswer Answer(int partition, long id) => new(partition, id, LeafStatus.Answered, "", null, null);

    private IActorRef Ask(TestProbe region, int partitions, bool insists = false)
    {
        var questions = Enumerable.Range(0, partitions).Select(IPartitionMessage (partition) =>
            new LeafQuery(partition, 7, LeafPlan.AllDatasets, new QuerySpec { Calculations = [Calculation.Count] }, new ResolvedTime(0, 1_000_000_000, 1), QuerySource.Auto)).ToList();
        return Sys.ActorOf(Props.Create(() => new FanOut<LeafAnswer>(region.Ref, questions, answer => answer.Partition, true, insists, _done)));
    }

    /// <summary>What was told before has been handled, and the timers of its start are set: an actor identifies itself in its turn.</summary>
    private static async Task ProcessedAsync(IActorRef actor) => await actor.Ask<ActorIdentity>(new Identify(1), Patience);
}
