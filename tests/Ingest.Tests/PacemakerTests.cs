using System.Collections.Concurrent;
using System.Text;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Contracts.Log;
using StreamObserve.Ingest.Pacing;
using StreamObserve.Kafka.Producing;
using StreamObserve.Kafka.Topics;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Ingest.Tests;

public sealed class PacemakerTests(KafkaFixture kafka) : TestKit(ConfigurationFactory.ParseString(
    "akka.actor.serialize-messages = on\nakka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"\nakka.loglevel = WARNING"))
{
    private Akka.TestKit.TestScheduler Scheduler => (Akka.TestKit.TestScheduler)Sys.Scheduler;

    [Fact]
    public void EveryPartitionGetsATickEachSecond()
    {
        var log = new RecordingLog(3);
        var pacemaker = Start(log);
        TellPoliciesRead(pacemaker);
        Beat(TimeSpan.Zero);
        AwaitAssert(() => Assert.Equal([1, 1, 1], log.Counts()));
        Beat(TimeSpan.FromSeconds(1));
        AwaitAssert(() => Assert.Equal([2, 2, 2], log.Counts()));
        Assert.All(log.All(), record => Assert.Equal(0, Assert.IsType<TickRecord>(record).PolicyVersion));
    }

    [Fact]
    public void NothingIsWrittenBeforeThePoliciesAreRead()
    {
        var log = new RecordingLog(2);
        var pacemaker = Start(log);
        Beat(TimeSpan.FromSeconds(5));
        pacemaker.Tell(Policies(3));
        AwaitAssert(() => Assert.Equal([1, 1], log.Counts()));
        Assert.All(log.All(), record => Assert.Equal(3, Assert.IsType<PoliciesRecord>(record).Version));
    }

    [Fact]
    public void ATickNamesAVersionOnlyAfterItIsInTheLog()
    {
        var log = new RecordingLog(2) { FailPolicies = true };
        var pacemaker = Start(log);
        pacemaker.Tell(Policies(7));
        TellPoliciesRead(pacemaker);
        AwaitAssert(() => Assert.True(log.Failures >= 2));
        log.FailPolicies = false;
        Beat(TimeSpan.FromSeconds(1));
        AwaitAssert(() => Assert.Equal([2, 2], log.Counts()));
        foreach (var records in log.Records)
        {
            Assert.Equal([new PoliciesRecord(7, Json(7)), new TickRecord(7, ((TickRecord)records.ToArray()[1]).ClockMs)], records);
        }
    }

    [Fact]
    public void OlderRepeatedAndBrokenPolicySetsAreIgnored()
    {
        var log = new RecordingLog(1);
        var pacemaker = Start(log);
        pacemaker.Tell(Policies(5));
        AwaitAssert(() => Assert.Equal([1], log.Counts()));
        pacemaker.Tell(Policies(5));
        pacemaker.Tell(Policies(4));
        pacemaker.Tell(new Pacemaker.PoliciesFound("not json"u8.ToArray()));
        pacemaker.Tell(new Pacemaker.PoliciesFound("{\"policies\":{\"version\":9}}"u8.ToArray()));
        pacemaker.Tell(Policies(6));
        AwaitAssert(() => Assert.Equal([5L, 6L], log.Records[0].Cast<PoliciesRecord>().Select(r => r.Version)));
    }

    [Fact]
    public void APartitionThatDoesNotAnswerHoldsUpNoOther()
    {
        var log = new RecordingLog(2) { HangPartition = 0 };
        var pacemaker = Start(log);
        TellPoliciesRead(pacemaker);
        Beat(TimeSpan.Zero);
        AwaitAssert(() => Assert.Equal([0, 1], log.Counts()));
        Beat(TimeSpan.FromSeconds(1));
        AwaitAssert(() => Assert.Equal([0, 2], log.Counts()));
        Beat(TimeSpan.FromSeconds(1));
        AwaitAssert(() => Assert.Equal([0, 3], log.Counts()));
        Assert.Equal(1, log.Hanging);
    }

    [Fact]
    public async Task PoliciesFromTheMetaTopicReachEveryPartition()
    {
        await using var stage = await IngestStage.SetAsync(kafka.Settings);
        using var meta = new MetaTopic(stage.Kafka, stage.Settings.MetaTopic, NullLogger.Instance);
        using var writer = new IdempotentWriter(stage.Kafka, "pacemaker", TimeSpan.FromSeconds(5), NullLogger.Instance);
        using var metrics = new IngestMetrics();
        await meta.PutAsync(Pacemaker.PoliciesKey, Json(2).ToArray(), stage.Patience);
        stage.System.ActorOf(Pacemaker.Props(new KafkaControlLog(writer, stage.Settings.BatchesTopic, IngestStage.Partitions), meta, metrics, TimeProvider.System));
        List<TestRecords.Read> records;
        do
        {
            stage.Patience.ThrowIfCancellationRequested();
            records = await TestRecords.ReadAllAsync(stage.Kafka, stage.Settings.BatchesTopic, IngestStage.Partitions);
        }
        while (records.Count < 2 * IngestStage.Partitions);
        foreach (var partition in records.GroupBy(r => r.Partition))
        {
            var parsed = partition.Select(r => ControlRecord.TryParse(r.Value, out var record, out _) ? record : null).ToList();
            Assert.Equal(new PoliciesRecord(2, Json(2)), parsed[0]);
            Assert.Equal(2, Assert.IsType<TickRecord>(parsed[1]).PolicyVersion);
        }
    }

    private static ReadOnlyMemory<byte> Json(long version) => Encoding.UTF8.GetBytes("{\"policies\":{},\"version\":" + version + "}");

    private static Pacemaker.PoliciesFound Policies(long version) => new(Json(version));

    private IActorRef Start(RecordingLog log) =>
        Sys.ActorOf(Props.Create(() => new Pacemaker(log, _ => NoSubscription.Instance, new IngestMetrics(), TimeProvider.System)));

    private void TellPoliciesRead(IActorRef pacemaker)
    {
        pacemaker.Tell(Pacemaker.PoliciesRead.Instance);

        // Answered after it: the timer is set, so that moving time counts.
        pacemaker.Tell(new Identify(null), TestActor);
        ExpectMsg<ActorIdentity>();
    }

    private void Beat(TimeSpan by) => Scheduler.Advance(by + TimeSpan.FromMilliseconds(1));

    private sealed class NoSubscription : IDisposable
    {
        public static NoSubscription Instance { get; } = new();

        public void Dispose()
        {
        }
    }

    private sealed class RecordingLog(int partitions) : IControlLog
    {
        private int _failures;
        private int _hanging;

        public int Partitions => partitions;

        public ConcurrentQueue<ControlRecord>[] Records { get; } = [.. Enumerable.Range(0, partitions).Select(_ => new ConcurrentQueue<ControlRecord>())];

        public bool FailPolicies { get; set; }

        public int HangPartition { get; init; } = -1;

        public int Failures => Volatile.Read(ref _failures);

        public int Hanging => Volatile.Read(ref _hanging);

        public Task WriteAsync(int partition, ControlRecord record)
        {
            if (partition == HangPartition)
            {
                Interlocked.Increment(ref _hanging);
                return new TaskCompletionSource().Task;
            }

            if (FailPolicies && record is PoliciesRecord)
            {
                Interlocked.Increment(ref _failures);
                return Task.FromException(new InvalidOperationException("as told"));
            }

            Records[partition].Enqueue(record);
            return Task.CompletedTask;
        }

        public int[] Counts() => Array.ConvertAll(Records, r => r.Count);

        public IEnumerable<ControlRecord> All() => Records.SelectMany(r => r);
    }
}
