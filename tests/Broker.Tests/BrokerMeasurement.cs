using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;

namespace StreamObserve.Broker.Tests;

/// <summary>
/// What the broker's process costs, by its own CPU in /proc: <c>StreamObserve.Broker.Tests --measure [MILLIONS]</c>. kcat produces
/// one-event records of 650 bytes and reads them once; then small transactions run for ten seconds.
/// </summary>
internal static class BrokerMeasurement
{
    private const int RecordBytes = 650;
    private const double TicksPerSecond = 100;

    public static async Task RunAsync(int millions)
    {
        string directory = TestBroker.NewDirectory();
        string input = Path.Combine(directory, "events.ndjson");
        await WriteEventsAsync(input, 1_000_000);
        WarmPageCache(Path.Combine(directory, "warm"), millions * 2L * 1_000_000 * RecordBytes);
        foreach (FsyncMode fsync in (FsyncMode[])[FsyncMode.EverySecond, FsyncMode.Always])
        {
            string data = Path.Combine(directory, fsync.ToString());
            await using BrokerProcess broker = await BrokerProcess.StartAsync(data, fsync);
            double start = Cpu(broker.Id);
            Console.WriteLine($"{fsync}: process start {start:F2} CPU s");
            for (int i = 0; i < millions; i++)
            {
                double before = Cpu(broker.Id);
                await ClientCommand.RunAsync("kcat", ["-P", "-b", broker.Bootstrap, "-t", $"events{i}", "-l", input], seconds: 120);
                double produced = Cpu(broker.Id);
                await ClientCommand.RunAsync(
                    "sh", ["-c", $"kcat -C -b {broker.Bootstrap} -t events{i} -e -q -o beginning | wc -c"], seconds: 120);
                double consumed = Cpu(broker.Id);
                Console.WriteLine(
                    $"{fsync}: million {i + 1} of {RecordBytes}-byte records: in {produced - before:F2}, out {consumed - produced:F2}, both {consumed - before:F2} CPU s; peak memory {PeakMegabytes(broker.Id)} MB");
            }

            await MeasureTransactionsAsync(broker, fsync);
        }

        Directory.Delete(directory, recursive: true);
    }

    // In a virtual machine the first touch of a page is served by its host and charged to whoever writes: up to ten times the cost of
    // the write itself. A file that is written and deleted leaves pages that were touched.
    private static void WarmPageCache(string path, long bytes)
    {
        Stopwatch watch = Stopwatch.StartNew();
        byte[] chunk = new byte[1 << 20];
        using (FileStream file = File.Create(path, 1))
        {
            for (long written = 0; written < bytes; written += chunk.Length)
            {
                file.Write(chunk);
            }
        }

        File.Delete(path);
        Console.WriteLine($"page cache warmed with {bytes / 1_000_000} MB in {watch.Elapsed.TotalSeconds:F1} s");
    }

    private static async Task MeasureTransactionsAsync(BrokerProcess broker, FsyncMode fsync)
    {
        ProducerConfig config = new() { BootstrapServers = broker.Bootstrap, TransactionalId = "measure", LingerMs = 0 };
        using IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>(config).Build();
        producer.InitTransactions(TimeSpan.FromSeconds(10));
        ConsumerConfig reading = new()
        {
            BootstrapServers = broker.Bootstrap,
            GroupId = "measure",
            IsolationLevel = IsolationLevel.ReadCommitted,
            FetchWaitMaxMs = 500,
        };
        using IConsumer<Null, byte[]> consumer = new ConsumerBuilder<Null, byte[]>(reading).Build();
        consumer.Assign(Enumerable.Range(0, 4).Select(partition => new TopicPartitionOffset("small", partition, Offset.Beginning)));
        byte[] value = new byte[20_000];
        List<double> commits = [], reads = [];
        Stopwatch watch = Stopwatch.StartNew();
        double before = 0;
        for (int i = 0; i < 220; i++)
        {
            if (i == 20)
            {
                before = Cpu(broker.Id); // the first second warms up
                commits.Clear();
                reads.Clear();
                watch.Restart();
            }

            long produced = Stopwatch.GetTimestamp();
            producer.BeginTransaction();
            for (int partition = 0; partition < 4; partition++)
            {
                producer.Produce(new TopicPartition("small", partition), new Message<Null, byte[]> { Value = value });
            }

            producer.CommitTransaction();
            commits.Add(Stopwatch.GetElapsedTime(produced).TotalMilliseconds);
            for (int partition = 0; partition < 4; partition++)
            {
                consumer.Consume(TimeSpan.FromSeconds(10));
            }

            reads.Add(Stopwatch.GetElapsedTime(produced).TotalMilliseconds);
            await Task.Delay(50);
        }

        double perSecond = (Cpu(broker.Id) - before) / watch.Elapsed.TotalSeconds;
        Console.WriteLine(
            $"{fsync}: transactions of 4 x 20 KB, {200 / watch.Elapsed.TotalSeconds:F0} a second: commit p50 {Percentile(commits, 50):F1}, p99 {Percentile(commits, 99):F1} ms; produced to read committed p50 {Percentile(reads, 50):F1}, p99 {Percentile(reads, 99):F1} ms; {perSecond * 100:F1} % of a core");
    }

    private static async Task WriteEventsAsync(string path, int count)
    {
        await using StreamWriter file = new(path);
        Random random = new(42);
        for (int i = 0; i < count; i++)
        {
            string line = $$"""{"time":"2026-01-01T00:00:00.{{i % 1000:D3}}Z","service.name":"s{{random.Next(12)}}","trace.trace_id":"{{random.NextInt64():x16}}{{random.NextInt64():x16}}","duration_ms":{{random.Next(100_000) / 100.0}},"pad":" """;
            await file.WriteAsync(line);
            for (int left = RecordBytes - line.Length - 3; left > 0; left -= 16)
            {
                await file.WriteAsync(random.NextInt64().ToString("x16").AsMemory(0, Math.Min(16, left)));
            }

            await file.WriteAsync("\"}\n");
        }
    }

    private static double Percentile(List<double> values, int percent) => values.Order().ElementAt(values.Count * percent / 100);

    private static double Cpu(int process)
    {
        string[] fields = File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    private static long PeakMegabytes(int process) =>
        long.Parse(File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmHWM:")).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
}
