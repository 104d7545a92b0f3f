using System.Diagnostics;
using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Contracts.Log;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sampling;
using StreamObserve.Hosting;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Processors.State;
using StreamObserve.Storage;

namespace StreamObserve.Simulation;

/// <summary>
/// A window of an hour with 50 million spans of 7 million traces in it, in four partitions, with the memory that a process of 1 GiB gives them: what is resident stays within 1 GiB, and the
/// decisions are those of a reference that holds everything. The log is made anew wherever it is read.
/// </summary>
public sealed class HourWindowTests(ITestOutputHelper output)
{
    private const int Partitions = 4;
    private const int WindowSeconds = 3_600;
    private const int DecidedSeconds = 120;
    private const int SpansPerTrace = 7;
    private const int TracesPerSecond = 500;    // of each partition
    private const int SecondsBetweenSpans = 3;
    private const int CutEverySeconds = 240;
    private const long StartMs = 1_790_000_000_000;

    private static readonly SimulatedSampler Sampler = new(SamplingActionKind.Dynamic, 10, ["route", "root.route"], UsesTraceLength: false);
    private static readonly SimulatedPolicy Policy = new(1, null, new Dictionary<string, IReadOnlyList<SimulatedRule>>
    {
        [SamplingPolicy.DefaultDataset] = [new(RuleSubject.Error, 0, "", 1), new(RuleSubject.Any, 0, "", 0, Sampler)],
    });

    private static readonly string[] Routes = ["/", "/search", "/products", "/cart", "/checkout", "/login", "/orders", "/health"];

