using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Storage.Cuts;
using StreamObserve.Storage.Engine;

namespace StreamObserve.Storage.Tests;

/// <summary>
/// The measurements behind docs/adr/0009-storage-checkpoints.md; run as <c>StreamObserve.Storage.Tests measure NAME</c>:
/// <c>summaries</c>, <c>chunks BYTES</c>, <c>pattern</c>, <c>reads</c>. They print figures and check nothing.
/// </summary>
internal static class Measurements
{
    private const int EventsTotal = 1_000_000;
    private const int Traces = 125_000;
    private const int Touches = 3;
    private const int CutsPerRun = 12; // one each 10 s; a trace is decided six cuts after it was seen

    public static int Run(string[] args)
    {
        string folder = Directory.CreateTempSubdirectory("storage-measure-").FullName;
        try
        {
            switch (args)
            {
                case ["summaries"]:
                    MeasureSummaries(folder);
                    return 0;
                case ["chunks", var bytes]:
                    MeasureChunks(folder, int.Parse(bytes, CultureInfo.InvariantCulture));
                    return 0;
                case ["pattern", ..]:
                    MeasurePattern(folder, forceToDisk: args is not [_, "noforce"]);
                    return 0;
                case ["reads"]:
                    MeasureReads(folder);
                    return 0;
                default:
                    Console.Error.WriteLine("measure summaries, chunks BYTES, pattern [noforce], reads");
                    return 2;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void MeasureSummaries(string folder)
    {
        using var scheduler = new CutScheduler();
        StoreSettings settings = StoreSettings.ForSummaries(new PartitionStoreOptions());
        for (int round = 0; round < 6; round++)
        {
            string own = Directory.CreateDirectory(Path.Combine(folder, $"{round}")).FullName;
            var store = SummaryStore<WideSummary>.Open(settings, own, scheduler, new Ownership(new PartitionFolder(own), 1, NullLogger.Instance), null, []);
            StorePart part = store.AsPart();
            TimeSpan cpu = Cpu();
            TimeSpan cpuInCuts = TimeSpan.Zero;
            var captured = new Stopwatch();
            for (int cut = 0; cut < CutsPerRun; cut++)
            {
                TouchTraces(store, cut, partition: 0, partitions: 1);
                TimeSpan before = Cpu();
                captured.Start();
                part.Begin();
                captured.Stop();
                part.Complete();
                part.Prune([]);
                cpuInCuts += Cpu() - before;
            }

            TimeSpan total = Cpu() - cpu;
            int updates = Traces * (Touches + 1);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"summaries: {updates} updates, cpu {total.TotalSeconds:F3} s, of it {CutsPerRun} cuts {cpuInCuts.TotalSeconds:F3} s, " +
                $"capture {captured.Elapsed.TotalMilliseconds / CutsPerRun:F2} ms, log {store.LogBytes >> 20} MiB, disk {store.DiskBytes >> 20} MiB"));
            part.Close();
        }
    }

    private static void MeasureChunks(string folder, int bytes)
    {
        using var scheduler = new CutScheduler();
        bool large = bytes > 8_000;
        StoreSettings settings = large ? StoreSettings.ForBlocks(new PartitionStoreOptions()) : StoreSettings.ForAggregates(new PartitionStoreOptions());
        byte[] value = SeededBytes.Make(1, bytes * 2);
        var random = new Random(1);
        long total = large ? 1L << 30 : 128L << 20;
        for (int round = 0; round < 3; round++)
        {
            string own = Directory.CreateDirectory(Path.Combine(folder, $"{round}")).FullName;
            var store = ChunkStore.Open(settings, own, scheduler, new Ownership(new PartitionFolder(own), 1, NullLogger.Instance), null, []);
            StorePart part = store.AsPart();
            TimeSpan cpu = Cpu();
            var elapsed = Stopwatch.StartNew();
            long written = 0;
            for (int cut = 0; cut < CutsPerRun; cut++)
            {
                for (long until = total / CutsPerRun * (cut + 1); written < until;)
                {
                    int length = random.Next(bytes / 4, bytes * 2);
                    store.Upsert(new ChunkKey(1, (ulong)written), value.AsSpan(0, length));
                    written += length;
                }

                part.Begin();
                part.Complete();
                part.CheckpointIndexIfDue();
            }

            elapsed.Stop();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"chunks of about {bytes} B: {written >> 20} MiB in {elapsed.Elapsed.TotalSeconds:F2} s = {written / 1e6 / elapsed.Elapsed.TotalSeconds:F0} MB/s, " +
                $"cpu {(Cpu() - cpu).TotalSeconds:F2} s = {(Cpu() - cpu).TotalMilliseconds / (written / 1e6):F2} ms/MB, disk/written {(double)store.DiskBytes / written:F3}"));
            part.Close();
            Directory.Delete(own, recursive: true);
        }
    }

    private static void MeasurePattern(string folder, bool forceToDisk)
    {
        const int Partitions = 4;
        const int Blocks = EventsTotal / 65_536;
        using var scheduler = new CutScheduler();
        var options = new PartitionStoreOptions { ForceToDisk = forceToDisk };
        for (int round = 0; round < 3; round++)
        {
            PartitionStore<WideSummary>[] stores = [.. Enumerable.Range(0, Partitions).Select(i => PartitionStore<WideSummary>.Open(
                Path.Combine(folder, $"{round}-{i}"), options, "", scheduler, TimeProvider.System, NullLogger.Instance))];
            var random = new Random(1);
            byte[] value = SeededBytes.Make(1, 1 << 20);
            long chunkBytes = 0;
            long aggregateBytes = 0;
            TimeSpan cpu = Cpu();
            TimeSpan cpuInCuts = TimeSpan.Zero;
            var slowest = TimeSpan.Zero;
            var capture = TimeSpan.Zero;
            for (int cut = 0; cut < CutsPerRun; cut++)
            {
                for (int i = 0; i < Partitions; i++)
                {
                    TouchTraces(stores[i].Summaries, cut, i, Partitions);
                    for (int n = 0; n < EventsTotal * 30 / 1_000 / CutsPerRun / Partitions; n++)
                    {
                        int length = random.Next(64, 1_936); // 30 bytes an event
                        stores[i].Aggregates.Upsert(new ChunkKey((ulong)cut, (ulong)n), value.AsSpan(0, length));
                        aggregateBytes += length;
                    }
                }

                for (int block = Blocks * cut / CutsPerRun; block < Blocks * (cut + 1) / CutsPerRun; block++)
                {
                    for (int column = 0; column < 30; column++)
                    {
                        int length = random.Next(10_000, column % 4 == 0 ? 300_000 : 60_000); // about 35 bytes a row over all columns
                        stores[block % Partitions].Blocks.Upsert(new ChunkKey((ulong)block, (ulong)column), value.AsSpan(0, length));
                        chunkBytes += length;
                    }
                }

                TimeSpan before = Cpu();
                PendingCut[] pending = [.. stores.Select(store => store.BeginCut(value.AsMemory(0, 50_000)))];
                foreach (PendingCut one in pending)
                {
                    CompletedCut completed = one.Completed.GetAwaiter().GetResult();
                    slowest = completed.TotalTime > slowest ? completed.TotalTime : slowest;
                    capture = completed.CaptureTime > capture ? completed.CaptureTime : capture;
                }

                cpuInCuts += Cpu() - before;
            }

            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"pattern, {Partitions} partitions, fsync {forceToDisk}: cpu {(Cpu() - cpu).TotalSeconds:F3} s a million events, of it cuts {cpuInCuts.TotalSeconds:F3} s ({CutsPerRun * Partitions}), " +
                $"slowest cut {slowest.TotalMilliseconds:F0} ms, longest capture {capture.TotalMilliseconds:F1} ms; blocks {chunkBytes >> 20} MiB, aggregates {aggregateBytes >> 20} MiB, " +
                $"disk {stores.Sum(store => store.DiskBytes) >> 20} MiB, memory {stores.Sum(store => store.MemoryBytes) >> 20} MiB, rss {Environment.WorkingSet >> 20} MiB"));
            foreach (PartitionStore<WideSummary> store in stores)
            {
                store.Dispose();
            }

            var opening = Stopwatch.StartNew();
            using (var reopened = PartitionStore<WideSummary>.Open(
                Path.Combine(folder, $"{round}-0"), options, "", scheduler, TimeProvider.System, NullLogger.Instance))
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"reopened {reopened.Recovered!.Id} in {opening.Elapsed.TotalMilliseconds:F0} ms"));
            }
        }
    }

    private static void MeasureReads(string folder)
    {
        using var scheduler = new CutScheduler();
        PartitionStore<WideSummary> store = PartitionStore<WideSummary>.Open(
            folder, new PartitionStoreOptions(), "", scheduler, TimeProvider.System, NullLogger.Instance);
        const int Chunks = 4_000;
        byte[] value = SeededBytes.Make(1, 200_000);
        for (int i = 0; i < Chunks; i++)
        {
            store.Blocks.Upsert(new ChunkKey(1, (ulong)i), value);
        }

        store.BeginCut(default).Completed.GetAwaiter().GetResult();
        for (int round = 0; round < 3; round++)
        {
            foreach (int threads in new[] { 1, 2 })
            {
                var elapsed = Stopwatch.StartNew();
                TimeSpan cpu = Cpu();
                Task.WhenAll(Enumerable.Range(0, threads).Select(thread => Task.Factory.StartNew(
                    () =>
                    {
                        var random = new Random(thread);
                        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1 << 20);
                        for (int i = 0; i < Chunks / threads; i++)
                        {
                            buffer.ResetWrittenCount();
                            store.Blocks.TryRead(new ChunkKey(1, (ulong)random.Next(Chunks)), buffer);
                        }
                    },
                    TaskCreationOptions.LongRunning))).GetAwaiter().GetResult();
                double bytes = (double)Chunks * value.Length;
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"reads of 200 KB, {threads} threads: {bytes / 1e6 / elapsed.Elapsed.TotalSeconds:F0} MB/s, {elapsed.Elapsed.TotalMilliseconds * threads / Chunks:F3} ms each, cpu {(Cpu() - cpu).TotalMilliseconds / Chunks:F3} ms each"));
            }
        }

        var opening = Stopwatch.StartNew();
        store.Dispose();
        long closed = opening.ElapsedMilliseconds;
        opening.Restart();
        using var reopened = PartitionStore<WideSummary>.Open(
            folder, new PartitionStoreOptions(), "", scheduler, TimeProvider.System, NullLogger.Instance);
        Console.WriteLine($"closed in {closed} ms, reopened {reopened.Blocks.LogBytes >> 20} MiB of blocks in {opening.ElapsedMilliseconds} ms");
    }

    private static void TouchTraces(SummaryStore<WideSummary> store, int cut, int partition, int partitions)
    {
        const int New = Traces / (CutsPerRun / 2);
        const int Batch = 500;

        // New traces in the first half of the run: three touches each, a batch of traces at a time.
        for (int first = New * cut; cut < CutsPerRun / 2 && first < New * (cut + 1); first += Batch)
        {
            for (int touch = 0; touch < Touches; touch++)
            {
                Touch(first, Math.Min(first + Batch, New * (cut + 1)), cut);
            }
        }

        // The decision of those seen six cuts ago.
        if (cut >= CutsPerRun / 2)
        {
            Touch(New * (cut - (CutsPerRun / 2)), New * (cut - (CutsPerRun / 2) + 1), cut);
        }

        void Touch(int from, int until, int at)
        {
            for (int trace = from; trace < until; trace++)
            {
                if (trace % partitions == partition)
                {
                    ulong id = (ulong)trace * 0x9E37_79B9_7F4A_7C15;
                    var touch = new TouchTrace(at);
                    store.Update(new ChunkKey(id, ~id), ref touch);
                }
            }
        }
    }

    private static TimeSpan Cpu() => Environment.CpuUsage.TotalTime;

    [InlineArray(26)]
    private struct WideSummary
    {
        private long _first;
    }

    private struct TouchTrace(long batch) : ISummaryUpdater<WideSummary>
    {
        public void Update(ref WideSummary summary, bool isNew)
        {
            summary[0] = isNew ? 1 : summary[0] + 1;
            summary[1] = Math.Max(summary[1], batch);
            summary[25] |= 1L << (int)(batch & 63);
        }
    }
}
