using System.Text;
using System.Text.Json;
using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.Tests.LogPasses;

public class LogMessagesTests
{
    [Fact]
    public async Task MessagesCrossProcesses()
    {
        var system = ActorSystem.Create("log-wire");
        var serializer = new WireSerializer((ExtendedActorSystem)system);
        Assert.True(ConditionText.Parse("a = 1").TryGet(out var where, out _));
        Assert.True(SamplingPolicy.TryParse(Encoding.UTF8.GetBytes("""{"window":"3s","policies":[{"name":"a","type":"always_sample"}]}"""), "__default__", out var policy, out _));
        Assert.True(SamplingPolicySet.Empty.TryWith("__default__", policy, out var set, out _));
        var reach = new LogReach(5, 6, 7, true, "stopped", "failed", false);

        var promote = new Promote(1, 2, "t", "shop", new() { Where = where }, 3, 4);
        Assert.Equal(promote with { Spec = null! }, Send(promote) with { Spec = null! });
        Assert.Equal(QuerySpecJson.Format(promote.Spec), QuerySpecJson.Format(Send(promote).Spec));
        Same(new PromoteDone(1, 2, 3, 4, 5, 6, ["x", "y"], reach));
        var dryRun = new DryRun(1, 2, "shop", set, 3, 4, 5, 6, ["a", "b"]);
        Assert.Equal(set.ToJson(), Send(dryRun).Policies.ToJson());
        Same(dryRun with { Policies = null! }, Send(dryRun) with { Policies = null! });
        Same(new DryRunDone
        {
            Partition = 1,
            QueryId = 2,
            All = new(9, 3),
            Bytes = 4,
            KeptBytes = 5,
            Weight = 6.5,
            Groups = [new("r", "k", new(1, 1))],
            Fields = [new([new("v", new(2, 1)), new("w", new(3, 0))], new(4, 2)), new([], default)],
            Reach = reach with { IsTruncated = false, IsRetryable = true },
        });
        await system.Terminate();

        T Send<T>(T message)
            where T : notnull => (T)serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message));

        void Same<T>(T message, T? read = null)
            where T : class => Assert.Equal(JsonSerializer.Serialize(message), JsonSerializer.Serialize(read ?? Send(message)));
    }
}
