using System.Net;
using Akka.Actor;
using Akka.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Broker;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sampling;
using StreamObserve.Hosting;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Producing;
using StreamObserve.Kafka.Topics;
using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;
using StreamObserve.Simulation;
using StreamObserve.Storage;

namespace StreamObserve.Processors.Tests;

/// <summary>A partition's actor over a real log: the embedded broker.</summary>
public sealed class PartitionActorTests() : global::Akka.TestKit.Xunit.TestKit(Dispatcher, "partition-actor"), IAsyncLifetime
{
    private const string Topic = "streamobserve.batches";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly Config Dispatcher = ConfigurationFactory.ParseString(
        $"{ClusterHosting.StorageDispatcher} {{ type = ForkJoinDispatcher, throughput = 1, dedicated-thread-pool {{ thread-count = 2, threadtype = background }} }}");

    private readonly string _folder = Directory.CreateTempSubdirectory("partition-actor-").FullName;
    private readonly CutScheduler _cuts = new();
    private readonly ProcessorMetrics _metrics = new();
    private EmbeddedBroker _broker = null!;
    private KafkaSettings _kafka = null!;
    private IdempotentWriter _writer = null!;
    private long _number;

    async ValueTask IAsyncLifetime.InitializeAsync()
    {
        await base.InitializeAsync();
        _broker = await EmbeddedBroker.StartAsync(new() { DataDirectory = Path.Combine(_folder, "log"), Listen = new(IPAddress.Loopback, 0) }, TimeProvider.System, _ => { });
        _kafka = new() { Bootstrap = _broker.Endpoint.ToString() };
        using (var admin = new TopicAdmin(_kafka, TimeProvider.System, NullLogger.Instance))
        {
            await admin.EnsureAsync(TopicSpec.Batches(Topic, 1), CancellationToken.None);
        }

        _writer = new(_kafka, "test", Patience, NullLogger.Instance);
    }