    [Fact]
    [Trait("category", "full")]
    public void AnHoursWindowStaysWithinTheBudgetAndIsDecidedRight()
    {
        var budget = MemoryBudget.Of(new ByteSize(1L << 30), NodeRoles.Ingest | NodeRoles.Processor | NodeRoles.Query, Partitions);
        HeapLimit.Apply(budget.HeapBytes);
        using var scheduler = new CutScheduler();
        var clock = Stopwatch.StartNew();
        var kept = new Dictionary<string, (int Rows, double Weight)>[Partitions];
        Parallel.For(0, Partitions, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, partition => kept[partition] = Run(partition, budget, scheduler));
        var peak = PeakResidentBytes();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(long)Partitions * (WindowSeconds + DecidedSeconds) * TracesPerSecond * SpansPerTrace:N0} spans in {clock.Elapsed.TotalSeconds:F0} s, peak resident {peak >> 20} MiB, {kept.Sum(k => k.Count):N0} traces kept"));
        Assert.True(peak < 1L << 30, $"{peak >> 20} MiB resident");
        for (var partition = 0; partition < Partitions; partition++)
        {
            var expected = Expected(partition);
            Assert.Equal(expected.Count, kept[partition].Count);
            Assert.All(expected, trace => Assert.Equal(trace.Value, kept[partition][trace.Key]));
        }
    }

    /// <summary>The partition's whole life; what it kept of the epochs that were decided.</summary>
    private static Dictionary<string, (int Rows, double Weight)> Run(int partition, MemoryBudget budget, CutScheduler scheduler)
    {
        var settings = new PartitionSettings
        {
            WindowMs = WindowSeconds * 1_000L,
            LateSpanRetentionMs = 600_000,
            Partitions = Partitions,
            SketchDimensions = [],
            RecentBytes = budget.BatchCacheBytes * 2 / 3 / Partitions,
            TextNumberBytes = budget.QueriesBytes / 10 / Partitions,
            ColumnCacheBytes = budget.QueriesBytes * 2 / 5 / Partitions,
            BlockBytes = budget.RowsBytes * 2 / 3 / Partitions,
            FoldBytes = budget.RowsBytes / 3 / Partitions,
        };
        var folder = Directory.CreateTempSubdirectory("hour-window-").FullName;
        try
        {
            var options = new PartitionStoreOptions { MemoryBudgetBytes = budget.StoresBytes / Partitions, BlocksPageBytes = 4 << 20 };
            using var state = new PartitionState(
                partition, PartitionStore<TraceSummary>.Open(folder, options, PartitionSettings.Fingerprint(partition, Partitions), scheduler, TimeProvider.System, NullLogger.Instance), settings, NullLogger.Instance);
            PendingCut? cut = null;
            state.Apply(Burst(new(0, StartMs, new PoliciesRecord(Policy.Version, Policy.ToJson()).Encode())), new Nobody());
            for (var second = 0; second < WindowSeconds + DecidedSeconds; second++)
            {
                state.Apply(Burst(Record(partition, second)), new Nobody());
                while (state.NeedsReread(out var offset))
                {
                    state.Refill(Burst(Record(partition, (int)offset - 1)));
                }

                if (state.TakeMerge() is { } merge)
                {
                    merge.Run(CancellationToken.None);
                    state.Complete(merge);
                }

                if (second % CutEverySeconds == CutEverySeconds - 1)
                {
                    cut?.Completed.GetAwaiter().GetResult();
                    cut = state.BeginCut();
                }
            }

            cut?.Completed.GetAwaiter().GetResult();
            return Kept(state);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static LogBurst Burst(LogRecord record) => new([record], record.Offset + 1, record.Offset + 1, true, null);

    /// <summary>What is appended in a second: a span of each trace that began so many seconds ago.</summary>
    private static LogRecord Record(int partition, int second)
    {
        var router = new EventRouter(1);
        var json = new StringBuilder();
        for (var span = 0; span < SpansPerTrace && second - (span * SecondsBetweenSpans) is >= 0 and var born; span++)
        {
            for (var trace = 0; trace < TracesPerSecond; trace++)
            {
                var random = Hash(partition, born, trace, span);
                json.Clear().Append(CultureInfo.InvariantCulture, $"{{\"timestamp\":{StartMs + (second * 1_000L)},\"trace.trace_id\":\"{Id(partition, born, trace)}\",\"route\":\"{RouteOf(random)}\"");
                json.Append(span == 0 ? "" : ",\"trace.parent_id\":\"00f067aa0ba902b7\"").Append(IsError(random) ? ",\"error\":true" : "");
                json.Append(CultureInfo.InvariantCulture, $",\"duration_ms\":{random % 977}}}");
                router.Append(Encoding.UTF8.GetBytes(json.ToString()), PayloadEncoding.Json, new("shop", "unknown", 0), new NoRefusals());
            }
        }

        Assert.True(router.TryTakeBatch(0, out var value));
        Assert.False(router.TryTakeBatch(0, out _));
        return new(second + 1, StartMs + (second * 1_000L), value);
    }

    /// <summary>Which traces of the decided epochs must be kept, and what each of their rows weighs.</summary>
    private static Dictionary<string, (int Rows, double Weight)> Expected(int partition)
    {
        var expected = new Dictionary<string, (int, double)>();
        var clock = new DecisionClock(WindowSeconds * 1_000L);
        var limit = clock.TrailingLimit(StartMs + ((WindowSeconds + DecidedSeconds - 1) * 1_000L));
        var epochs = Enumerable.Range(0, DecidedSeconds).GroupBy(second => clock.EpochOf(StartMs + (second * 1_000L))).Where(epoch => epoch.Key.Start < limit);
        foreach (var epoch in epochs)
        {
            var sampled = new List<(string Id, string Key, int Rows)>();
            foreach (var (second, trace) in epoch.SelectMany(second => Enumerable.Range(0, TracesPerSecond).Select(trace => (second, trace))))
            {
                var spans = Enumerable.Range(0, SpansPerTrace).Select(span => Hash(partition, second, trace, span)).ToArray();
                var id = Id(partition, second, trace);
                if (spans.Any(IsError))
                {
                    expected.Add(id, (RowsBelow(second, limit), 1));
                    continue;
                }

                var rows = spans.Select((random, span) => new SimulatedEvent(0, "shop", id, span == 0, RouteOf(random), false, 0, 1, 0)).ToArray();
                sampled.Add((id, Sampler.KeyOf(rows, isTrace: true), SpansPerTrace));
            }

            foreach (var (id, rate) in Sampler.Decide(sampled, new Dictionary<string, int>(), 10).Traces)
            {
                expected.Add(id, (RowsBelow(epoch.First(second => Ids(partition, second).Contains(id)), limit), rate));
            }
        }

        return expected;
    }

    /// <summary>Rows of a trace that the trailing cursor has passed: those before the first epoch that is not decided.</summary>
    private static int RowsBelow(int born, long limit) => Enumerable.Range(0, SpansPerTrace).Count(span => StartMs + ((born + (span * SecondsBetweenSpans)) * 1_000L) < limit);

    private static HashSet<string> Ids(int partition, int second) => [.. Enumerable.Range(0, TracesPerSecond).Select(trace => Id(partition, second, trace))];

    private static Dictionary<string, (int Rows, double Weight)> Kept(PartitionState state)
    {
        var kept = new Dictionary<string, (int Rows, double Weight)>();
        var snapshot = state.Snapshot();
        foreach (var segment in snapshot.Blocks.Select(info => (IRowSegment)snapshot.BlockReader.Open(info)).Concat(snapshot.HeadBlock))
        {
            var columns = new List<ColumnVector>();
            segment.GetColumns("trace.trace_id", columns);
            for (var row = 0; row < segment.Rows; row++)
            {
                var column = columns.Find(column => column.Has(row))!;
                var id = column.Value(column.Rank(row)).ToString();
                kept[id] = (kept.GetValueOrDefault(id).Rows + 1, segment.Weights is { } weights ? weights[row] : 1);
            }
        }

        return kept;
    }

    private static string Id(int partition, int born, int trace) =>
        string.Create(CultureInfo.InvariantCulture, $"{Hash(partition, born, trace, 100):x16}{Hash(partition, born, trace, 101):x16}");

    private static ulong Hash(int partition, int born, int trace, int of) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes((ReadOnlySpan<int>)[partition, born, trace, of]));

    private static bool IsError(ulong random) => (random >> 20) % 500 == 0;

    private static string RouteOf(ulong random) => Routes[BitLength((random >> 40) % 255)];

    private static int BitLength(ulong value) => 7 - Math.Min(7, 63 - System.Numerics.BitOperations.LeadingZeroCount(value | 1));

    private static long PeakResidentBytes() => long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;

    private sealed class Nobody : IHeadListener
    {
        public void OnBatch(long offset, EventBatch batch)
        {
        }
    }

    private sealed class NoRefusals : IRefusalSink
    {
        public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException($"{reason}: {detail}");
    }
}
