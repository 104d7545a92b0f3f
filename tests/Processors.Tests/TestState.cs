using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Contracts.Log;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;
using StreamObserve.Simulation;
using StreamObserve.Storage;

namespace StreamObserve.Processors.Tests;

/// <summary>A partition's state in a folder of its own over a log in memory.</summary>
internal sealed class TestState : IDisposable, IHeadListener
{
    public const long StartMs = 1_790_000_000_000;

    public static readonly PartitionStoreOptions StoreOptions = new()
    {
        MemoryBudgetBytes = 8 << 20,
        AggregatesPageBytes = 128 << 10,
        AggregatesSegmentBytes = 512 << 10,
        BlocksPageBytes = 256 << 10,
        BlocksSegmentBytes = 1 << 20,
        SummariesPageBytes = 64 << 10,
        SummariesSegmentBytes = 256 << 10,
        ForceToDisk = false,
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("partition-test-").FullName;
    private readonly CutScheduler _scheduler = new();
    private readonly EventRouter _router = new(1);
    private long _number;

    public TestState(PartitionSettings? settings = null)
    {
        Settings = settings ?? Default;
        State = Open();
    }

    public static PartitionSettings Default { get; } =
        new() { WindowMs = 5_000, LateSpanRetentionMs = 600_000, Partitions = 1, SketchDimensions = [], RecentBytes = 64 << 20, BlockRows = 100, FoldRows = 100 };

    public PartitionSettings Settings { get; }

    public SimulatedLog Log { get; } = new(new Random(1));

    public PartitionState State { get; private set; }

    public long NowMs { get; set; } = StartMs;

    /// <summary>An event of the log's time now.</summary>
    public SimulatedEvent Event(string? trace = null, bool isRoot = true, string route = "/", bool isError = false, long durationMs = 10, string dataset = "shop") =>
        new(++_number, dataset, trace, isRoot, route, isError, durationMs, 1, NowMs);

    public void Append(params IReadOnlyList<SimulatedEvent> events)
    {
        foreach (var (_, value, rows) in SimulatedLog.Encode(_router, events))
        {
            Log.Append(NowMs, value, rows);
        }
    }

    /// <summary>Appends an event as it is written, of the log's time now, which <see cref="Log"/> does not list.</summary>
    public void AppendJson(string json)
    {
        _router.Append(System.Text.Encoding.UTF8.GetBytes(json), PayloadEncoding.Json, new("shop", "unknown", NowMs * 1_000_000), new NoRefusals());
        while (_router.TryTakeBatch(0, out var value))
        {
            Log.Append(NowMs, value, []);
        }
    }

    public void Tick(long milliseconds)
    {
        NowMs += milliseconds;
        Log.Append(NowMs, new TickRecord(0, NowMs).Encode(), []);
    }

    public void SetPolicy(int version, params IReadOnlyList<SimulatedRule> rules)
    {
        var policy = new SimulatedPolicy(version, null, new Dictionary<string, IReadOnlyList<SimulatedRule>> { [SamplingPolicy.DefaultDataset] = rules });
        Log.Append(NowMs, new PoliciesRecord(version, policy.ToJson()).Encode(), [], policy);
    }

    /// <summary>Sets the policy of all datasets as JSON.</summary>
    public void SetPolicy(int version, string json) =>
        Log.Append(NowMs, new PoliciesRecord(version, System.Text.Encoding.UTF8.GetBytes($$$"""{"version":{{{version}}},"policies":{"{{{SamplingPolicy.DefaultDataset}}}":{{{json}}}}}""")).Encode(), []);

    /// <summary>Reads to the log's end.</summary>
    public void Pump()
    {
        while (State.Head.Offset < Log.End)
        {
            State.Apply(Log.Read(State.Head.Offset, 10), this);
            if (MergesAtOnce && State.TakeMerge() is { } merge)
            {
                merge.Run(CancellationToken.None);
                State.Complete(merge);
            }
        }
    }

    /// <summary>Whether <see cref="Pump"/> merges folds as soon as that is due.</summary>
    public bool MergesAtOnce { get; init; } = true;

    public void Cut() => State.BeginCut().Completed.GetAwaiter().GetResult();

    public void Crash()
    {
        State.Dispose();
        State = Open();
    }

    /// <summary>Numbers of the kept rows.</summary>
    public IReadOnlyList<long> Kept()
    {
        var snapshot = State.Snapshot();
        return [.. snapshot.Blocks.Select(info => (IRowSegment)snapshot.BlockReader.Open(info)).Concat(snapshot.HeadBlock).SelectMany(SegmentRows.NumbersOf).Order()];
    }

    public static string TraceId(int number) => string.Create(CultureInfo.InvariantCulture, $"{number:x32}");

    /// <summary>A field of the kept rows, as text.</summary>
    public IReadOnlyList<string> Meta(string field)
    {
        var snapshot = State.Snapshot();
        var values = new List<string>();
        foreach (var segment in snapshot.Blocks.Select(info => (IRowSegment)snapshot.BlockReader.Open(info)).Concat(snapshot.HeadBlock))
        {
            var columns = new List<ColumnVector>();
            segment.GetColumns(field, columns);
            for (var row = 0; row < segment.Rows; row++)
            {
                var column = Assert.Single(columns, column => column.Has(row));
                values.Add(column.Value(column.Rank(row)).ToString());
            }
        }

        return values;
    }

    void IHeadListener.OnBatch(long offset, EventBatch batch)
    {
    }

    public void Dispose()
    {
        State.Dispose();
        _scheduler.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class NoRefusals : IRefusalSink
    {
        public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => Assert.Fail($"{reason}: {detail}");
    }

    private PartitionState Open() => new(
        0, PartitionStore<TraceSummary>.Open(_folder, StoreOptions, PartitionSettings.Fingerprint(0, 1), _scheduler, TimeProvider.System, NullLogger.Instance), Settings,
        NullLogger.Instance);
}
