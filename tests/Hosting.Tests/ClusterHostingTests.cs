using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Hosting;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Hosting.Tests;

public class ClusterHostingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task LoneNodeAnswersThroughAShardAndStopsCleanly()
    {
        NodeSettings settings = Settings();
        var addresses = new NodeAddresses(settings);
        long start = Stopwatch.GetTimestamp();
        using IHost host = Node(settings, addresses);
        await host.StartAsync();
        IActorRef region = host.Services.GetRequiredService<ActorRegistry>().Get<Echo>();
        Assert.Equal("hello", await region.Ask<string>(new Envelope(2, "hello"), Patience));
        TestContext.Current.TestOutputHelper?.WriteLine($"first answer after {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0} ms");

        ActorSystem system = host.Services.GetRequiredService<ActorSystem>();
        Assert.Equal(["processor", "query"], Akka.Cluster.Cluster.Get(system).SelfRoles.Order());
        Assert.True(system.Dispatchers.HasDispatcher(ClusterHosting.StorageDispatcher));
        Assert.NotNull(system.Dispatchers.Lookup(ClusterHosting.StorageDispatcher));
        Assert.Equal(Limits.RemoteFrameBytesMax, system.Settings.Config.GetByteSize("akka.remote.dot-netty.tcp.maximum-frame-size"));
        Assert.Equal(Limits.SplitBrainStableAfter, system.Settings.Config.GetTimeSpan("akka.cluster.split-brain-resolver.stable-after"));
        Assert.Equal(Limits.DownRemovalMargin, system.Settings.Config.GetTimeSpan("akka.cluster.down-removal-margin"));
        Assert.StartsWith("Akka.Cluster.SBR.SplitBrainResolverProvider, Akka.Cluster", system.Settings.Config.GetString("akka.cluster.downing-provider-class"));
        Assert.Matches("^127\\.0\\.0\\.1:[1-9][0-9]*$", addresses.Find("remoting"));

        Assert.Equal("OFF", system.Settings.StdoutLogLevel.ToUpperInvariant());
        start = Stopwatch.GetTimestamp();
        await host.StopAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"stopped after {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0} ms");
        Assert.True(Stopwatch.GetElapsedTime(start) < Limits.ShutdownMax);
    }

    [Fact]
    public async Task SecondNodeJoinsThroughASeed()
    {
        NodeSettings first = Settings();
        var addresses = new NodeAddresses(first);
        using IHost one = Node(first, addresses);
        await one.StartAsync();
        Assert.True(HostPort.TryParse(addresses.Find("remoting"), out HostPort? seed));

        NodeSettings second = Settings() with { Seeds = [seed] };
        using IHost two = Node(second, new NodeAddresses(second));
        await two.StartAsync();
        var cluster = Akka.Cluster.Cluster.Get(two.Services.GetRequiredService<ActorSystem>());
        var up = new TaskCompletionSource();
        cluster.RegisterOnMemberUp(up.SetResult);
        await up.Task.WaitAsync(Patience);
        Assert.Equal(2, cluster.State.Members.Count);

        // The view that readiness reads follows the event within moments.
        var readiness = new ClusterReadiness(two.Services);
        Assert.True(SpinWait.SpinUntil(() => readiness.Check().Ready, Patience));

        await two.StopAsync();
        await one.StopAsync();
    }

    private static NodeSettings Settings() =>
        NodeSettings.Defaults with { Roles = NodeRoles.Processor | NodeRoles.Query, Kafka = "127.0.0.1:1", Remoting = new HostPort("127.0.0.1", 0) };

    private static IHost Node(NodeSettings settings, NodeAddresses addresses)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLogging(l => l.SetMinimumLevel(LogLevel.Error));
        builder.Services.AddAkka(ClusterHosting.SystemName, (akka, _) => akka
            .AddStreamObserveCluster(settings, addresses)
            .WithShardRegion<Echo>("echo", _ => Props.Create<Echo>(), new Extractor(), new ShardOptions { Role = "processor" }));
        return builder.Build();
    }

    private sealed record Envelope(int Partition, string Text);

    private sealed class Echo : ReceiveActor
    {
        public Echo() => Receive<Envelope>(e => Sender.Tell(e.Text));
    }

    private sealed class Extractor : HashCodeMessageExtractor
    {
        public Extractor()
            : base(4)
        {
        }

        public override string? EntityId(object message) => message is Envelope e ? e.Partition.ToString() : null;
    }
}