    async ValueTask IAsyncDisposable.DisposeAsync()
    {
        await base.DisposeAsync();
        _writer.Dispose();
        _cuts.Dispose();
        _metrics.Dispose();
        await _broker.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task ItServesCutsAndServesTheSameAfterARestart()
    {
        var head = await WriteAsync(40);
        var actor = Start(TimeSpan.FromMinutes(10));
        await CaughtUpAsync(actor, head);
        Assert.Equal(40, await CountAsync(actor));
        await StopAsync(actor);

        using (var store = OpenStore())
        {
            Assert.NotNull(store.Recovered);
            Assert.Equal(head, CutPayload.Decode(store.Recovered.Payload.Span).Head.Offset);
        }

        head = await WriteAsync(7);
        actor = Start(TimeSpan.FromMinutes(10));
        await CaughtUpAsync(actor, head);
        Assert.Equal(47, await CountAsync(actor));
        Assert.Equal(47, await CountAsync(actor, QuerySource.Aggregates));
        await StopAsync(actor);
    }

    [Fact]
    public async Task ItStopsWhenAnotherOwnerTookThePartitionAndHarmsNothing()
    {
        var head = await WriteAsync(10);
        var actor = Start(TimeSpan.FromMilliseconds(100));
        await CaughtUpAsync(actor, head);
        await WatchAsync(actor);
        using (var other = OpenStore())
        {
            await WriteAsync(5);
            await ExpectTerminatedAsync(actor, Patience);
            Assert.False(other.LookForHigherEpoch());
            await other.BeginCut(new byte[] { 1 }).Completed;
        }
    }

    [Fact]
    public async Task WhatTheAskedSourceCannotAnswerIsRefusedWithItsReason()
    {
        var head = await WriteAsync(3);
        var actor = Start(TimeSpan.FromMinutes(10));
        await CaughtUpAsync(actor, head);
        var spec = new QuerySpec { Breakdowns = ["route", "duration_ms"] };
        actor.Tell(new LeafQuery(0, 9, LeafPlan.AllDatasets, spec, Always, QuerySource.Aggregates), TestActor);
        await ExpectMsgAsync<LeafAccepted>(Patience);
        var answer = await ExpectMsgAsync<LeafAnswer>(Patience);

        // Nothing is folded yet, so that it is the question, not the data, that aggregates refuse.
        Assert.Equal(LeafStatus.Refused, answer.Status);
        Assert.Equal(9, answer.QueryId);
        Assert.NotEmpty(answer.Text);
        Assert.Equal(head, answer.Coverage!.HeadOffset);
        await StopAsync(actor);
    }

    [Fact]
    public async Task AQuestionThatIsAskedAgainWhileItRunsIsAnsweredOnce()
    {
        var head = await WriteAsync(3);
        using var gate = new ScanGate(1);
        var actor = Start(TimeSpan.FromMinutes(10), gate);
        await CaughtUpAsync(actor, head);
        using var held = new ManualResetEventSlim();
        var holding = gate.RunAsync(held.Wait, CancellationToken.None);
        var question = new LeafQuery(0, 5, LeafPlan.AllDatasets, new(), Always, QuerySource.Recent);
        actor.Tell(question, TestActor);
        actor.Tell(question, TestActor);
        await ExpectMsgAsync<LeafAccepted>(Patience);
        await ExpectMsgAsync<LeafAccepted>(Patience);
        held.Set();
        await holding;
        Assert.Equal(LeafStatus.Answered, (await ExpectMsgAsync<LeafAnswer>(Patience)).Status);

        // What the actor says next is about the next question.
        actor.Tell(question with { QueryId = 6 }, TestActor);
        Assert.Equal(6, (await ExpectMsgAsync<LeafAccepted>(Patience)).QueryId);
        Assert.Equal(6, (await ExpectMsgAsync<LeafAnswer>(Patience)).QueryId);
        await StopAsync(actor);
    }

    private static ResolvedTime Always => new((TestState.StartMs / 3_600_000 * 3_600_000) * 1_000_000, ((TestState.StartMs / 3_600_000) + 2) * 3_600_000_000_000, 3_600);

    private async Task<long> WriteAsync(int rows)
    {
        var events = Enumerable.Range(0, rows).Select(i => new SimulatedEvent(++_number, "shop", TestState.TraceId(i / 3), i % 3 == 0, "/", false, i, 1, TestState.StartMs)).ToList();
        return await _writer.WriteAsync(Topic, 0, null, Assert.Single(SimulatedLog.Encode(new EventRouter(1), events)).Value, CancellationToken.None) + 1;
    }

    private IActorRef Start(TimeSpan cutInterval, ScanGate? scans = null)
    {
        var settings = new ProcessorSettings
        {
            Folder = Path.Combine(_folder, "partitions"), Partitions = 1, CutInterval = cutInterval, Partition = TestState.Default, StoreOptions = TestState.StoreOptions, BatchesTopic = Topic,
            Scans = scans ?? ScanGate.OfThisMachine(),
        };
        return Sys.ActorOf(PartitionActor.Props(0, new(settings, _kafka, _cuts, _metrics, new(_metrics), TimeProvider.System, NullLoggerFactory.Instance)));
    }

    private PartitionStore<TraceSummary> OpenStore() => PartitionStore<TraceSummary>.Open(
        Path.Combine(_folder, "partitions", "0"), TestState.StoreOptions, PartitionSettings.Fingerprint(0, 1), _cuts, TimeProvider.System, NullLogger.Instance);

    private async Task CaughtUpAsync(IActorRef actor, long head) => await AwaitAssertAsync(
        async () =>
        {
            var status = await actor.Ask<PartitionStatus>(new PartitionStatusQuery(0), Patience);
            Assert.True(status.Serving && status.Coverage!.HeadOffset >= head);
        },
        Patience, TimeSpan.FromMilliseconds(20));

    private async Task<long> CountAsync(IActorRef actor, QuerySource source = QuerySource.Auto)
    {
        actor.Tell(new LeafQuery(0, 1, "shop", new(), Always, source), TestActor);
        await ExpectMsgAsync<LeafAccepted>(Patience);
        var answer = await ExpectMsgAsync<LeafAnswer>(Patience);
        Assert.Equal((LeafStatus.Answered, ""), (answer.Status, answer.Text));
        var result = new PartialResult(new("shop", new(), Always));
        answer.Result!.AddTo(result);
        return Enumerable.Range(0, result.Cells).Sum(result.Count.Rows);
    }

    private async Task StopAsync(IActorRef actor)
    {
        await WatchAsync(actor);
        Sys.Stop(actor);
        await ExpectTerminatedAsync(actor, Patience);
    }
}
