using System.Diagnostics;
using System.Globalization;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Bench.Micro;

/// <summary>
/// The questions of the comparison with the peers, answered from rows on one thread: the scan of all partitions, their results together (within a process, and through bytes), the finished answer.
/// Warm, the columns are held decoded; cold, each is unpacked and decoded anew.
/// </summary>
internal static class QueryBench
{
    private const int Partitions = 4;
    private const int Day = 86_400;
    private const string Route = "POST /shop/v3/orders";

    /// <summary>Measures and prints; false when a question allocates more than its budget.</summary>
    public static bool Run(long events, int passes)
    {
        var store = new RowStore(Partitions, events);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{events:N0} events in {Partitions} partitions, {(double)store.BlockBytes / events:F1} bytes an event in blocks; {passes} passes, one thread; CPU milliseconds, best / median"));
        Console.WriteLine("| question | warm scan | cold scan | join | join by bytes | finish | allocated, KB | at most a million | rows | groups |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        var isWithin = true;
        foreach (var (name, spec, step, budget) in Questions(store.TraceId))
        {
            isWithin &= Measure(store, events, name, new("__all__", spec, Range(events, step)), passes, budget);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"columns held: {store.CachedBytes / 1e6:F0} MB"));
        return isWithin;
    }

    private static bool Measure(RowStore store, long events, string name, LeafPlan plan, int passes, double budget)
    {
        List<double> warm = [], cold = [], merge = [], bytes = [], finish = [];
        long allocated = 0;
        QueryAnswer? answer = null;
        for (var pass = 0; pass < passes; pass++)
        {
            GC.Collect();
            cold.Add(Time(() =>
            {
                store.DropCaches();
                Scan(store, plan);
            }));
            var parts = Scan(store, plan);
            var before = GC.GetAllocatedBytesForCurrentThread();
            Scan(store, plan);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            warm.Add(Time(() => Scan(store, plan)));
            bytes.Add(Time(() => MergeBytes(plan, parts)));
            var joins = Stopwatch.StartNew();
            var joined = 0d;
            var calls = 0;
            PartialResult merged;
            do
            {
                // Results that are taken over can be joined once.
                parts = Scan(store, plan);
                var started = ThreadMs();
                merged = Merge(plan, parts);
                joined += ThreadMs() - started;
                calls++;
            }
            while (joins.ElapsedMilliseconds < 200);
            merge.Add(joined / calls);
            finish.Add(Time(() => answer = Finish(merged)));
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {Text(warm)} | {Text(cold)} | {Text(merge)} | {Text(bytes)} | {Text(finish)} | {allocated / 1e3:F0} | {budget:F0} | {answer!.Receipt.RowsRead} | {answer.Results.Count} |"));
        return allocated / 1e3 <= budget * Math.Max(1, events / 1e6);
    }

    /// <summary>CPU milliseconds of one call, of so many that the kernel's ticks don't show.</summary>
    private static double Time(Action action)
    {
        var elapsed = Stopwatch.StartNew();
        var started = ThreadMs();
        var calls = 0;
        do
        {
            action();
            calls++;
        }
        while (elapsed.ElapsedMilliseconds < 60);
        return (ThreadMs() - started) / calls;
    }

    private static PartialResult[] Scan(RowStore store, LeafPlan plan)
    {
        var parts = new PartialResult[Partitions];
        for (var partition = 0; partition < Partitions; partition++)
        {
            parts[partition] = new PartialResult(plan);
            using var scan = new RowScan(plan, parts[partition]);
            foreach (var segment in store.Segments(partition))
            {
                scan.Add(segment, plan.Time.StartNs, plan.Time.EndNs);
            }
        }

        return parts;
    }

    /// <summary>As within a process.</summary>
    private static PartialResult Merge(LeafPlan plan, PartialResult[] parts)
    {
        var merged = new PartialResult(plan);
        foreach (var part in parts)
        {
            merged.Merge(part, takeOver: true);
        }

        return merged;
    }

    /// <summary>As between processes.</summary>
    private static PartialResult MergeBytes(LeafPlan plan, PartialResult[] parts)
    {
        var merged = new PartialResult(plan);
        foreach (var part in parts)
        {
            var bytes = new ByteWriter(4096);
            part.Export(bytes);
            merged.Import(bytes.Written);
        }

        return merged;
    }

    private static QueryAnswer Finish(PartialResult merged) => AnswerBuilder.Build(merged, new()
    {
        Asked = Partitions, Answered = Partitions, Failed = [], Covered = [], LagMs = 0, RowsRead = merged.RowsRead, ElapsedMs = 0, Lost = [], Used = ["blocks"],
    });

    /// <summary>CPU milliseconds of this thread, by the kernel; elapsed ones where it doesn't say.</summary>
    private static double ThreadMs()
    {
        const string Own = "/proc/thread-self/schedstat";
        return File.Exists(Own) ? long.Parse(File.ReadAllText(Own).Split(' ')[0], CultureInfo.InvariantCulture) / 1e6 : Stopwatch.GetTimestamp() * 1e3 / Stopwatch.Frequency;
    }

    private static string Text(List<double> times)
    {
        times.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{times[0]:F1} / {times[times.Count / 2]:F1}");
    }

    private static ResolvedTime Range(long events, int step)
    {
        var start = new DateTimeOffset(2026, 5, 12, 8, 50, 0, TimeSpan.Zero).ToUnixTimeSeconds();
        return new(start * 1_000_000_000, (start + 1200 + (long)(3600 * events / 1e6)) * 1_000_000_000, step);
    }

    private static IEnumerable<(string Name, QuerySpec Spec, int Step, double BudgetKb)> Questions(string trace)
    {
        Calculation count = new(CalculationOp.Count, null, null, null), p99 = Of(CalculationOp.P99);
        Calculation[] many = [count, Of(CalculationOp.Avg), Of(CalculationOp.P50), Of(CalculationOp.P95), p99];
        yield return ("Q1 COUNT by 10 s", new() { Calculations = [count] }, 10, 4_000);
        yield return ("Q2 COUNT, AVG, P50, P95, P99 by service.name", new() { Breakdowns = ["service.name"], Calculations = many }, Day, 10_500);
        yield return ("Q2 with a series of 60 s", new() { Breakdowns = ["service.name"], Calculations = many }, 60, 32_000);
        yield return ("Q3 P99 by 10 s and build_id", new() { Breakdowns = ["build_id"], Calculations = [p99] }, 10, 40_000);
        yield return ("Q4 COUNT by customer_id, top 100", new() { Breakdowns = ["customer_id"], Calculations = [count], Limit = 100 }, Day, 18_000);
        yield return ("Q4 with a series of 60 s", new() { Breakdowns = ["customer_id"], Calculations = [count], Limit = 100 }, 60, 29_000);
        yield return ("Q5 status >= 500 and route by hostname", new()
        {
            Breakdowns = ["hostname"], Calculations = [count],
            Where = new Condition.All(
            [
                new Condition.Match("http.status_code", FilterOp.GreaterOrEqual, [FieldValue.Of(500)]),
                new Condition.Match("http.route", FilterOp.Equal, [FieldValue.Of(Route)]),
            ]),
        }, Day, 3_000);
        yield return ("Q6 COUNT_DISTINCT user_id by region", new() { Breakdowns = ["region"], Calculations = [new(CalculationOp.CountDistinct, "user_id", null, null)] }, Day, 10_500);
        yield return ("Q7 HEATMAP by 10 s", new() { Calculations = [Of(CalculationOp.Heatmap)] }, 10, 20_000);
        yield return ("Q8 one trace", new() { Calculations = [count], Where = new Condition.Match("trace.trace_id", FilterOp.Equal, [FieldValue.Of(trace)]) }, Day, 700);
        yield return ("Q9 COUNT, SUM where message contains", new()
        {
            Calculations = [count, Of(CalculationOp.Sum)], Where = new Condition.Match("message", FilterOp.Contains, [FieldValue.Of("broken pipe to peer")]),
        }, Day, 3_100);
    }

    private static Calculation Of(CalculationOp op) => new(op, "duration_ms", null, null);
}
