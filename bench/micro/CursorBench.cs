using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Bench.Generator;
using StreamObserve.Contracts.Log;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Processors.State;
using StreamObserve.Storage;

namespace StreamObserve.Bench.Micro;

/// <summary>
/// What the two cursors of partitions take, with their stores but without Kafka, on one thread: keeping all, and keeping about a tenth by a policy. The log is as ingest would
/// write it of generated events that come at a rate, read in bursts.
/// </summary>
internal sealed class CursorBench : IHeadListener, IRefusalSink
{
    /// <summary>The policy of bench/compare.</summary>
    private const string Policy =
        """{"rules":[{"name":"errors","conditions":[{"field":"error","op":"=","value":true}],"rate":2},{"name":"rest","sampler":{"type":"dynamic","goal_rate":11,"key":["root.service.name","root.http.route"]}}]}""";

    private const int Partitions = 4;
    private const int EventsPerSecond = 100_000;
    private const int EventsPerTransaction = 8_000;
    private const int RecordsPerBurst = 4;
    private const long WindowMs = 1_000;
    private const long StartMs = 1_790_000_000_000;

    private readonly List<LogRecord>[] _logs = [.. Enumerable.Range(0, Partitions).Select(_ => new List<LogRecord>())];

    private CursorBench(long events)
    {
        using var text = new MemoryStream();
        new EventGenerator(GeneratorOptions.Default with { Events = events, Length = TimeSpan.FromHours(events / 1e6) }).WriteTo(text);
        var router = new EventRouter(Partitions);
        var rest = text.GetBuffer().AsSpan(0, (int)text.Length);
        var count = 0;
        while (rest.IndexOf((byte)'\n') is var end and >= 0)
        {
            router.Append(rest[..end], PayloadEncoding.Json, new RecordSource(null, "default", 1), this);
            rest = rest[(end + 1)..];
            if (++count % EventsPerTransaction == 0 || rest.IsEmpty)
            {
                for (var partition = 0; partition < Partitions; partition++)
                {
                    while (router.TryTakeBatch(partition, out var batch))
                    {
                        Append(partition, count, batch);
                    }
                }
            }
        }

        // Three windows of silence: all is decided.
        for (var partition = 0; partition < Partitions; partition++)
        {
            var last = _logs[partition][^1].AppendTimeMs;
            for (var windows = 1; windows <= 3; windows++)
            {
                _logs[partition].Add(new(_logs[partition].Count + 1, last + (windows * WindowMs), new TickRecord(0, last + (windows * WindowMs)).Encode()));
            }
        }
    }

    /// <summary>Prints what passes took; the best of each.</summary>
    public static void Run(long events, int passes)
    {
        var bench = new CursorBench(events);
        Cost all = Cost.Worst, sampled = Cost.Worst;
        for (var pass = 0; pass < passes; pass++)
        {
            all = all.Best(bench.Pass(null));
            sampled = sampled.Best(bench.Pass(Policy));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{events:N0} events, best of {passes} passes, one thread; nanoseconds of CPU and bytes allocated, an event:"));
        Console.WriteLine("| | head | decide | trailing | trailing of head | seal | all | allocated | kept |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        Print("keeping all", all);
        Print("a policy", sampled);

        void Print(string name, Cost cost) => Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {cost.HeadNs / events:F0} | {cost.DecideNs / events:F0} | {cost.TrailNs / events:F0} | {cost.TrailNs / cost.HeadNs:F3} | {cost.SealNs / events:F0} | {(cost.HeadNs + cost.DecideNs + cost.TrailNs + cost.SealNs) / events:F0} | {cost.Allocated / events:F0} | {cost.Kept / events:P1} |"));
    }

    public void OnBatch(long offset, EventBatch batch)
    {
    }

    public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException($"a generated event was refused: {reason}: {detail}");

    private void Append(int partition, int events, byte[] batch) =>
        _logs[partition].Add(new(_logs[partition].Count + 1, StartMs + (events * 1000L / EventsPerSecond), batch));

    private Cost Pass(string? policy)
    {
        var folder = Directory.CreateTempSubdirectory("cursor-bench-").FullName;
        var cost = default(Cost);
        using (var cuts = new CutScheduler())
        {
            for (var partition = 0; partition < Partitions; partition++)
            {
                cost += PassOver(partition, Path.Combine(folder, partition.ToString(CultureInfo.InvariantCulture)), cuts, policy);
            }
        }

        Directory.Delete(folder, recursive: true);
        return cost;
    }

    private Cost PassOver(int partition, string folder, CutScheduler cuts, string? policy)
    {
        var settings = new PartitionSettings { WindowMs = WindowMs, LateSpanRetentionMs = 10_000, Partitions = Partitions, SketchDimensions = ["name", "service.name"], RecentBytes = 64 << 20 };
        using var state = new PartitionState(
            partition,
            PartitionStore<TraceSummary>.Open(folder, new() { BlocksPageBytes = 4 << 20, ForceToDisk = false }, PartitionSettings.Fingerprint(partition, Partitions), cuts, TimeProvider.System, NullLogger.Instance),
            settings,
            NullLogger.Instance);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var log = _logs[partition];
        if (policy is not null)
        {
            var json = Encoding.UTF8.GetBytes($$$"""{"version":1,"policies":{"{{{SamplingPolicy.DefaultDataset}}}":{{{policy}}}}}""");
            Apply(state, [new(0, StartMs, new PoliciesRecord(1, json).Encode())]);
        }

        for (var from = 0; from < log.Count; from += RecordsPerBurst)
        {
            Apply(state, log.GetRange(from, Math.Min(RecordsPerBurst, log.Count - from)));
            if (state.TakeMerge() is { } merge)
            {
                merge.Run(CancellationToken.None);
                state.Complete(merge);
            }
        }

        return new(state.HeadCpuNs, state.DecideCpuNs, state.TrailCpuNs, state.SealCpuNs, GC.GetAllocatedBytesForCurrentThread() - allocated, state.KeptRows);
    }

    private void Apply(PartitionState state, List<LogRecord> records) => state.Apply(new LogBurst(records, records[^1].Offset + 1, -1, false, null), this);

    private readonly record struct Cost(double HeadNs, double DecideNs, double TrailNs, double SealNs, double Allocated, double Kept)
    {
        public static Cost Worst { get; } = new(double.MaxValue, double.MaxValue, double.MaxValue, double.MaxValue, double.MaxValue, double.MaxValue);

        public static Cost operator +(Cost left, Cost right) =>
            new(left.HeadNs + right.HeadNs, left.DecideNs + right.DecideNs, left.TrailNs + right.TrailNs, left.SealNs + right.SealNs, left.Allocated + right.Allocated, left.Kept + right.Kept);

        public Cost Best(Cost other) => new(
            Math.Min(HeadNs, other.HeadNs), Math.Min(DecideNs, other.DecideNs), Math.Min(TrailNs, other.TrailNs), Math.Min(SealNs, other.SealNs), Math.Min(Allocated, other.Allocated), Math.Min(Kept, other.Kept));
    }
}
